// Making elements, and writing numbers as people of the trade write them.

const SVG = "http://www.w3.org/2000/svg";

function fill(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "text") element.textContent = value;
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

export const h = (tag, attributes, ...children) =>
  fill(document.createElement(tag), attributes, children);

export const s = (tag, attributes, ...children) =>
  fill(document.createElementNS(SVG, tag), attributes, children);

const ICONS = {
  play: "M6 3.5v13l11-6.5z",
  pause: "M5 3.5h3.5v13H5zM11.5 3.5H15v13h-3.5z",
  undo: "M7.5 4 3 8.5 7.5 13V10h5a3 3 0 0 1 0 6H9v2h3.5a5 5 0 0 0 0-10h-5z",
  redo: "M12.5 4 17 8.5 12.5 13V10h-5a3 3 0 0 0 0 6H11v2H7.5a5 5 0 0 1 0-10h5z",
  loop: "M6 5h8a4 4 0 0 1 4 4h-2a2 2 0 0 0-2-2H6v2.5L2.5 6 6 2.500zM14 15H6a4 4 0 0 1-4-4h2a2 2 0 0 0 2 2h8v-2.500L17.500 14 14 17.500z",
  lock: "M6 9V7a4 4 0 0 1 8 0v2h1v8H5V9zm2 0h4V7a2 2 0 0 0-4 0z",
  download: "M9 3h2v7l2.500-2.500 1.400 1.400L10 13.800 5.100 8.900l1.400-1.400L9 10zM4 15h12v2H4z",
  theme: "M10 2a8 8 0 1 1 0 16 8 8 0 0 1 0-16zm0 1.8a6.200 6.200 0 0 0 0 12.400z",
  file: "M5 2h7l4 4v12H5zm6 1.500V7h3.500z",
  close: "M5.400 4 10 8.600 14.600 4 16 5.400 11.400 10l4.600 4.600-1.400 1.400L10 11.400 5.400 16 4 14.600 8.600 10 4 5.400z",
  plus: "M9 4h2v5h5v2h-5v5H9v-5H4V9h5z",
};

export function icon(name) {
  return s(
    "svg",
    { viewBox: "0 0 20 20", "aria-hidden": "true", class: "icon" },
    s("path", { d: ICONS[name] }),
  );
}

export function setIcon(element, name) {
  element.querySelector("path").setAttribute("d", ICONS[name]);
}

const MINUS = "\u2212";

export function signed(value, digits = 1) {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return Number(0).toFixed(digits);
  return `${value < 0 ? MINUS : "+"}${text}`;
}

export const plain = (value, digits = 1) =>
  (value < 0 ? MINUS : "") + Math.abs(value).toFixed(digits);

export const hertz = (value) =>
  value >= 1000 ? `${Number((value / 1000).toPrecision(3))} kHz` : `${Math.round(value)} Hz`;

export function panText(position) {
  const percent = Math.round(200 * (position - 0.5));
  return percent === 0 ? "C" : `${percent < 0 ? "L" : "R"} ${Math.abs(percent)}`;
}

export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

export const bytes = (count) =>
  count >= 1e6 ? `${(count / 1e6).toFixed(1)}\u00a0MB` : `${Math.ceil(count / 1000)}\u00a0kB`;

/** Do something when `key` is another than the last time: lists are not rebuilt under a finger. */
export function whenChanged(action) {
  let last = null;
  return (key) => {
    const text = JSON.stringify(key);
    if (text === last) return;
    last = text;
    action(key);
  };
}

export const clamp = (value, low, high) => Math.min(Math.max(value, low), high);

/** Follow a pointer that went down on an element until it is let go, or taken away. */
export function follow(element, down, onMove, onEnd) {
  const following = new AbortController();
  const { signal } = following;
  const end = (event) => {
    following.abort();
    onEnd(event);
  };
  element.setPointerCapture(down.pointerId);
  element.addEventListener("pointermove", onMove, { signal });
  element.addEventListener("pointerup", end, { signal });
  element.addEventListener("pointercancel", end, { signal });
}
