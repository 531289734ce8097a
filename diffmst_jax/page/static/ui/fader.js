// A fader with its scale.

import { clamp, h } from "./dom.js";
import { pieces, slide } from "./slide.js";

export const LEVEL_SCALE = pieces([[-48, 0], [-24, 0.25], [-12, 0.47], [0, 0.75], [12, 1]]);
export const LOUDNESS_SCALE = pieces([[-30, 0], [-20, 0.4], [-14, 0.75], [-8, 1]]);

const TICKS = [12, 6, 0, -6, -12, -24, -48];

/** Options as for `slide`, and `ticks` to write beside it. */
export function fader(options) {
  const { scale, ticks = TICKS } = options;
  const cap = h("div", { class: "fader-cap" });
  const marks = ticks.map((value) => {
    const mark = h("span", { class: "fader-tick", text: Math.abs(value) });
    mark.style.setProperty("--at", scale.toPosition(value));
    return mark;
  });
  const lane = h("div", { class: "fader-lane" }, cap);
  const element = h("div", { class: "fader" }, ...marks, lane);
  const slider = slide(lane, { ...options, length: () => lane.clientHeight - 28 });
  return {
    element,
    lane,
    show(value) {
      lane.style.setProperty("--at", clamp(scale.toPosition(value), 0, 1));
      slider.show(value);
    },
  };
}
