// One channel strip: name, equalizer at a glance, pan, mute, solo, lock, fader, meters.

import { clamp, h, icon, panText, s, signed } from "./dom.js";
import { path, responseDb } from "./equalizer.js";
import { fader, LEVEL_SCALE } from "./fader.js";
import { knob } from "./knob.js";
import { levelMeter, reductionMeter } from "./meter.js";
import { linear } from "./slide.js";
import { stripLevel } from "../app/levels.js";
import { isLocked } from "../app/store.js";

const SEND_LOW_DB = -48; // shown as off
const sendText = (value) => (value <= SEND_LOW_DB + 0.01 ? "off" : `${signed(value)} dB`);
const round = (value) => Math.round(value * 1e4) / 1e4;

/** What a person calls a track: with its file's ending where only that tells it from another. */
export function trackName(track, tracks) {
  const { file, channels } = track;
  const called = (name) =>
    channels.length === 1 && channels[0] > 1 ? `${name} ${channels[0]}` : name;
  const stem = (name) => name.replace(/\.[^./]+$/, "");
  const isShared = tracks.some((other) => other.file !== file && stem(other.file) === stem(file));
  return called(isShared ? file : stem(file));
}

/** The name at the head of a strip: its group small above it, and places where it may break. */
function title(name) {
  const at = name.lastIndexOf("/") + 1;
  const text = name.slice(at).replaceAll("_", "_\u200b");
  return h("span", { class: "strip-name" },
    at ? h("small", { text: name.slice(0, at - 1) }) : null, h("span", { text }));
}

/** `app` gives the store, ranges, the sample rate and what `select`ing, soloing do. */
export function channelStrip(app, index) {
  const { store, ranges } = app;
  const state = () => store.state.console;
  const track = () => state().tracks[index];
  const name = trackName(track(), state().tracks);
  const begin = (gesture) => store.begin(gesture ? `${gesture} ${index}` : null);
  const end = () => store.end();
  const change = (edit) => store.change((state) => edit(state.console.tracks[index]));

  const curve = s("path");
  const glance = s("svg", { viewBox: "0 0 160 44", class: "glance", preserveAspectRatio: "none" },
    s("path", { class: "grid zero", d: "M0 22H160" }), curve);
  const reduction = reductionMeter("Gain reduction");
  const head = h(
    "button",
    { type: "button", class: "strip-head", onclick: () => app.select(index), title: track().file },
    title(name),
    glance,
    reduction.element,
  );

  const pan = knob({
    scale: linear(0, 1),
    name: "Pan",
    label: `Pan of ${name}`,
    text: panText,
    describe: panText,
    neutral: 0.5,
    read: () => track().pan,
    write: (value) => change((one) => {
      one.pan = round(Math.abs(value - 0.5) < 0.008 ? 0.5 : value);
    }),
    reset: () => store.state.base?.tracks[index].pan ?? 0.5,
    begin,
    end,
  });

  const send = state().console.reverb ? knob({
    scale: linear(SEND_LOW_DB, ranges.send_db.high),
    name: "Reverb",
    label: `Reverb of ${name}`,
    text: sendText,
    describe: sendText,
    neutral: SEND_LOW_DB,
    read: () => Math.max(track().send_db, SEND_LOW_DB),
    write: (value) => change((one) => {
      one.send_db = round(value <= SEND_LOW_DB + 0.01 ? ranges.send_db.low : value);
    }),
    reset: () => store.state.base?.tracks[index].send_db ?? ranges.send_db.low,
    begin,
    end,
  }) : null;

  const toggle = (label, content, onclick, help = label) => h(
    "button",
    { type: "button", class: `toggle ${label.toLowerCase()}`, "aria-pressed": "false",
      "aria-label": `${label} ${name}`, title: help, onclick },
    content,
  );
  const mute = toggle("Mute", "M", () => store.edit((state) => {
    const one = state.console.tracks[index];
    one.muted = !one.muted;
  }));
  const solo = toggle("Solo", "S", () => app.listening.toggleSolo(index));
  const lock = toggle("Lock", icon("lock"), () => store.edit((state) => {
    const { file, channels } = state.console.tracks[index];
    const others = state.locked.filter(([f, c]) => f !== file || `${c}` !== `${channels}`);
    state.locked = isLocked(state, { file, channels }) ? others : [...others, [file, channels]];
  }), "Lock: neither another mix nor the amounts touch this track");

  const level = fader({
    scale: LEVEL_SCALE,
    label: `Level of ${name}`,
    describe: (value) => `${signed(value)} dB`,
    read: () => stripLevel(track()) - app.zero,
    write: (value) => change((one) => {
      const { low, high } = ranges.input_gain_db;
      one.input_gain_db = round(clamp(value + app.zero - one.source_gain_db, low, high));
    }),
    reset: () => {
      const base = store.state.base?.tracks[index];
      return base ? stripLevel(base) - app.zero : 0;
    },
    begin,
    end,
  });
  const meter = levelMeter();
  const reading = h("output", { class: "strip-level" });
  const element = h(
    "section",
    { class: "strip", "aria-label": name },
    head,
    pan.element,
    send?.element ?? null,
    h("div", { class: "toggles" }, mute, solo, lock),
    h("div", { class: "strip-fader" }, level.element, meter.element),
    reading,
  );
  element.addEventListener("focusin", (event) => {
    if (event.target !== head) app.select(index, { keepFocus: true });
  });

  return {
    element,
    show(state) {
      const now = state.console.tracks[index];
      const locked = isLocked(state, now);
      const db = stripLevel(now) - app.zero;
      level.show(db);
      reading.textContent = `${signed(db)} dB`;
      pan.show(now.pan);
      send?.show(Math.max(now.send_db, SEND_LOW_DB));
      mute.setAttribute("aria-pressed", String(now.muted));
      solo.setAttribute("aria-pressed", String(app.listening.solo.has(index)));
      lock.setAttribute("aria-pressed", String(locked));
      const silent = now.muted || (app.listening.solo.size > 0 && !app.listening.solo.has(index));
      element.classList.toggle("silent", silent);
      element.classList.toggle("locked", locked);
      element.classList.toggle("chosen", app.chosen === index);
      head.setAttribute("aria-pressed", String(app.chosen === index));
      curve.setAttribute("d", path(responseDb(now.equalizer, app.sampleRate), 160, 44, 18));
    },
    showMeters({ peak, reduction: db }) {
      meter.show(peak);
      reduction.show(db);
    },
  };
}
