// The master strip: drive into the master bus, loudness and ceiling, meters of what comes out.

import { clamp, h, plain, s, signed } from "./dom.js";
import { path, responseDb } from "./equalizer.js";
import { fader, LOUDNESS_SCALE } from "./fader.js";
import { knob } from "./knob.js";
import { levelMeter, reductionMeter } from "./meter.js";
import { linear } from "./slide.js";

export const MASTER = "master";
const DRIVE_REACH_DB = 24;
const SHORT_LU = 0.1; // by which a mix may miss its loudness before that is said

export function masterStrip(app) {
  const { store, ranges } = app;
  const begin = (gesture) => store.begin(gesture ? `${gesture} master` : null);
  const end = () => store.end();
  const curve = s("path");
  const reduction = reductionMeter("Gain reduction of the master compressor");
  const head = h(
    "button",
    { type: "button", class: "strip-head", onclick: () => app.select(MASTER) },
    h("span", { class: "strip-name", text: "Master" }),
    s("svg", { viewBox: "0 0 160 44", class: "glance", preserveAspectRatio: "none" },
      s("path", { class: "grid zero", d: "M0 22H160" }), curve),
    reduction.element,
  );
  const drive = knob({
    scale: linear(-DRIVE_REACH_DB, DRIVE_REACH_DB),
    name: "Input",
    label: "Level into the master bus",
    text: (value) => signed(value), // there is room for two, without their unit
    describe: (value) => `${signed(value)} dB`,
    neutral: 0,
    read: () => store.state.console.master_bus.input_fader_db,
    write: (value) => store.change((state) => {
      const { low, high } = ranges.drive_db;
      state.console.master_bus.input_fader_db = Math.round(clamp(value, low, high) * 100) / 100;
    }),
    reset: () => store.state.base?.master_bus.input_fader_db ?? 0,
    begin,
    end,
  });
  const output = (key) => ({
    read: () => store.state.console.output[key],
    write: (value) => store.change((state) => {
      state.console.output[key] = Math.round(value * 10) / 10;
    }),
    reset: () => store.state.base?.output[key] ?? app.output[key],
    begin,
    end,
  });
  const ceiling = knob({
    ...output("ceiling_dbtp"),
    scale: linear(ranges.output.ceiling_dbtp.low, ranges.output.ceiling_dbtp.high),
    name: "Ceiling",
    label: "Ceiling: the highest true peak",
    text: (value) => plain(value),
    describe: (value) => `${plain(value)} dBTP`,
    neutral: ranges.output.ceiling_dbtp.high,
  });
  const loudness = fader({
    ...output("loudness_lufs"),
    scale: LOUDNESS_SCALE,
    ticks: [-8, -11, -14, -17, -20, -25, -30],
    label: "Loudness of the mix",
    describe: (value) => `${plain(value)} LUFS`,
  });
  const meters = [levelMeter(), levelMeter()];
  const reading = h("output", { class: "strip-level" });
  const limiting = h("span", { class: "limiting", text: "limit", title: "Limiter turns down" });
  const element = h(
    "section",
    { class: "strip master", "aria-label": "Master" },
    head,
    h("div", { class: "knobs" }, drive.element, ceiling.element),
    h("div", { class: "toggles" }, limiting),
    h("div", { class: "strip-fader" }, loudness.element, ...meters.map((one) => one.element)),
    reading,
  );

  /** What the mix is finished to; under a low ceiling it may not get there. */
  function showLoudness(target) {
    const reached = app.keeping.isLevel ? app.details.output.loudness_lufs : null;
    const isShort = reached !== null && reached < target - SHORT_LU;
    reading.textContent = isShort ? `only ${plain(reached)}` : `${plain(target)} LUFS`;
    reading.title = isShort
      ? `Stays ${plain(target - reached)} LU below ${plain(target)} LUFS: more would crush its peaks`
      : "";
    reading.classList.toggle("short", isShort);
  }

  return {
    element,
    show(state) {
      const { equalizer, input_fader_db: input } = state.console.master_bus;
      const { loudness_lufs: target, ceiling_dbtp: peak } = state.console.output;
      drive.show(input);
      ceiling.show(peak);
      loudness.show(target);
      showLoudness(target);
      element.classList.toggle("chosen", app.chosen === MASTER);
      head.setAttribute("aria-pressed", String(app.chosen === MASTER));
      curve.setAttribute("d", path(responseDb(equalizer, app.sampleRate), 160, 44, 18));
    },
    showMeters(master) {
      meters.forEach((meter, side) => meter.show(master.peaks[side]));
      reduction.show(master.reduction);
      limiting.classList.toggle("on", master.limiting < -0.1);
    },
  };
}
