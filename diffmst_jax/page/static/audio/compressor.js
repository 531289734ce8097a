// Feed-forward compressor in the log domain, the same as `dsp.compressor`.

const MIN_POWER = 1e-12; // levels below -120 dB count as that
const MIN_KNEE_DB = 1e-3;
const MIN_TIME_MS = 1e-3;
const NEPERS_PER_DB = Math.LN10 / 20;
const DB_PER_NEPER_OF_POWER = 10 / Math.LN10;

/** Coefficient of a one-pole smoother that rises from 10 to 90 % in `timeMs`. */
function timeConstant(timeMs, sampleRate) {
  return -Math.expm1(-Math.log(9) / (Math.max(timeMs, MIN_TIME_MS) * 1e-3 * sampleRate));
}

/** max(excess, 0) with a quadratic transition of width `kneeDb` around 0. */
function softRamp(excessDb, kneeDb) {
  const knee = Math.max(kneeDb, MIN_KNEE_DB);
  const slope = Math.min(Math.max(excessDb / knee + 0.5, 0), 1);
  return 0.5 * knee * slope * slope + Math.max(excessDb - knee / 2, 0);
}

/** Level out for a level in, at rest: the curve to draw. */
export function staticOutputDb(levelDb, settings) {
  const slope = 1 - 1 / settings.ratio;
  const reduction = slope * softRamp(levelDb - settings.threshold_db, settings.knee_db);
  return levelDb - reduction + settings.makeup_gain_db;
}

export class Compressor {
  constructor({ channels, ballistics, detector, lookaheadMs, sampleRate }) {
    // Sampled filters cannot run live; their exact counterpart sounds the same.
    this.ballistics = ballistics === "sampled_one_pole" ? "one_pole" : ballistics;
    this.detector = detector;
    this.sampleRate = sampleRate;
    this.latency = Math.round(lookaheadMs * 1e-3 * sampleRate);
    this.delays = Array.from({ length: channels }, () => new Delay(this.latency));
    this.gain = new Float64Array(0);
    this.settings = null;
    this.reset();
  }

  set(settings) {
    this.settings = settings;
    this.attack = timeConstant(settings.attack_ms, this.sampleRate);
    this.release =
      this.ballistics === "one_pole"
        ? this.attack
        : timeConstant(settings.release_ms, this.sampleRate);
    this.slope = 1 - 1 / settings.ratio;
  }

  reset() {
    this.held = 0;
    this.smoothed = 0;
    this.reductionDb = 0;
    for (const delay of this.delays) delay.reset();
  }

  /** Compress arrays in place; `reductionDb` is then the lowest gain, makeup left out. */
  process(channels, count) {
    const isNeutral = this.slope === 0 && this.settings.makeup_gain_db === 0;
    if (!isNeutral) this.measure(channels, count);
    channels.forEach((x, i) => this.delays[i].process(x, count));
    if (isNeutral) {
      this.reductionDb = 0;
      return;
    }
    for (const x of channels) {
      for (let i = 0; i < count; i++) x[i] *= this.gain[i];
    }
  }

  measure(channels, count) {
    if (this.gain.length < count) this.gain = new Float64Array(count);
    const { threshold_db: threshold, knee_db: knee, makeup_gain_db: makeup } = this.settings;
    const { attack, release, slope } = this;
    const decoupled = this.ballistics === "decoupled";
    // Below the knee nothing is reduced, whatever the level: most samples need no logarithm.
    const lowestPower = 10 ** ((threshold - Math.max(knee, MIN_KNEE_DB) / 2) / 10);
    let { held, smoothed } = this;
    let lowest = 0;
    for (let i = 0; i < count; i++) {
      const power = this.power(channels, i);
      let wanted = 0;
      if (power > lowestPower) {
        const level = DB_PER_NEPER_OF_POWER * Math.log(Math.max(power, MIN_POWER));
        wanted = -softRamp(level - threshold, knee);
      }
      if (decoupled) {
        held = Math.min(wanted, held + release * (wanted - held));
        smoothed += attack * (held - smoothed);
      } else {
        smoothed += (wanted < smoothed ? attack : release) * (wanted - smoothed);
      }
      const reduction = slope * smoothed;
      if (reduction < lowest) lowest = reduction;
      this.gain[i] = Math.exp(NEPERS_PER_DB * (reduction + makeup));
    }
    this.held = held;
    this.smoothed = smoothed;
    this.reductionDb = lowest;
  }

  power(channels, i) {
    const left = channels[0][i];
    if (channels.length === 1) return left * left;
    const right = channels[1][i];
    if (this.detector === "sum") return (left + right) ** 2;
    if (this.detector === "max") return Math.max(left * left, right * right);
    return (0.5 * (Math.abs(left) + Math.abs(right))) ** 2;
  }
}

export class Delay {
  constructor(samples) {
    this.ring = new Float32Array(samples);
    this.at = 0;
  }

  reset() {
    this.ring.fill(0);
    this.at = 0;
  }

  process(x, count) {
    const { ring } = this;
    if (!ring.length) return;
    let { at } = this;
    for (let i = 0; i < count; i++) {
      const late = ring[at];
      ring[at] = x[i];
      x[i] = late;
      at = at + 1 === ring.length ? 0 : at + 1;
    }
    this.at = at;
  }
}
