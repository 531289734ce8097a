// The mixing console, sample by sample the same as `dsp.mix_console`.
//
//   track:  source gain + input gain -> equalizer -> compressor -> pan --+--> sum
//                                                                        +--> send -> reverb -> sum
//   master: input fader -> equalizer -> compressor -> output fader
//
// Its settings are the document of a `console.json`.

import { Compressor, Delay } from "./compressor.js";
import { Convolver, PARTITION } from "./convolver.js";
import { Equalizer } from "./equalizer.js";

const HALF_PI = Math.PI / 2;
const SILENCE_DB = -200;
const BLOCK = 128; // samples at most that are processed at once
const AT_REST_S = 2; // of silence: after it every filter and compressor has come to rest

export const toGain = (db) => 10 ** (db / 20);
export const toDb = (gain) => (gain > 1e-10 ? 20 * Math.log10(gain) : SILENCE_DB);

/** Gains of left and right at a position, 0 left to 1 right. */
export function panGains(position, law) {
  const circular = [Math.sin(HALF_PI - position * HALF_PI), Math.sin(position * HALF_PI)];
  const linear = [1 - position, position];
  if (law === "linear") return linear;
  if (law === "constant_power") return circular;
  return circular.map((gain, i) => Math.sqrt(Math.max(gain * linear[i], 0)));
}

/** Where the channels of a strip sit: a pair's far channel follows, its near one stays. */
export function positions(pan, channels) {
  return channels === 1 ? [pan] : [Math.max(0, 2 * pan - 1), Math.min(1, 2 * pan)];
}

/** A gain that reaches a new value over one block instead of at once. */
class Ramp {
  constructor() {
    this.value = null;
    this.target = 0;
  }

  set(target) {
    this.target = target;
    this.value ??= target;
  }

  settle() {
    this.value = this.target;
  }

  apply(x, count) {
    const step = (this.target - this.value) / count;
    if (step === 0) {
      if (this.value !== 1) for (let i = 0; i < count; i++) x[i] *= this.value;
      return;
    }
    for (let i = 0; i < count; i++) x[i] *= this.value + step * (i + 1);
    this.value = this.target;
  }

  /** Add `x` times this gain to `sum`. */
  add(x, sum, count) {
    const step = (this.target - this.value) / count;
    for (let i = 0; i < count; i++) sum[i] += x[i] * (this.value + step * (i + 1));
    this.value = this.target;
  }
}

function isSilent(x, count) {
  for (let i = 0; i < count; i++) if (x[i] !== 0) return false;
  return true;
}

class ToneAndDynamics {
  constructor(channels, bands, config, lookaheadMs, sampleRate) {
    this.equalizer = new Equalizer(bands.map((band) => band.kind), channels, sampleRate);
    this.compressor = new Compressor({
      channels,
      ballistics: config.ballistics,
      detector: config.detector,
      lookaheadMs,
      sampleRate,
    });
  }

  set(settings) {
    this.equalizer.set(settings.equalizer);
    this.compressor.set(settings.compressor);
  }

  reset() {
    this.equalizer.reset();
    this.compressor.reset();
  }
}

class Strip {
  constructor(settings, config, sampleRate) {
    this.config = config;
    const count = settings.channels.length;
    const lookahead = config.track_compressor ? config.track_lookahead_ms : 0;
    // One gain for both channels of a pair, from the mean of their levels; `detector` is the master's.
    const linked = { ...config, detector: "mean" };
    this.effects = new ToneAndDynamics(count, settings.equalizer, linked, lookahead, sampleRate);
    this.channels = settings.channels.map(() => ({
      level: new Ramp(),
      heard: [new Ramp(), new Ramp()],
      sent: [new Ramp(), new Ramp()],
    }));
    this.quiet = Infinity; // samples of silence so far
    this.restAfter = AT_REST_S * sampleRate;
    this.latency = this.effects.compressor.latency;
    this.peak = new Float32Array(count);
  }

  set(settings, isHeard) {
    const level = isHeard ? toGain(settings.source_gain_db + settings.input_gain_db) : 0;
    const send = this.config.reverb ? toGain(settings.send_db) : 0;
    const places = positions(settings.pan, this.channels.length);
    this.effects.set(settings);
    this.channels.forEach((channel, i) => {
      channel.level.set(level);
      panGains(places[i], this.config.pan_law).forEach((gain, side) => {
        channel.heard[side].set(gain);
        channel.sent[side].set(gain * send);
      });
    });
  }

  reset() {
    this.effects.reset();
    this.quiet = Infinity;
    this.settle();
  }

