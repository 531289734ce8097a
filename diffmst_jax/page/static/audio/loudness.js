// Loudness over the last seconds in LUFS (BS.1770), with the K-weighting that `dsp` uses.

import { Section } from "./equalizer.js";

const OFFSET_DB = -0.691;
const STEP_S = 0.1;

export class LoudnessMeter {
  constructor(sampleRate, seconds) {
    this.step = Math.round(STEP_S * sampleRate);
    this.powers = new Float64Array(Math.round(seconds / STEP_S));
    this.filters = [new Section("high_shelf", 2, sampleRate), new Section("high_pass", 2, sampleRate)];
    this.filters[0].set(4, 1500, Math.SQRT1_2);
    this.filters[1].set(0, 38, 0.5);
    this.work = new Float32Array(128);
    this.reset();
  }

  reset() {
    this.powers.fill(0);
    this.at = 0;
    this.sum = 0;
    this.samples = 0;
    for (const filter of this.filters) filter.reset();
  }

  process(left, right, count) {
    [left, right].forEach((x, channel) => {
      this.work.set(x.subarray(0, count));
      for (const filter of this.filters) filter.run(this.work, channel, count);
      for (let i = 0; i < count; i++) this.sum += this.work[i] * this.work[i];
    });
    this.samples += count;
    if (this.samples < this.step) return;
    this.powers[this.at] = this.sum / this.samples;
    this.at = (this.at + 1) % this.powers.length;
    this.sum = 0;
    this.samples = 0;
  }

  /** Mean over the steps heard so far, at most the meter's length. */
  get lufs() {
    const heard = this.powers.filter((power) => power > 0);
    if (!heard.length) return -Infinity;
    const mean = heard.reduce((total, power) => total + power, 0) / heard.length;
    return OFFSET_DB + 10 * Math.log10(mean);
  }
}
