// Play, what is heard, the outline of it with playhead and loop, time and loudness.

import { clamp, clock, follow, h, icon, plain, setIcon } from "./dom.js";

const CHOICES = [
  ["mix", "Mix"],
  ["raw", "Raw"],
  ["reference", "Reference"],
];
const DRAG_PX = 6;
const SHORTEST_LOOP_S = 0.2;

export function transport(app) {
  const play = h("button", {
    type: "button", class: "play", "aria-label": "Play", title: "Play (space)",
    onclick: () => app.listening.togglePlay(),
  }, icon("play"));
  const choices = CHOICES.map(([key, text], i) => h("button", {
    type: "button", class: `choice ${key}`, "aria-pressed": "false", "data-key": key,
    title: `${text} (${i + 1})`, onclick: () => app.listening.choose(key),
  }, h("i"), text, h("kbd", { text: i + 1 })));
  const loop = h("button", {
    type: "button", class: "round", "aria-pressed": "false",
    "aria-label": "Loop", title: "Loop (L); drag over the outline to choose what",
    onclick: () => app.listening.toggleLoop(),
  }, icon("loop"));
  const canvas = h("canvas", { "aria-hidden": "true" });
  const head = h("div", { class: "playhead" });
  const region = h("div", { class: "loop-region" });
  const wave = h("div", {
    class: "wave", role: "slider", tabindex: "0", "aria-label": "Place in the song",
  }, canvas, region, head);
  const time = h("span", { class: "time", text: "0:00 / 0:00" });
  const loudness = h("span", { class: "loudness", title: "Loudness of the last 3 seconds" });
  const element = h(
    "section",
    { class: "transport card", "aria-label": "Listen" },
    play,
    h("div", { class: "choices", role: "group", "aria-label": "What is heard" }, ...choices, loop),
    wave,
    h("div", { class: "readings" }, time, loudness),
  );

  let now = { place: 0, choice: "mix", playing: false };
  const seconds = () => app.listening.lengthOf(now.choice) / app.sampleRate;

  const placeAt = (event) => {
    const box = wave.getBoundingClientRect();
    return clamp((event.clientX - box.left) / box.width, 0, 1) * seconds();
  };
  wave.addEventListener("pointerdown", (down) => {
    if (down.button !== 0) return;
    const from = placeAt(down);
    let dragged = false;
    const onMove = (event) => {
      dragged ||= Math.abs(event.clientX - down.clientX) > DRAG_PX;
      const to = placeAt(event);
      if (dragged && Math.abs(to - from) > SHORTEST_LOOP_S) {
        app.listening.setLoop([Math.min(from, to), Math.max(from, to)]);
      }
    };
    const onEnd = (event) => {
      if (event.type === "pointercancel") return;
      if (!dragged) app.listening.seek(from);
      else if (app.listening.loop) app.listening.seek(app.listening.loop[0]);
    };
    follow(wave, down, onMove, onEnd);
  });
  wave.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1, PageUp: 10, PageDown: -10 }[event.key];
    const at = now.place / app.sampleRate;
    if (by) app.listening.seek(at + by * (event.shiftKey ? 5 : 1));
    else if (event.key === "Home") app.listening.seek(0);
    else return;
    event.preventDefault();
  });

  function draw() {
    const { width, height } = canvas.getBoundingClientRect();
    const ratio = window.devicePixelRatio || 1;
    canvas.width = Math.max(1, Math.round(width * ratio));
    canvas.height = Math.max(1, Math.round(height * ratio));
    const context = canvas.getContext("2d");
    const heard = app.overview?.[now.choice];
    if (!heard?.outline.length) return;
    const { outline } = heard;
    const top = Math.max(...outline, 1);
    const step = 3 * ratio;
    const count = Math.floor(canvas.width / step);
    context.fillStyle = getComputedStyle(element).getPropertyValue(`--${now.choice}`);
    for (let i = 0; i < count; i++) {
      const first = Math.floor((i / count) * outline.length);
      const last = Math.max(first + 1, Math.floor(((i + 1) / count) * outline.length));
      const value = Math.max(...outline.slice(first, last)) / top;
      const size = Math.max(2 * ratio, value * canvas.height * 0.92);
      context.fillRect(i * step, (canvas.height - size) / 2, 2 * ratio, size);
    }
  }
  new ResizeObserver(draw).observe(wave);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);

  return {
    element,
    draw,
    showReport(report) {
      const changed = report.choice !== now.choice;
      now = report;
      const total = seconds();
      const at = report.place / app.sampleRate;
      head.style.setProperty("--at", total ? at / total : 0);
      time.textContent = `${clock(at)} / ${clock(total)}`;
      const lufs = report.master.loudness;
      loudness.textContent = report.playing && lufs > -70 ? `${plain(lufs)} LUFS` : "";
      wave.setAttribute("aria-valuemin", 0);
      wave.setAttribute("aria-valuemax", Math.round(total));
      wave.setAttribute("aria-valuenow", Math.round(at));
      wave.setAttribute("aria-valuetext", `${clock(at)} of ${clock(total)}`);
      element.classList.toggle("starved", Boolean(report.starved) && report.playing);
      if (changed) draw();
    },
    show() {
      setIcon(play, app.listening.playing ? "pause" : "play");
      play.setAttribute("aria-label", app.listening.playing ? "Pause" : "Play");
      for (const button of choices) {
        const key = button.dataset.key;
        button.setAttribute("aria-pressed", String(app.listening.choice === key));
        button.disabled = key === "reference" && !app.overview?.reference;
      }
      loop.setAttribute("aria-pressed", String(Boolean(app.listening.loop)));
      region.hidden = !app.listening.loop || app.listening.choice === "reference";
      if (app.listening.loop) {
        const total = app.listening.lengthOf("mix") / app.sampleRate;
        region.style.setProperty("--from", app.listening.loop[0] / total);
        region.style.setProperty("--to", app.listening.loop[1] / total);
      }
      element.dataset.choice = app.listening.choice;
    },
  };
}
