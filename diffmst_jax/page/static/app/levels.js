// At which gain each thing is heard, so that all of them are equally loud.

const HIGHEST_PEAK_DB = -1;
const MOST_TRIM_DB = 6;

/**
 * Gains in dB for the player.
 *
 * The mix gets the gain that the last rendering needed, corrected for another loudness or ceiling,
 * and no more than the limiter allows; raw tracks and reference become as loud as that makes it. If
 * one would clip, all are turned down together.
 */
export function listeningLevels(state, { output, overview, mostLimitingDb }) {
  const { loudness_lufs: target, ceiling_dbtp: ceiling } = state.console.output;
  const { raw, reference } = overview;
  const to = (loudness, heard) => loudness - (heard?.loudness_lufs ?? loudness);
  const room = output ? ceiling + mostLimitingDb - peakBeforeLimiter(output) : Infinity;
  const missing = to(target, output ?? raw);
  const change = Math.min(missing, room);
  const reached = target - (missing - change);
  const gains = {
    mix: (output?.gain_db ?? 0) + change,
    raw: to(reached, raw),
    reference: to(reached, reference),
  };
  const peaks = [raw.peak_db + gains.raw, (reference?.peak_db ?? -Infinity) + gains.reference];
  const over = Math.max(...peaks.map((peak) => peak - HIGHEST_PEAK_DB));
  return { ...gains, ceiling, trim: -Math.min(Math.max(over, 0), MOST_TRIM_DB) };
}

/** True peak of the last rendering after its gain. */
const peakBeforeLimiter = ({ limiting_db: limiting, true_peak_dbtp: peak, of }) =>
  limiting > 0 ? of.output.ceiling_dbtp + limiting : peak;

/** Level of a strip before its console settings, in dB. */
export const stripLevel = (track) => track.source_gain_db + track.input_gain_db;

/** A strip at another level, with its compressor at work as before. */
export const moved = (track, db) => ({
  ...track,
  input_gain_db: track.input_gain_db + db,
  compressor: { ...track.compressor, threshold_db: track.compressor.threshold_db + db },
});

/** The level that faders count from: the mean, which amounts move only as they move all levels. */
export function faderZero(console) {
  const isAsRecorded = console.tracks.every((track) => track.source_gain_db === 0);
  if (isAsRecorded) return 0;
  const levels = console.tracks.map(stripLevel);
  return levels.reduce((total, level) => total + level, 0) / levels.length;
}
