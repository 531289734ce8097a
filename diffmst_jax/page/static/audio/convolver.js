// Convolution with a long response, in partitions: the effects bus of the console.
//
// Overlap-save with blocks of `PARTITION` samples: each block is transformed once, multiplied with
// every partition of the response in the block that it meets it in, and transformed back. The
// output comes one block late.

export const PARTITION = 1024;
const SIZE = 2 * PARTITION;

/** Fourier transform of `SIZE` complex numbers, in place. */
const transform = (() => {
  const bits = Math.log2(SIZE);
  const reversed = Uint32Array.from({ length: SIZE }, (_, i) => {
    let turned = 0;
    for (let bit = 0; bit < bits; bit++) turned |= ((i >> bit) & 1) << (bits - 1 - bit);
    return turned;
  });
  const angles = Array.from({ length: SIZE / 2 }, (_, i) => (-2 * Math.PI * i) / SIZE);
  const cosines = Float64Array.from(angles, Math.cos);
  const sines = Float64Array.from(angles, Math.sin);
  return (real, imaginary) => {
    for (let i = 0; i < SIZE; i++) {
      const j = reversed[i];
      if (j <= i) continue;
      [real[i], real[j]] = [real[j], real[i]];
      [imaginary[i], imaginary[j]] = [imaginary[j], imaginary[i]];
    }
    for (let half = 1, stride = SIZE / 2; half < SIZE; half *= 2, stride /= 2) {
      for (let start = 0; start < SIZE; start += 2 * half) {
        for (let k = 0; k < half; k++) {
          const [c, s] = [cosines[k * stride], sines[k * stride]];
          const [a, b] = [start + k, start + k + half];
          const re = real[b] * c - imaginary[b] * s;
          const im = real[b] * s + imaginary[b] * c;
          real[b] = real[a] - re;
          imaginary[b] = imaginary[a] - im;
          real[a] += re;
          imaginary[a] += im;
        }
      }
    }
  };
})();

const spectrum = () => ({ real: new Float64Array(SIZE), imaginary: new Float64Array(SIZE) });

/** One channel. */
export class Convolver {
  constructor() {
    this.input = new Float64Array(SIZE); // the block before and the one that is being filled
    this.output = new Float64Array(PARTITION);
    this.sum = spectrum();
    this.parts = [];
    this.past = [];
    this.reset();
  }

  /** `response` may be changed while it runs; what rings on then does so with the new one. */
  setResponse(response) {
    const count = Math.ceil(response.length / PARTITION);
    this.parts = Array.from({ length: count }, (_, part) => {
      const one = spectrum();
      one.real.set(response.subarray(part * PARTITION, (part + 1) * PARTITION));
      transform(one.real, one.imaginary);
      return one;
    });
    while (this.past.length < count) this.past.push(spectrum());
  }

  reset() {
    this.input.fill(0);
    this.output.fill(0);
    for (const { real, imaginary } of this.past) {
      real.fill(0);
      imaginary.fill(0);
    }
    this.filled = 0;
    this.latest = 0;
  }

  process(x, count) {
    for (let i = 0; i < count; i++) {
      this.input[PARTITION + this.filled] = x[i];
      x[i] = this.output[this.filled];
      this.filled += 1;
      if (this.filled === PARTITION) this.turn();
    }
  }

  turn() {
    this.filled = 0;
    const { parts, past, sum, input } = this;
    if (!parts.length) return;
    this.latest = (this.latest + past.length - 1) % past.length;
    const now = past[this.latest];
    now.real.set(input);
    now.imaginary.fill(0);
    transform(now.real, now.imaginary);
    sum.real.fill(0);
    sum.imaginary.fill(0);
    parts.forEach((part, age) => add(sum, part, past[(this.latest + age) % past.length]));
    // The inverse is the transform of the conjugate; the result is real.
    for (let i = 0; i < SIZE; i++) sum.imaginary[i] = -sum.imaginary[i];
    transform(sum.real, sum.imaginary);
    for (let i = 0; i < PARTITION; i++) this.output[i] = sum.real[PARTITION + i] / SIZE;
    input.copyWithin(0, PARTITION);
  }
}

/** `sum += a b` up to half the rate, and what follows from symmetry beyond. */
function add(sum, a, b) {
  for (let i = 0; i <= PARTITION; i++) {
    const re = a.real[i] * b.real[i] - a.imaginary[i] * b.imaginary[i];
    const im = a.real[i] * b.imaginary[i] + a.imaginary[i] * b.real[i];
    sum.real[i] += re;
    sum.imaginary[i] += im;
    if (i === 0 || i === PARTITION) continue;
    sum.real[SIZE - i] += re;
    sum.imaginary[SIZE - i] -= im;
  }
}
