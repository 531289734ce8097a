// Messages that come and go; errors stay until they are closed.

import { h, icon } from "./dom.js";

const SHOWN_MS = 4000;

export function toasts() {
  const element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  /** One text, or several as a list, which stays until it is closed. */
  function say(text, kind = "") {
    const lines = [text].flat();
    const isList = lines.length > 1;
    const content = isList
      ? h("ul", {}, ...lines.map((line) => h("li", { text: line })))
      : h("span", { text: lines[0] });
    const one = h("div", { class: `toast ${kind}` }, content);
    const close = h("button", {
      type: "button", "aria-label": "Close", onclick: () => one.remove(),
    }, icon("close"));
    one.append(close);
    element.append(one);
    while (element.children.length > 4) element.firstChild.remove();
    if (kind !== "error" && !isList) setTimeout(() => one.remove(), SHOWN_MS);
  }
  return { element, say, complain: (error) => say(error.message ?? String(error), "error") };
}
