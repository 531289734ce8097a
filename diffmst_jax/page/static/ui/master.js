// The master strip: drive into the master bus, target loudness, meters of what comes out.

import { clamp, h, plain, s, signed } from "./dom.js";
import { path, responseDb } from "./equalizer.js";
import { fader, LOUDNESS_SCALE } from "./fader.js";
import { knob } from "./knob.js";
import { levelMeter, reductionMeter } from "./meter.js";
import { linear } from "./slide.js";

export const MASTER = "master";
const DRIVE_REACH_DB = 24;
const DEFAULT_LUFS = -14;

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
    label: "Level into the master bus",
    text: (value) => `${signed(value)} dB`,
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
  const loudness = fader({
    scale: LOUDNESS_SCALE,
    ticks: [-8, -11, -14, -17, -20, -25, -30],
    label: "Loudness of the mix",
    describe: (value) => `${plain(value)} LUFS`,
    read: () => store.state.console.output.loudness_lufs,
    write: (value) => store.change((state) => {
      state.console.output.loudness_lufs = Math.round(value * 10) / 10;
    }),
    reset: () => store.state.base?.output.loudness_lufs ?? DEFAULT_LUFS,
    begin,
    end,
  });
  const meters = [levelMeter(), levelMeter()];
  const reading = h("output", { class: "strip-level" });
  const limiting = h("span", { class: "limiting", text: "limit", title: "Limiter turns down" });
  const element = h(
    "section",
    { class: "strip master", "aria-label": "Master" },
    head,
    drive.element,
    h("div", { class: "toggles" }, limiting),
    h("div", { class: "strip-fader" }, loudness.element, ...meters.map((one) => one.element)),
    reading,
  );
  return {
    element,
    show(state) {
      const { equalizer, input_fader_db: input } = state.console.master_bus;
      drive.show(input);
      loudness.show(state.console.output.loudness_lufs);
      reading.textContent = `${plain(state.console.output.loudness_lufs)} LUFS`;
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
