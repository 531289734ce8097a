// The equalizer's curve with a handle per band, and the numbers of the chosen one.

import { bandResponseDb } from "../audio/equalizer.js";
import { clamp, follow, h, hertz, s, signed } from "./dom.js";

const LOW_HZ = 20;
const HIGH_HZ = 20000;
const REACH_DB = 15;
const POINTS = 160;
const FINE = 0.2;
const NAMES = ["Low shelf", "Bell 1", "Bell 2", "Bell 3", "Bell 4", "High shelf"];
const GRID_HZ = [50, 100, 200, 500, 1000, 2000, 5000, 10000];
const GRID_DB = [-12, -6, 0, 6, 12];

const octaves = Math.log(HIGH_HZ / LOW_HZ);
const toX = (hz) => Math.log(hz / LOW_HZ) / octaves;
const toHz = (x) => LOW_HZ * Math.exp(x * octaves);
const grid = Array.from({ length: POINTS + 1 }, (_, i) => toHz(i / POINTS));

/** The response of whole bands at the points of the grid, in dB. */
export function responseDb(bands, sampleRate) {
  const active = bands.filter((band) => band.gain_db !== 0);
  return grid.map((hz) =>
    active.reduce((sum, band) => sum + bandResponseDb(band, hz, sampleRate), 0),
  );
}

export function path(values, width, height, reach = REACH_DB) {
  const y = (db) => height / 2 - (clamp(db, -reach, reach) / reach) * (height / 2);
  return values
    .map((db, i) => `${i ? "L" : "M"}${((i / POINTS) * width).toFixed(1)} ${y(db).toFixed(1)}`)
    .join("");
}

const WIDTH = 720;
const HEIGHT = 260;

/**
 * `read()` gives the bands, `write(index, band)` takes one, `base()` gives those of the prediction
 * if there is one; `ranges` says `{low, high}` of each setting per band; `begin` and `end` enclose a
 * gesture.
 */
