// What faders, knobs and handles have in common: pointer, wheel and keys move a value.
//
// A gesture is one step of undo: `begin` comes before its first change and `end` after its last.

import { clamp, follow } from "./dom.js";

const FINE = 0.2;
const KEY_STEP = 0.02;
const WHEEL_STEP = 0.02;

/**
 * Make an element a slider.
 *
 * `scale` maps positions 0 to 1 and values onto each other: `{toValue, toPosition, low, high}`. A
 * value may stand beyond its ends; it is moved from where it stands, and no further out.
 * `read()` gives the value, `write(value)` takes it; `describe(value)` says it in words.
 */
export function slide(element, options) {
  const { scale, read, write, describe, label, begin, end, length, axis = "y", reset } = options;
  element.setAttribute("role", "slider");
  element.setAttribute("tabindex", "0");
  element.setAttribute("aria-label", label);
  element.setAttribute("aria-orientation", axis === "x" ? "horizontal" : "vertical");

  const moved = (from, by) => clamp(from + by, Math.min(from, 0), Math.max(from, 1));
  const move = (by) => write(scale.toValue(moved(scale.toPosition(read()), by)));

  element.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    down.preventDefault();
    element.focus({ preventScroll: true });
    begin();
    let last = axis === "x" ? down.clientX : down.clientY;
    let position = scale.toPosition(read());
    const onMove = (event) => {
      const now = axis === "x" ? event.clientX : event.clientY;
      const by = (axis === "x" ? now - last : last - now) / length();
      last = now;
      position = moved(position, by * (event.shiftKey ? FINE : 1));
      write(scale.toValue(position));
    };
    follow(element, down, onMove, end);
  });

  element.addEventListener("wheel", (event) => {
    if (document.activeElement !== element) return; // the page is scrolled past it
    event.preventDefault();
    begin(`${label} wheel`);
    move(-Math.sign(event.deltaY) * WHEEL_STEP * (event.shiftKey ? FINE : 1));
    end();
  }, { passive: false });

  const keys = {
    ArrowUp: KEY_STEP, ArrowRight: KEY_STEP, ArrowDown: -KEY_STEP, ArrowLeft: -KEY_STEP,
    PageUp: 5 * KEY_STEP, PageDown: -5 * KEY_STEP, Home: -Infinity, End: Infinity,
  };
  element.addEventListener("keydown", (event) => {
    const by = keys[event.key];
    if (by === undefined || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    begin(`${label} keys`);
    move(by * (event.shiftKey ? FINE : 1));
    end();
  });

  const back = () => {
    begin();
    write(reset());
    end();
  };
  if (reset) {
    element.addEventListener("dblclick", back);
    element.addEventListener("keydown", (event) => {
      if (event.key === "Delete" || event.key === "Backspace") back();
    });
  }

  return {
    /** Show a value that may have changed. */
    show(value) {
      element.setAttribute("aria-valuemin", Math.min(scale.low, value));
      element.setAttribute("aria-valuemax", Math.max(scale.high, value));
      element.setAttribute("aria-valuenow", Number(value.toFixed(3)));
      element.setAttribute("aria-valuetext", describe(value));
    },
  };
}

export const linear = (low, high) => ({
  low,
  high,
  toValue: (position) => low + position * (high - low),
  toPosition: (value) => (value - low) / (high - low),
});

export const logarithmic = (low, high) => ({
  low,
  high,
  toValue: (position) => low * (high / low) ** position,
  toPosition: (value) => Math.log(value / low) / Math.log(high / low),
});

/** Straight pieces between `[value, position]` points, as the scale beside a fader has them. */
export function pieces(points) {
  const between = (x, from, to) => {
    let i = 1;
    while (i < points.length - 1 && x > points[i][from]) i++;
    const [a, b] = [points[i - 1], points[i]];
    return a[to] + ((x - a[from]) / (b[from] - a[from])) * (b[to] - a[to]);
  };
  const [low, high] = [points[0][0], points.at(-1)[0]];
  return {
    low,
    high,
    toValue: (position) => between(position, 1, 0),
    toPosition: (value) => between(value, 0, 1),
  };
}