  /** Process a block of each channel in place and add them to the sums; `sends` may be null. */
  process(blocks, sums, sends, count) {
    this.quiet = blocks.every((x) => isSilent(x, count)) ? this.quiet + count : 0;
    if (this.quiet > this.restAfter) {
      this.rest();
      return;
    }
    const { equalizer, compressor } = this.effects;
    blocks.forEach((x, i) => this.channels[i].level.apply(x, count));
    if (this.config.track_equalizer) equalizer.process(blocks, count);
    if (this.config.track_compressor) compressor.process(blocks, count);
    blocks.forEach((x, index) => {
      const { heard, sent } = this.channels[index];
      let peak = this.peak[index];
      for (let i = 0; i < count; i++) peak = Math.max(peak, Math.abs(x[i]));
      this.peak[index] = peak;
      heard.forEach((ramp, side) => ramp.add(x, sums[side], count));
      if (sends) sent.forEach((ramp, side) => ramp.add(x, sends[side], count));
    });
  }

  /** Where nothing comes in and nothing rings on, there is nothing to compute. */
  rest() {
    const { compressor } = this.effects;
    if (compressor.reductionDb !== 0) compressor.reset();
    this.settle();
  }

  settle() {
    for (const { level, heard, sent } of this.channels) {
      for (const ramp of [level, ...heard, ...sent]) ramp.settle();
    }
  }

  get reductionDb() {
    return this.effects.compressor.reductionDb;
  }
}

/** The effects bus: as late as its convolution, by which the sum then has to wait. */
class EffectsBus {
  constructor() {
    this.sends = [0, 1].map(() => new Float32Array(BLOCK));
    this.convolvers = [new Convolver(), new Convolver()];
    this.delays = [new Delay(PARTITION), new Delay(PARTITION)];
  }

  setResponse(response) {
    const length = response.length / 2;
    this.convolvers.forEach((convolver, side) => {
      convolver.setResponse(response.subarray(side * length, (side + 1) * length));
    });
  }

  reset() {
    for (const one of [...this.convolvers, ...this.delays]) one.reset();
  }

  /** Clear the sends of a block that is to come. */
  begin(count) {
    for (const send of this.sends) send.fill(0, 0, count);
    return this.sends;
  }

  /** Add what comes back to the sums. */
  end(sums, count) {
    sums.forEach((sum, side) => {
      const send = this.sends[side];
      this.convolvers[side].process(send, count);
      this.delays[side].process(sum, count);
      for (let i = 0; i < count; i++) sum[i] += send[i];
    });
  }
}

export class Console {
  constructor(settings, sampleRate) {
    const { console: config } = settings;
    this.config = config;
    this.strips = settings.tracks.map((track) => new Strip(track, config, sampleRate));
    const lookahead = config.master_bus ? config.master_lookahead_ms : 0;
    const { equalizer } = settings.master_bus;
    this.master = new ToneAndDynamics(2, equalizer, config, lookahead, sampleRate);
    this.faders = [new Ramp(), new Ramp(), new Ramp(), new Ramp()];
    this.effects = config.reverb ? new EffectsBus() : null;
    this.latency = (this.strips[0]?.latency ?? 0) + this.master.compressor.latency;
    if (this.effects) this.latency += PARTITION;
    this.set(settings);
  }

  /** Take over new settings of the same strips. `heard(index)` mutes without a trace in them. */
  set(settings, heard = () => true) {
    settings.tracks.forEach((track, i) => this.strips[i].set(track, !track.muted && heard(i)));
    const { master_bus: master } = settings;
    this.master.set(master);
    const [inLeft, inRight, outLeft, outRight] = this.faders;
    for (const ramp of [inLeft, inRight]) ramp.set(toGain(master.input_fader_db));
    for (const ramp of [outLeft, outRight]) ramp.set(toGain(master.output_fader_db));
  }

  setReverb(response) {
    this.effects?.setResponse(response);
  }

  reset() {
    this.effects?.reset();
    for (const strip of this.strips) strip.reset();
    this.master.reset();
    for (const ramp of this.faders) ramp.settle();
  }

  /**
   * Mix one block. `blocks` has one array per channel of each strip, strip after strip; they are
   * used up. `left` and `right` are written.
   */
  process(blocks, left, right, count) {
    left.fill(0, 0, count);
    right.fill(0, 0, count);
    const sums = [left, right];
    const sends = this.effects ? this.effects.begin(count) : null;
    let row = 0;
    for (const strip of this.strips) {
      const first = row;
      row += strip.channels.length;
      strip.process(blocks.slice(first, row), sums, sends, count);
    }
    if (this.effects) this.effects.end(sums, count);
    if (!this.config.master_bus) return;
    this.faders[0].apply(left, count);
    this.faders[1].apply(right, count);
    this.master.equalizer.process(sums, count);
    this.master.compressor.process(sums, count);
    this.faders[2].apply(left, count);
    this.faders[3].apply(right, count);
  }
}
