// The last stage of a mix: a gain, and a limiter like that of `diffmst_jax.mixing.finishing.output`.
//
// The gain that each sample needs, its minimum over a window, smoothed by two running means: the
// same as the final rendering, except that it goes by sample peaks and adds its window as latency.

import { Delay } from "./compressor.js";

const WINDOW_S = 0.04;

export class Limiter {
  constructor(sampleRate) {
    this.half = Math.round((WINDOW_S * sampleRate) / 2) | 1;
    this.minimum = new SlidingMinimum(2 * this.half + 1);
    this.means = [new RunningMean(this.half), new RunningMean(this.half)];
    // The window looks `half` ahead, the two centred means together half - 1 more.
    this.latency = 2 * this.half - 1;
    this.delays = [new Delay(this.latency), new Delay(this.latency)];
    this.reductionDb = 0;
  }

  reset() {
    this.minimum.reset();
    for (const mean of this.means) mean.reset();
    for (const delay of this.delays) delay.reset();
    this.reductionDb = 0;
  }

  process(left, right, count, ceiling) {
    const [first, second] = this.means;
    const gains = (this.gains ??= new Float64Array(128));
    let lowest = 1;
    for (let i = 0; i < count; i++) {
      const peak = Math.max(Math.abs(left[i]), Math.abs(right[i]));
      const needed = peak > ceiling ? ceiling / peak : 1;
      const gain = second.push(first.push(this.minimum.push(needed)));
      gains[i] = gain;
      if (gain < lowest) lowest = gain;
    }
    this.delays[0].process(left, count);
    this.delays[1].process(right, count);
    for (let i = 0; i < count; i++) {
      left[i] *= gains[i];
      right[i] *= gains[i];
    }
    this.reductionDb = 20 * Math.log10(lowest);
  }
}

/** Minimum of the last `size` values, by a queue of candidates in increasing order. */
class SlidingMinimum {
  constructor(size) {
    this.size = size;
    this.values = new Float64Array(size);
    this.times = new Float64Array(size);
    this.reset();
  }

  reset() {
    this.head = 0;
    this.length = 0;
    this.time = 0;
  }

  push(value) {
    const { size, values, times } = this;
    while (this.length && values[(this.head + this.length - 1) % size] >= value) this.length--;
    if (this.length && times[this.head] <= this.time - size) {
      this.head = (this.head + 1) % size;
      this.length--;
    }
    const end = (this.head + this.length) % size;
    values[end] = value;
    times[end] = this.time++;
    this.length++;
    return values[this.head];
  }
}

class RunningMean {
  constructor(size) {
    this.ring = new Float64Array(size);
    this.reset();
  }

  reset() {
    this.ring.fill(1);
    this.sum = this.ring.length;
    this.at = 0;
  }

  push(value) {
    this.sum += value - this.ring[this.at];
    this.ring[this.at] = value;
    this.at = this.at + 1 === this.ring.length ? 0 : this.at + 1;
    if (this.at === 0) this.sum = this.ring.reduce((total, v) => total + v, 0); // no drift
    return this.sum / this.ring.length;
  }
}
