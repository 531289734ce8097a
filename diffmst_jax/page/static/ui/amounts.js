// How much of the prediction is applied, per part.

import { api } from "../app/api.js";
import { faderZero, moved } from "../app/levels.js";
import { carryOver } from "../app/ranges.js";
import { isLocked } from "../app/store.js";
import { h } from "./dom.js";
import { MASTER } from "./master.js";

const TEXTS = {
  level: ["Level", "balance of the tracks"],
  eq: ["EQ", "equalizers of the tracks"],
  dynamics: ["Dynamics", "compressors of the tracks"],
  pan: ["Pan", "places in the stereo field"],
  effects: ["Effects", "reverb"],
  master: ["Master", "tone and dynamics of the sum"],
};

const ROUNDING_DB = 1e-3;

export function amountSliders(app) {
  const { store } = app;
  const rows = app.amountNames.map((name) => {
    const [title, text] = TEXTS[name] ?? [name, ""];
    const input = h("input", {
      type: "range", min: 0, max: 100, step: 1, "aria-label": `Amount of ${title}`,
    });
    const value = h("output");
    input.addEventListener("input", () => follow(name, Number(input.value) / 100));
    input.addEventListener("change", () => finish());
    const element = h("label", { class: "amount" },
      h("span", {}, h("b", { text: title }), h("small", { text })), input, value);
    return { name, input, value, element };
  });
  const hint = h("p", { class: "note" });
  const element = h("section", { class: "amounts card", "aria-label": "Amounts" },
    h("header", {}, h("h2", { text: "Amount" })), ...rows.map((row) => row.element), hint);

  const beyond = new Map(); // what ranges have cut off from changes by hand
  let asking = false;
  let wish = null; // amounts of a prediction that the server has not answered yet
  let ended = false;
  const wished = ({ predicted, amounts }) => (wish?.predicted === predicted ? wish.amounts : amounts);

  /** Ask the server for the prediction at these amounts, to change both together; the latest wish wins. */
  async function follow(name, value) {
    if (!store.open) store.begin();
    ended = false;
    const { predicted } = store.state;
    wish = { predicted, amounts: { ...wished(store.state), [name]: value } };
    store.notify();
    if (asking) return;
    asking = true;
    let asked = null;
    try {
      while (asked !== wish) {
        asked = wish;
        const base = await api.amounts(app.song, asked.predicted, asked.amounts);
        const isThere = store.state?.predicted === asked.predicted; // no other console since
        if (isThere) store.change((state) => take(state, asked.amounts, base));
      }
    } catch (error) {
      app.complain(error);
    } finally {
      asking = false;
      wish = null;
      if (ended) store.end();
      store.notify();
    }
  }

  function finish() {
    ended = true;
    if (!asking) store.end();
  }

  /**
   * What was changed by hand stays on top of the prediction. Where all levels had to move to keep in
   * their ranges, those of locked tracks go along.
   */
  function take(state, amounts, base) {
    const before = state.base;
    const step = faderZero(base) - faderZero(before);
    const tracks = state.console.tracks.map((track, i) => {
      const key = `${track.file} ${track.channels}`;
      if (!isLocked(state, track)) return carry(key, track, before.tracks[i], base.tracks[i]);
      return Math.abs(step) < ROUNDING_DB ? track : carry(key, track, track, moved(track, step));
    });
    const { fx_bus: effects } = state.console;
    state.console = {
      ...state.console,
      made_with: base.made_with,
      tracks,
      master_bus: carry(MASTER, state.console.master_bus, before.master_bus, base.master_bus),
      ...(effects ? { fx_bus: effects } : {}),
    };
    state.amounts = amounts;
    state.base = base;
  }

  function carry(key, now, before, after) {
    const { properties } = app.schema;
    const schema = key === MASTER ? properties.master_bus : properties.tracks.items;
    return carryOver(schema, now, before, after, beyond, key);
  }

  return {
    element,
    show(state) {
      const can = Boolean(state.base);
      element.classList.toggle("unavailable", !can);
      hint.textContent = can
        ? "100 % is what the model set. What you change by hand stays on top; locked tracks stay put."
        : "Mix first: then these sliders take as much back of each part as you like.";
      const amounts = wished(state);
      for (const { name, input, value, element: row } of rows) {
        row.hidden = name === "effects" && !state.console.console.reverb;
        input.disabled = !can;
        input.value = Math.round(100 * amounts[name]);
        input.style.setProperty("--at", amounts[name]);
        value.textContent = `${Math.round(100 * amounts[name])} %`;
      }
    },
  };
}
