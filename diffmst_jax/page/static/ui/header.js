// The top bar: which song, undo and redo, downloads, the light, and how far the work is.

import { h, icon, whenChanged } from "./dom.js";
import { downloads } from "./downloads.js";

const THEME = "diffmst-theme";

export function header(app) {
  const songs = h("select", {
    class: "songs", "aria-label": "Song", onchange: () => app.open(songs.value),
  });
  const add = button("plus", "New song", () => app.startSong());
  const remove = button("close", "Remove this song", () => app.files.removeSong());
  const undo = button("undo", "Undo (Ctrl Z)", () => app.store.undo());
  const redo = button("redo", "Redo (Ctrl Shift Z)", () => app.store.redo());
  const light = button("theme", "Light or dark", switchTheme);
  const menu = downloads(app);
  const bar = h("i");
  const stage = h("span");
  const cancel = h("button", {
    type: "button", class: "quiet", text: "Cancel", onclick: () => app.work.cancel(),
  });
  const work = h("div", { class: "work", role: "progressbar", "aria-label": "Work", hidden: true },
    h("div", { class: "work-bar" }, bar), stage, cancel);
  const element = h("header", { class: "top" },
    h("a", { class: "brand", href: "/", "aria-label": "diffmst" }, mark(), h("span", { text: "diffmst" })),
    h("div", { class: "song-choice" }, songs, add, remove),
    work,
    h("div", { class: "tools" }, undo, redo, light, menu.element));

  function button(name, label, onclick) {
    return h("button", { type: "button", class: "round", "aria-label": label, title: label, onclick },
      icon(name));
  }

  const listSongs = whenChanged(([names, isNew]) => {
    const options = names.map((name) => h("option", { value: name, text: name }));
    songs.replaceChildren(...(isNew ? [h("option", { value: "", text: "New song" })] : []), ...options);
  });

  const saved = localStorage.getItem(THEME);
  if (saved) document.documentElement.dataset.theme = saved;

  function switchTheme() {
    const isDark = getComputedStyle(document.documentElement).colorScheme.startsWith("dark");
    const theme = isDark ? "light" : "dark";
    document.documentElement.dataset.theme = theme;
    localStorage.setItem(THEME, theme);
    app.redraw();
  }

  return {
    element,
    showJob(job) {
      work.hidden = !job;
      if (!job) return;
      bar.style.setProperty("--at", job.fraction);
      stage.textContent = job.stage;
      work.setAttribute("aria-valuenow", Math.round(100 * job.fraction));
      work.setAttribute("aria-valuetext", `${job.stage}, ${Math.round(100 * job.fraction)} %`);
    },
    show() {
      listSongs([app.songs, !app.song]);
      songs.value = app.song ?? "";
      songs.hidden = app.songs.length === 0;
      add.hidden = remove.hidden = !app.song;
      undo.disabled = app.store.held || !app.store.past.length;
      redo.disabled = app.store.held || !app.store.future.length;
      menu.show();
    },
  };
}

function mark() {
  const bars = [6, 13, 9, 15, 7].map((size) => {
    const bar = h("i");
    bar.style.setProperty("--size", `${size}px`);
    return bar;
  });
  return h("span", { class: "mark", "aria-hidden": "true" }, ...bars);
}
