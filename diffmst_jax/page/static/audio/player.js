// What is heard: the console over the song, the raw tracks, or the reference, at matched loudness.
//
// Everything here is plain JavaScript: the worklet wraps it, tests can too.

import { Delay } from "./compressor.js";
import { Console, panGains, toDb, toGain } from "./console.js";
import { Limiter } from "./limiter.js";
import { LoudnessMeter } from "./loudness.js";
import { Source } from "./source.js";

const QUANTUM = 128;
const WARM_UP_S = 0.25; // run before a place, so that compressors have settled when it is heard
const QUANTA_PER_CALL = 8; // of warming up, so that no call takes too long
const FADE_S = 0.006;
const SHORT_TERM_S = 3;
const GLIDE = 0.06; // per block: about 50 ms

export class Player {
  /** `settings` is a console document; `song` and `reference` say `{rows, length}` or null. */
  constructor({ settings, song, reference, sampleRate }) {
    this.sampleRate = sampleRate;
    this.song = new Source(song.rows, song.length);
    this.reference = reference ? new Source(reference.rows, reference.length) : null;
    this.limiter = new Limiter(sampleRate);
    this.loudness = new LoudnessMeter(sampleRate, SHORT_TERM_S);
    this.fadeStep = 1 / (FADE_S * sampleRate);
    this.playing = false;
    this.envelope = 0;
    this.weights = { mix: 1, raw: 0, reference: 0 };
    this.choice = "mix";
    this.gains = { mix: 1, raw: 1, reference: 1, trim: 1 };
    this.goals = this.gains;
    this.ceiling = null;
    this.loop = null;
    this.seekTo = null;
    this.toWarmUp = 0;
    this.solo = new Set();
    this.allocate(song.rows);
    this.build(settings);
  }

  allocate(rows) {
    const block = () => new Float32Array(QUANTUM);
    this.rows = Array.from({ length: rows }, block);
    this.mix = [block(), block()];
    this.raw = [block(), block()];
    this.other = [block(), block()];
    this.peaks = [0, 0];
  }

  build(settings) {
    this.settings = settings;
    this.shape = JSON.stringify([settings.console, settings.tracks.map((t) => t.channels)]);
    this.console = new Console(settings, this.sampleRate);
    if (this.response) this.console.setReverb(this.response);
    this.rawPlaces = settings.tracks.flatMap((track) =>
      track.channels.length === 1 ? [panGains(0.5, "constant_power")] : [[1, 0], [0, 1]],
    );
    this.rawDelays = [0, 1].map(() => new Delay(this.latency));
    this.setSettings(settings);
  }

  get latency() {
    return this.console.latency + (this.ceiling === null ? 0 : this.limiter.latency);
  }

  setSettings(settings) {
    const shape = JSON.stringify([settings.console, settings.tracks.map((t) => t.channels)]);
    if (shape !== this.shape) {
      this.build(settings);
      this.seek(this.place);
      return;
    }
    this.settings = settings;
    const { solo } = this;
    this.console.set(settings, (index) => solo.size === 0 || solo.has(index));
  }

  /** The response of the effects bus, left and then right. */
  setReverb(response) {
    this.response = response;
    this.console.setReverb(response);
  }

  setSolo(indices) {
    this.solo = new Set(indices);
    this.setSettings(this.settings);
  }

  /**
   * Loudness-matching gains in dB, `trim` for all alike, and the ceiling of the mix in dB or null
   * for no limiter.
   */
  setLevels({ mix, raw, reference, trim = 0, ceiling }) {
    this.goals = {
      mix: toGain(mix),
      raw: toGain(raw),
      reference: toGain(reference),
      trim: toGain(trim),
    };
    if (this.envelope === 0) this.gains = { ...this.goals };
    this.ceiling = ceiling === null ? null : toGain(ceiling);
    if (this.rawDelays[0].ring.length !== this.latency) {
      this.rawDelays = [0, 1].map(() => new Delay(this.latency));
      this.seek(this.place);
    }
  }

  choose(name) {
    this.choice = name === "reference" && !this.reference ? "mix" : name;
    if (this.envelope === 0) {
      for (const key of Object.keys(this.weights)) this.weights[key] = Number(key === this.choice);
    }
  }

  get active() {
    return this.choice === "reference" ? this.reference : this.song;
  }

  /** Where the listener is, in samples of what is heard now. */
  get place() {
    if (this.seekTo !== null) return this.seekTo;
    if (this.choice === "reference") return this.reference.position;
    const ahead = this.latency - this.toWarmUp;
    const place = this.song.position - Math.max(ahead, 0) + Math.max(-ahead, 0);
    return Math.min(Math.max(place, 0), this.song.length);
  }

  seek(position) {
    this.seekTo = Math.round(Math.min(Math.max(position, 0), this.active.length - 1));
    if (this.envelope === 0) this.jump();
  }

  jump() {
    const target = this.seekTo;
    this.seekTo = null;
    if (this.choice === "reference") {
      this.reference.position = target;
      return;
    }
    const warm = Math.min(target, Math.round(WARM_UP_S * this.sampleRate));
    this.song.position = target - warm;
    this.toWarmUp = warm + this.latency;
    this.console.reset();
    this.limiter.reset();
    for (const delay of this.rawDelays) delay.reset();
  }

