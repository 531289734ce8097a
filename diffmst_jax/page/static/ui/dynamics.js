// The compressor: its curve, six knobs, and how far it turns down.

import { staticOutputDb } from "../audio/compressor.js";
import { h, plain, s, signed } from "./dom.js";
import { knob } from "./knob.js";
import { reductionMeter } from "./meter.js";
import { linear, logarithmic } from "./slide.js";

const LOW_DB = -60;
const SIZE = 200;
const HISTORY = 120; // reports: 4 seconds

const KNOBS = [
  { key: "threshold_db", name: "Threshold", text: (v) => `${plain(v)} dB`, neutral: 0 },
  { key: "ratio", name: "Ratio", text: (v) => `${v.toFixed(1)} : 1`, neutral: 1, log: true },
  { key: "attack_ms", name: "Attack", text: (v) => `${v.toFixed(0)} ms`, neutral: 20, log: true },
  { key: "release_ms", name: "Release", text: (v) => `${v.toFixed(0)} ms`, neutral: 100, log: true },
  { key: "knee_db", name: "Knee", text: (v) => `${v.toFixed(1)} dB`, neutral: 6 },
  { key: "makeup_gain_db", name: "Makeup", text: (v) => `${signed(v)} dB`, neutral: 0 },
];

const toXY = (x, y) => {
  const place = (db) => ((Math.min(Math.max(db, LOW_DB), 6) - LOW_DB) / (6 - LOW_DB)) * SIZE;
  return `${place(x).toFixed(1)} ${(SIZE - place(y)).toFixed(1)}`;
};

/**
 * `read()` gives the settings, `write(settings)` takes them, `base()` gives those of the prediction
 * if there is one; `ranges` says `{low, high}` of each; `begin` and `end` enclose a gesture.
 */
export function dynamicsEditor({ read, write, base, ranges, begin, end }) {
  const line = s("path", { class: "dynamics-curve" });
  const limit = s("path", { class: "dynamics-threshold" });
  const plot = s(
    "svg",
    { viewBox: `0 0 ${SIZE} ${SIZE}`, class: "dynamics-plot", "aria-hidden": "true" },
    ...[-48, -36, -24, -12, 0].flatMap((db) => [
      s("path", { class: "grid", d: `M${toXY(db, LOW_DB)} L${toXY(db, 6)}` }),
      s("path", { class: "grid", d: `M${toXY(LOW_DB, db)} L${toXY(6, db)}` }),
    ]),
    s("path", { class: "grid zero", d: `M${toXY(LOW_DB, LOW_DB)} L${toXY(6, 6)}` }),
    limit,
    line,
  );
  const meter = reductionMeter("Gain reduction");
  const history = new Float32Array(HISTORY).fill(0);
  const trail = s("path", { class: "reduction-trail" });
  const reading = h("span", { class: "reduction-text", text: "0.0 dB" });
  const knobs = KNOBS.map(({ key, name, text, neutral, log }) => {
    const { low, high } = ranges[key];
    const one = knob({
      scale: log ? logarithmic(low, high) : linear(low, high),
      name,
      label: name,
      text,
      neutral,
      describe: text,
      read: () => read()[key],
      write: (value) => write({ ...read(), [key]: Math.round(value * 1e4) / 1e4 }),
      reset: () => base()?.[key] ?? neutral,
      begin,
      end,
    });
    return { key, ...one };
  });
  const element = h(
    "div",
    { class: "dynamics" },
    h(
      "div",
      { class: "dynamics-view" },
      plot,
      h(
        "div",
        { class: "dynamics-meter" },
        s("svg", { viewBox: `0 0 ${HISTORY - 1} 18`, preserveAspectRatio: "none",
          class: "reduction-history", "aria-hidden": "true" }, trail),
        meter.element,
        reading,
      ),
    ),
    h("div", { class: "dynamics-knobs" }, ...knobs.map((one) => one.element)),
  );
  return {
    element,
    show() {
      const settings = read();
      const points = Array.from({ length: 67 }, (_, i) => LOW_DB + i);
      const d = points.map((db, i) => `${i ? "L" : "M"}${toXY(db, staticOutputDb(db, settings))}`);
      line.setAttribute("d", d.join(""));
      const { threshold_db: threshold } = settings;
      limit.setAttribute("d", `M${toXY(threshold, LOW_DB)} L${toXY(threshold, 6)}`);
      for (const one of knobs) one.show(settings[one.key]);
    },
    showReduction(db) {
      meter.show(db);
      history.copyWithin(0, 1);
      history[HISTORY - 1] = Math.min(-db, 18);
      const points = Array.from(history, (value, x) => `L${x} ${value.toFixed(2)}`);
      trail.setAttribute("d", `M0 0${points.join("")}L${HISTORY - 1} 0Z`);
      reading.textContent = `${plain(Math.abs(db) < 0.05 ? 0 : db)} dB`;
    },
  };
}
