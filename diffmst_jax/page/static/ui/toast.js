// Messages that come and go; errors stay until they are closed.

import { h, icon } from "./dom.js";

const SHOWN_MS = 4000;

export function toasts() {
  const element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  function say(text, kind = "") {
    const one = h("div", { class: `toast ${kind}` }, h("span", { text }));
    const close = h("button", {
      type: "button", "aria-label": "Close", onclick: () => one.remove(),
    }, icon("close"));
    one.append(close);
    element.append(one);
    while (element.children.length > 4) element.firstChild.remove();
    if (kind !== "error") setTimeout(() => one.remove(), SHOWN_MS);
  }
  return { element, say, complain: (error) => say(error.message ?? String(error), "error") };
}
