// The panel of the chosen strip: its equalizer and its compressor.

import { h } from "./dom.js";
import { dynamicsEditor } from "./dynamics.js";
import { equalizerEditor } from "./equalizer.js";
import { MASTER } from "./master.js";
import { trackName } from "./strip.js";

export function channelPanel(app) {
  const { store, ranges } = app;
  const settings = (state = store.state) =>
    app.chosen === MASTER ? state.console.master_bus : state.console.tracks[app.chosen];
  const base = () => {
    const { base: from } = store.state;
    return app.chosen === MASTER ? from?.master_bus : from?.tracks[app.chosen];
  };
  const gesture = {
    begin: (name) => store.begin(name ? `${name} ${app.chosen}` : null),
    end: () => store.end(),
  };
  const equalizer = equalizerEditor({
    ...gesture,
    read: () => settings().equalizer,
    base: () => base()?.equalizer,
    write: (index, band) => store.change((state) => {
      settings(state).equalizer[index] = band;
    }),
    ranges: ranges.equalizer,
    sampleRate: app.sampleRate,
    spectrum: () => app.listening.spectrum(),
  });
  const dynamics = dynamicsEditor({
    ...gesture,
    read: () => settings().compressor,
    base: () => base()?.compressor,
    write: (compressor) => store.change((state) => {
      settings(state).compressor = compressor;
    }),
    ranges: ranges.compressor,
  });
  const title = h("h2");
  const back = h("button", {
    type: "button", class: "quiet", text: "Back to the prediction",
    onclick: () => store.edit((state) => {
      const [from, to] = [base(), settings(state)];
      to.equalizer = structuredClone(from.equalizer);
      to.compressor = structuredClone(from.compressor);
    }),
  });
  const element = h(
    "section",
    { class: "channel card", "aria-label": "Chosen track" },
    h("header", {}, title, back),
    h(
      "div",
      { class: "channel-parts" },
      h("div", {}, h("h3", { text: "Equalizer" }), equalizer.element),
      h("div", {}, h("h3", { text: "Compressor" }), dynamics.element),
    ),
  );
  return {
    element,
    show(state) {
      const isMaster = app.chosen === MASTER;
      title.textContent = isMaster ? "Master" : trackName(settings(), state.console.tracks);
      back.hidden = !state.base;
      equalizer.show();
      dynamics.show();
    },
    showMeters(report) {
      const now = app.chosen === MASTER ? report.master : report.strips[app.chosen];
      if (now) dynamics.showReduction(now.reduction);
      equalizer.showSpectrum();
    },
  };
}
