// A knob: an arc from where the setting is neutral to where it stands.

import { clamp, h, s } from "./dom.js";
import { slide } from "./slide.js";

const SWEEP = 270;
const DRAG_PX = 160;

function point(position, radius) {
  const angle = ((position * SWEEP - SWEEP / 2 - 90) * Math.PI) / 180;
  return `${(20 + radius * Math.cos(angle)).toFixed(2)} ${(20 + radius * Math.sin(angle)).toFixed(2)}`;
}

function arc(from, to, radius) {
  const [a, b] = from < to ? [from, to] : [to, from];
  const large = (b - a) * SWEEP > 180 ? 1 : 0;
  return `M${point(a, radius)} A${radius} ${radius} 0 ${large} 1 ${point(b, radius)}`;
}

/** Options as for `slide`, and `name` to show, `neutral` as a value, `text(value)` below. */
export function knob(options) {
  const { scale, name, neutral, text } = options;
  const value = s("path", { class: "knob-value" });
  const hand = s("path", { class: "knob-hand" });
  const dial = s(
    "svg",
    { viewBox: "0 0 40 40", class: "knob-dial" },
    s("path", { class: "knob-track", d: arc(0, 1, 16) }),
    value,
    s("circle", { class: "knob-cap", cx: 20, cy: 20, r: 11 }),
    hand,
  );
  const shown = h("span", { class: "knob-text" });
  const element = h(
    "div",
    { class: "knob" },
    name ? h("span", { class: "knob-name", text: name }) : null,
    dial,
    shown,
  );
  const slider = slide(dial, { ...options, length: () => DRAG_PX, reset: options.reset });
  const origin = clamp(scale.toPosition(neutral), 0, 1);
  return {
    element,
    dial,
    show(now) {
      const position = clamp(scale.toPosition(now), 0, 1);
      value.setAttribute("d", Math.abs(position - origin) < 0.004 ? "" : arc(origin, position, 16));
      hand.setAttribute("d", `M${point(position, 5)} L${point(position, 10)}`);
      shown.textContent = text(now);
      slider.show(now);
    },
  };
}