  /** Blocks that are wanted: `[["song", index], ["reference", index], ...]`. */
  wanted() {
    const loopStart = this.loop ? this.loop[0] : null;
    const list = this.song.missing(loopStart).map((index) => ["song", index]);
    if (this.reference) {
      list.push(...this.reference.missing(null).map((index) => ["reference", index]));
    }
    return list;
  }

  put(source, index, samples) {
    this[source]?.put(index, samples);
  }

  /** Write the next block of what is heard; returns whether audio was missing. */
  process(left, right, count) {
    left.fill(0);
    right.fill(0);
    const fadingOut = !this.playing || this.seekTo !== null;
    if (this.envelope === 0 && fadingOut) {
      if (this.seekTo !== null) this.jump();
      if (!this.playing) return false;
    }
    for (let i = 0; this.toWarmUp > 0 && i < QUANTA_PER_CALL; i++) {
      const size = Math.min(count, this.toWarmUp);
      if (!this.song.has(this.song.position)) return true;
      this.advanceSong(size);
      this.toWarmUp -= size;
    }
    if (this.toWarmUp > 0) return false;
    const needsSong = this.weights.reference < 1 || this.choice !== "reference";
    const needsReference = this.weights.reference > 0 || this.choice === "reference";
    if (needsSong && !this.isHere(this.song, count)) return true;
    if (needsReference && !this.isHere(this.reference, count)) return true;
    this.glide();
    if (needsSong) this.advanceSong(count);
    if (needsReference) this.advanceReference(count);
    this.blend(left, right, count, !fadingOut);
    this.loudness.process(left, right, count);
    return false;
  }

  isHere(source, count) {
    const last = Math.min(source.position + count - 1, source.length - 1);
    if (source.position >= source.length) return true; // the tail: silence
    return source.has(source.position) && source.has(last);
  }

  /** Gains glide, so that a new loudness is no click. */
  glide() {
    for (const name of Object.keys(this.goals)) {
      this.gains[name] += GLIDE * (this.goals[name] - this.gains[name]);
    }
  }

  advanceSong(count) {
    const { song, rows, mix, raw } = this;
    raw[0].fill(0);
    raw[1].fill(0);
    rows.forEach((row, index) => {
      song.read(index, row, count);
      const [toLeft, toRight] = this.rawPlaces[index];
      for (let i = 0; i < count; i++) {
        raw[0][i] += toLeft * row[i];
        raw[1][i] += toRight * row[i];
      }
    });
    this.rawDelays.forEach((delay, side) => delay.process(raw[side], count));
    this.console.process(rows, mix[0], mix[1], count);
    const gain = this.gains.mix;
    for (const x of mix) for (let i = 0; i < count; i++) x[i] *= gain;
    if (this.ceiling !== null) this.limiter.process(mix[0], mix[1], count, this.ceiling);
    const before = song.position;
    song.position += count;
    const [start, end] = this.loop ?? [0, Infinity];
    if (before < end && song.position >= end) song.position = start + (song.position - end);
    if (song.position >= song.length + this.latency) this.atEnd = true;
  }

  advanceReference(count) {
    this.other.forEach((x, side) => {
      this.reference.read(Math.min(side, this.reference.rows - 1), x, count);
      for (let i = 0; i < count; i++) x[i] *= this.gains.reference;
    });
    this.reference.position += count;
    if (this.reference.position >= this.reference.length) this.reference.position = 0;
  }

  blend(left, right, count, fadingIn) {
    const names = ["mix", "raw", "reference"];
    const signals = [this.mix, this.raw, this.other];
    const { raw: rawGain, trim } = this.gains;
    for (let i = 0; i < count; i++) {
      const step = fadingIn ? this.fadeStep : -this.fadeStep;
      this.envelope = Math.min(Math.max(this.envelope + step, 0), 1);
      names.forEach((name, n) => {
        const toward = name === this.choice ? this.fadeStep : -this.fadeStep;
        const weight = Math.min(Math.max(this.weights[name] + toward, 0), 1);
        this.weights[name] = weight;
        if (weight === 0) return;
        const scale = weight * this.envelope * trim * (n === 1 ? rawGain : 1);
        left[i] += scale * signals[n][0][i];
        right[i] += scale * signals[n][1][i];
      });
      this.peaks[0] = Math.max(this.peaks[0], Math.abs(left[i]));
      this.peaks[1] = Math.max(this.peaks[1], Math.abs(right[i]));
    }
  }

  /** What the meters show since the last report. */
  report() {
    const strips = this.console.strips.map((strip) => {
      const peak = toDb(Math.max(...strip.peak) * this.gains.mix * this.gains.trim);
      strip.peak.fill(0);
      return { peak, reduction: strip.reductionDb };
    });
    const master = {
      peaks: this.peaks.map(toDb),
      reduction: this.console.master.compressor.reductionDb,
      limiting: this.limiter.reductionDb,
      loudness: this.loudness.lufs,
    };
    this.peaks = [0, 0];
    const ended = Boolean(this.atEnd);
    if (ended) {
      this.atEnd = false;
      this.playing = false;
      this.seek(0);
    }
    return { place: this.place, choice: this.choice, playing: this.playing, ended, strips, master };
  }
}
