// Messages that come and go; errors stay until they are closed. One that is said again is shown once.

import { h, icon } from "./dom.js";

const SHOWN_MS = 4000;

export function toasts() {
  const element = h("div", { class: "toasts", role: "status", "aria-live": "polite" });
  /** A text; several as a list and one with something to open stay until they are closed. */
  function say(text, { kind = "", open = null } = {}) {
    const lines = [text].flat();
    const isList = lines.length > 1;
    const content = isList
      ? h("ul", {}, ...lines.map((line) => h("li", { text: line })))
      : h("span", { text: lines[0] });
    const link = open
      ? h("a", { href: open, target: "_blank", rel: "noopener", text: "Open" })
      : null;
    const one = h("div", { class: `toast ${kind}` }, content, link);
    const close = h("button", {
      type: "button", "aria-label": "Close", onclick: () => one.remove(),
    }, icon("close"));
    [...element.children].find((other) => other.textContent === one.textContent)?.remove();
    one.append(close);
    element.append(one);
    while (element.children.length > 4) element.firstChild.remove();
    if (kind !== "error" && !isList && !open) setTimeout(() => one.remove(), SHOWN_MS);
  }
  return { element, say, complain: (error) => say(error.message ?? String(error), { kind: "error" }) };
}
