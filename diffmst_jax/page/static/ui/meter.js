// Meters: levels that rise at once and fall slowly, and gain reduction that hangs from the top.

import { clamp, h } from "./dom.js";

const LOW_DB = -60;
const FALL_DB = 1.2; // per report: 36 dB a second
const HOLD_REPORTS = 30;

const height = (db) => clamp((db - LOW_DB) / -LOW_DB, 0, 1) ** 1.4;

export function levelMeter() {
  const bar = h("i");
  const hold = h("b");
  const element = h("div", { class: "meter", "aria-hidden": "true" }, bar, hold);
  let level = LOW_DB;
  let held = LOW_DB;
  let age = 0;
  return {
    element,
    show(db) {
      level = Math.max(db, level - FALL_DB, LOW_DB);
      age += 1;
      if (db >= held || age > HOLD_REPORTS) {
        held = Math.max(db, LOW_DB);
        age = 0;
      }
      bar.style.setProperty("--level", height(level));
      hold.style.setProperty("--level", height(held));
      element.classList.toggle("over", level > -0.1);
    },
  };
}

export function reductionMeter(label) {
  const bar = h("i");
  const element = h("div", { class: "reduction", title: label, "aria-hidden": "true" }, bar);
  let shown = 0;
  return {
    element,
    show(db) {
      shown = Math.min(db, shown * 0.85);
      bar.style.setProperty("--level", clamp(-shown / 18, 0, 1) ** 0.7);
    },
  };
}
