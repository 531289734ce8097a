// What comes out: the mix, its settings, its report, and a session for another program.

import { h, icon } from "./dom.js";

export function downloads(app) {
  const bits = h("select", { "aria-label": "Sample format" },
    h("option", { value: "24", text: "24 bit" }), h("option", { value: "16", text: "16 bit" }),
    h("option", { value: "float", text: "32 bit float" }));
  const entry = (text, note, onclick) => h("button", {
    type: "button", class: "entry", onclick: () => { menu.open = false; onclick(); },
  }, h("b", { text }), h("small", { text: note }));
  const entries = [
    entry("Mix, WAV", "rendered by the server at full quality", () => app.work.downloadMix("wav", bits.value)),
    entry("Mix, FLAC", "the same, smaller", () =>
      app.work.downloadMix("flac", bits.value === "float" ? "24" : bits.value)),
    entry("console.json", "every setting, for diffmst render", () => app.work.downloadConsole()),
    entry("Report", "of the mix as it is now", () => app.work.makeReport()),
  ];
  for (const { key, title } of app.about.export) {
    entries.push(entry(title, "tracks and console as a session", () => app.work.downloadSession(key)));
  }
  const menu = h("details", { class: "menu" },
    h("summary", { class: "button", "aria-label": "Download" }, icon("download"), h("span", { text: "Download" })),
    h("div", { class: "menu-list" }, ...entries, h("label", { class: "menu-row" }, "Samples", bits)));
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
  return {
    element: menu,
    show() {
      menu.hidden = !app.store.state;
      for (const button of entries) button.disabled = app.work.busy;
    },
  };
}

/** Have the browser keep what an address gives. */
export function save(address) {
  const link = h("a", { href: address, download: "" });
  document.body.append(link);
  link.click();
  link.remove();
}