export function equalizerEditor({ read, write, base, ranges, begin, end, sampleRate, spectrum }) {
  const curve = s("path", { class: "eq-curve" });
  const area = s("path", { class: "eq-area" });
  const single = s("path", { class: "eq-single" });
  const live = s("path", { class: "eq-spectrum" });
  const handles = NAMES.map((name, index) => handle(name, index));
  const plot = s(
    "svg",
    {
      class: "eq-plot",
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      preserveAspectRatio: "none",
      role: "group",
      "aria-label": "Equalizer bands",
    },
    ...gridLines(),
    live,
    area,
    single,
    curve,
  );
  const stage = h("div", { class: "eq-stage" }, plot, ...labels(), ...handles.map((x) => x.element));
  const numbers = numberFields();
  let chosen = 1;

  function handle(name, index) {
    const element = h("button", {
      type: "button",
      class: "eq-handle",
      text: index + 1,
      role: "slider",
      "aria-label": `${name}: gain; left and right for frequency, minus and plus for width`,
    });
    const set = (change) => write(index, limited(index, { ...read()[index], ...change }));
    const reset = () => base()?.[index] ?? { gain_db: 0 };
    element.addEventListener("pointerdown", (down) => {
      if (down.button !== 0) return;
      down.preventDefault();
      element.focus({ preventScroll: true });
      begin();
      let [x, y] = [down.clientX, down.clientY];
      const onMove = (event) => {
        const box = stage.getBoundingClientRect();
        const fine = event.shiftKey ? FINE : 1;
        const band = read()[index];
        set({
          frequency_hz: toHz(toX(band.frequency_hz) + (fine * (event.clientX - x)) / box.width),
          gain_db: band.gain_db - (fine * (event.clientY - y) * 2 * REACH_DB) / box.height,
        });
        [x, y] = [event.clientX, event.clientY];
      };
      follow(element, down, onMove, end);
    });
    element.addEventListener("focus", () => {
      chosen = index;
      show();
    });
    element.addEventListener("dblclick", () => {
      begin();
      set(reset());
      end();
    });
    element.addEventListener("wheel", (event) => {
      event.preventDefault();
      begin(`width ${index}`);
      set({ q_factor: read()[index].q_factor * 1.12 ** -Math.sign(event.deltaY) });
      end();
    }, { passive: false });
    element.addEventListener("keydown", (event) => {
      const band = read()[index];
      const fine = event.shiftKey ? FINE : 1;
      const changes = {
        ArrowUp: { gain_db: band.gain_db + 0.5 * fine },
        ArrowDown: { gain_db: band.gain_db - 0.5 * fine },
        ArrowRight: { frequency_hz: band.frequency_hz * 1.06 ** fine },
        ArrowLeft: { frequency_hz: band.frequency_hz / 1.06 ** fine },
        "+": { q_factor: band.q_factor * 1.12 },
        "=": { q_factor: band.q_factor * 1.12 },
        "-": { q_factor: band.q_factor / 1.12 },
        Delete: reset(),
        Backspace: reset(),
      };
      const change = changes[event.key];
      if (!change || event.ctrlKey || event.metaKey) return;
      event.preventDefault();
      begin(`band ${index}`);
      set(change);
      end();
    });
    return { element };
  }

  function limited(index, band) {
    const limits = ranges[index];
    const keep = (name) =>
      Math.round(clamp(band[name], limits[name].low, limits[name].high) * 1e4) / 1e4;
    return {
      ...band,
      gain_db: keep("gain_db"),
      frequency_hz: keep("frequency_hz"),
      q_factor: keep("q_factor"),
    };
  }

  function numberFields() {
    const title = h("strong", { class: "eq-name" });
    const field = (name, label, step) => {
      const input = h("input", {
        type: "number", step, inputmode: "decimal", "aria-label": label, "data-name": name,
      });
      input.addEventListener("change", () => {
        const value = Number(input.value);
        if (input.value !== "" && Number.isFinite(value)) {
          begin();
          write(chosen, limited(chosen, { ...read()[chosen], [name]: value }));
          end();
        }
        showNumbers(); // what was typed may be none, or out of range
      });
      return h("label", {}, h("span", { text: label }), input);
    };
    const inputs = [
      field("gain_db", "Gain dB", 0.1),
      field("frequency_hz", "Frequency Hz", 1),
      field("q_factor", "Q", 0.05),
    ];
    return { element: h("div", { class: "eq-numbers" }, title, ...inputs), title, inputs };
  }

  function show() {
    const bands = read();
    const total = responseDb(bands, sampleRate);
    const line = path(total, WIDTH, HEIGHT);
    curve.setAttribute("d", line);
    area.setAttribute("d", `${line}L${WIDTH} ${HEIGHT / 2}L0 ${HEIGHT / 2}Z`);
    single.setAttribute("d", path(responseDb([bands[chosen]], sampleRate), WIDTH, HEIGHT));
    bands.forEach((band, i) => {
      const { element } = handles[i];
      element.style.setProperty("--x", toX(clamp(band.frequency_hz, LOW_HZ, HIGH_HZ)));
      element.style.setProperty("--y", 0.5 - band.gain_db / (2 * REACH_DB));
      element.classList.toggle("chosen", i === chosen);
      element.setAttribute("aria-valuemin", ranges[i].gain_db.low);
      element.setAttribute("aria-valuemax", ranges[i].gain_db.high);
      element.setAttribute("aria-valuenow", band.gain_db.toFixed(1));
      const words = `${signed(band.gain_db)} dB at ${hertz(band.frequency_hz)}, Q ${band.q_factor.toFixed(2)}`;
      element.setAttribute("aria-valuetext", words);
      element.title = `${NAMES[i]}: ${words}`;
    });
    numbers.title.textContent = `${chosen + 1}  ${NAMES[chosen]}`;
    showNumbers({ except: document.activeElement }); // in which something is being typed
  }

  function showNumbers({ except = null } = {}) {
    const band = read()[chosen];
    const texts = [band.gain_db.toFixed(1), Math.round(band.frequency_hz), band.q_factor.toFixed(2)];
    numbers.inputs.forEach((label, i) => {
      const input = label.querySelector("input");
      if (input !== except) input.value = texts[i];
    });
  }

  /** Draw what is heard behind the curve. */
  function showSpectrum() {
    const levels = spectrum();
    live.setAttribute("d", levels ? spectrumPath(levels) : "");
  }

  return { element: h("div", { class: "eq" }, stage, numbers.element), show, showSpectrum };
}

function spectrumPath({ magnitudes, binHz }) {
  const steps = grid.map((hz, i) => {
    const [low, high] = [hz / 1.03, hz * 1.03].map((edge) => Math.round(edge / binHz));
    let level = -120;
    for (let bin = low; bin <= high; bin++) level = Math.max(level, magnitudes[bin] ?? -120);
    const db = clamp(level + 4.5 * Math.log2(hz / 1000), -96, -12); // flat for falling music
    const y = HEIGHT - ((db + 96) / 84) * HEIGHT * 0.92;
    return `${i ? "L" : "M"}${((i / POINTS) * WIDTH).toFixed(1)} ${y.toFixed(1)}`;
  });
  return `${steps.join("")}L${WIDTH} ${HEIGHT}L0 ${HEIGHT}Z`;
}

function gridLines() {
  const across = GRID_DB.map((db) => {
    const y = HEIGHT / 2 - (db / REACH_DB) * (HEIGHT / 2);
    return s("path", { class: db === 0 ? "grid zero" : "grid", d: `M0 ${y}H${WIDTH}` });
  });
  const down = GRID_HZ.map((hz) =>
    s("path", { class: "grid", d: `M${toX(hz) * WIDTH} 0V${HEIGHT}` }),
  );
  return [...across, ...down];
}

function labels() {
  const hz = GRID_HZ.map((value) => {
    const label = h("span", { class: "eq-hz", text: value < 1000 ? value : `${value / 1000}k` });
    label.style.setProperty("--x", toX(value));
    return label;
  });
  const db = GRID_DB.filter((value) => value !== 0).map((value) => {
    const label = h("span", { class: "eq-db", text: signed(value, 0) });
    label.style.setProperty("--y", 0.5 - value / (2 * REACH_DB));
    return label;
  });
  return [...hz, ...db];
}
