// Parametric equalizer: trapezoidal state-variable sections, the same as in `dsp.biquad`.
//
// One section is H(s) = m0 + (m1 s + m2) / (s^2 + k s + 1), g = tan(pi f / fs), k = 1 / Q.

const MAX_FREQUENCY = 0.499; // in sample rates, as in dsp.biquad
const GLIDE = 0.3; // share of the way to new settings per block: about 10 ms, without zipper noise
const ARRIVED = 1e-4;

function designSection(kind, gainDb, frequencyHz, q, sampleRate) {
  const tangent = Math.tan(Math.min(frequencyHz / sampleRate, MAX_FREQUENCY) * Math.PI);
  const a = 10 ** (gainDb / 40);
  const k = 1 / q;
  switch (kind) {
    case "low_shelf":
      return { g: tangent / Math.sqrt(a), k, m0: 1, m1: k * (a - 1), m2: a * a - 1 };
    case "high_shelf":
      return { g: tangent * Math.sqrt(a), k, m0: a * a, m1: k * (1 - a) * a, m2: 1 - a * a };
    case "peaking":
      return { g: tangent, k: k / a, m0: 1, m1: (k / a) * (a * a - 1), m2: 0 };
    case "high_pass":
      return { g: tangent, k, m0: 1, m1: -k, m2: -1 };
    default:
      throw new Error(`unknown kind of band: ${kind}`);
  }
}

/** Magnitude in dB of one band at a frequency. */
export function bandResponseDb(band, hz, sampleRate) {
  const { g, k, m0, m1, m2 } = designSection(
    band.kind, band.gain_db, band.frequency_hz, band.q_factor, sampleRate,
  );
  const half = (Math.PI * hz) / sampleRate;
  const sine = Math.sin(half) / g;
  const cosine = Math.cos(half);
  const real = cosine * cosine - sine * sine;
  const imaginary = k * sine * cosine;
  const numeratorReal = m0 * real + m2 * cosine * cosine;
  const numeratorImaginary = m0 * imaginary + m1 * sine * cosine;
  const power = (numeratorReal ** 2 + numeratorImaginary ** 2) / (real ** 2 + imaginary ** 2);
  return 10 * Math.log10(Math.max(power, 1e-12));
}

/** One band over any number of channels; its settings glide to new ones. */
export class Section {
  constructor(kind, channels, sampleRate) {
    this.kind = kind;
    this.sampleRate = sampleRate;
    this.memory = new Float64Array(2 * channels);
    this.current = null;
    this.target = null;
    this.coefficients = null;
  }

  reset() {
    this.memory.fill(0);
    if (this.target) this.settle();
  }

  set(gainDb, frequencyHz, q) {
    this.target = [gainDb, Math.log(frequencyHz), Math.log(q)];
    if (!this.current) this.settle();
  }

  settle() {
    this.current = [...this.target];
    this.design();
  }

  design() {
    const [gain, frequency, q] = this.current;
    const c = designSection(this.kind, gain, Math.exp(frequency), Math.exp(q), this.sampleRate);
    const a1 = 1 / (1 + c.g * (c.g + c.k));
    this.coefficients = { ...c, a1, a2: c.g * a1, a3: c.g * c.g * a1 };
  }

  /** Move towards the target; returns whether the band does anything at all. */
  advance() {
    let moving = false;
    for (let i = 0; i < 3; i++) {
      const left = this.target[i] - this.current[i];
      if (left === 0) continue;
      this.current[i] = Math.abs(left) < ARRIVED ? this.target[i] : this.current[i] + GLIDE * left;
      moving = true;
    }
    if (moving) this.design();
    return moving || this.current[0] !== 0 || this.kind === "high_pass";
  }

  run(x, channel, count) {
    const { a1, a2, a3, m0, m1, m2 } = this.coefficients;
    let s1 = this.memory[2 * channel];
    let s2 = this.memory[2 * channel + 1];
    for (let i = 0; i < count; i++) {
      const v0 = x[i];
      const v3 = v0 - s2;
      const v1 = a1 * s1 + a2 * v3;
      const v2 = s2 + a2 * s1 + a3 * v3;
      s1 = 2 * v1 - s1;
      s2 = 2 * v2 - s2;
      x[i] = m0 * v0 + m1 * v1 + m2 * v2;
    }
    this.memory[2 * channel] = Math.abs(s1) < 1e-20 ? 0 : s1; // denormal numbers are slow
    this.memory[2 * channel + 1] = Math.abs(s2) < 1e-20 ? 0 : s2;
  }
}

export class Equalizer {
  constructor(kinds, channels, sampleRate) {
    this.sections = kinds.map((kind) => new Section(kind, channels, sampleRate));
  }

  set(bands) {
    bands.forEach((band, i) => {
      this.sections[i].set(band.gain_db, band.frequency_hz, band.q_factor);
    });
  }

  reset() {
    for (const section of this.sections) section.reset();
  }

  /** Filter arrays in place, one per channel. */
  process(channels, count) {
    for (const section of this.sections) {
      if (!section.advance()) continue; // a flat band is the identity
      channels.forEach((x, channel) => section.run(x, channel, count));
    }
  }
}
