// At which gain each thing is heard, so that all of them are equally loud.

const HIGHEST_PEAK_DB = -1;
const MOST_TRIM_DB = 6;

/**
 * Gains in dB for the player.
 *
 * The mix gets the gain that the last rendering needed, corrected for another target; raw tracks
 * and reference get theirs by their loudness. If one would clip, all are turned down together.
 */
export function listeningLevels(state, { output, overview }) {
  const { loudness_lufs: target, ceiling_dbtp: ceiling } = state.console.output;
  const { raw, reference } = overview;
  const toTarget = (heard) => target - (heard?.loudness_lufs ?? target);
  const mix = output ? output.gain_db + target - (output.loudness_lufs ?? target) : toTarget(raw);
  const gains = { mix, raw: toTarget(raw), reference: toTarget(reference) };
  const peaks = [raw.peak_db + gains.raw, (reference?.peak_db ?? -Infinity) + gains.reference];
  const over = Math.max(...peaks.map((peak) => peak - HIGHEST_PEAK_DB));
  return { ...gains, ceiling, trim: -Math.min(Math.max(over, 0), MOST_TRIM_DB) };
}

/** Level of a strip before its console settings, in dB. */
export const stripLevel = (track) => track.source_gain_db + track.input_gain_db;

/** The level that faders count from: the mean, which amounts leave where it is. */
export function faderZero(console) {
  const isAsRecorded = console.tracks.every((track) => track.source_gain_db === 0);
  if (isAsRecorded) return 0;
  const levels = console.tracks.map(stripLevel);
  return levels.reduce((total, level) => total + level, 0) / levels.length;
}
