// What goes in: the tracks and the reference, dropped or chosen; and the button that mixes.

import { bytes, h, icon, whenChanged } from "./dom.js";
import { audioOnly, chosenFiles, droppedFiles } from "../app/drops.js";

/** Waveforms that stand where files will be. */
const wave = (count, low, high, beat) => Array.from({ length: count }, (_, i) =>
  low + (high - low) * Math.abs(Math.sin(i * 1.7) * Math.cos(i * beat)));
const SKETCHES = {
  tracks: [wave(56, 8, 100, 0.8), wave(56, 20, 70, 0.13), wave(56, 5, 90, 2.1), wave(56, 30, 60, 0.5)],
  reference: [wave(56, 45, 100, 0.31)],
};

export function setupPanel(app) {
  const accept = app.about.audio_suffixes.join(",");
  const tracks = zone("tracks", "Tracks", "Drop the raw tracks of a song, or its folder", [
    dialogue("tracks", "Choose files", { multiple: true, accept }),
    dialogue("tracks", "Folder", { webkitdirectory: true }),
  ]);
  const reference = zone("reference", "Reference", "Drop a finished mix that you like", [
    dialogue("reference", "Choose a file", { accept }),
  ]);
  const refine = h("input", { type: "checkbox" });
  const refineLabel = h("label", {
    class: "check",
    title: `Adjusts the prediction to the reference in ${app.about.refine} steps; takes longer`,
  }, refine, "Refine");
  const mix = h("button", {
    type: "button", class: "primary", text: "Mix", onclick: () => app.work.mix({ refine: refine.checked }),
  });
  const why = h("p", { class: "mix-why" });
  const go = h("div", { class: "go" }, mix, refineLabel, why);
  const welcome = h("div", { class: "welcome" },
    h("h1", { text: "Mix your song in the style of one you like" }),
    h("p", {
      text: "Raw tracks and a finished mix go in. A model sets faders, equalizers, compressors " +
        "and pans; you hear it, change it, and take it with you. Nothing leaves this computer.",
    }));
  const element = h("section", { class: "setup", "aria-label": "Files" },
    welcome, tracks.element, reference.element, go);

  /** A button that opens a file dialogue. */
  function dialogue(role, text, attributes) {
    const input = h("input", {
      type: "file", hidden: true, "data-role": role, ...attributes,
      onchange: () => {
        const found = chosenFiles(input.files);
        input.value = ""; // the same file may be chosen again
        give(role, found);
      },
    });
    const button = h("button", { type: "button", class: "quiet", text, onclick: () => input.click() });
    return { input, button };
  }

  function zone(role, title, invitation, dialogues) {
    const buttons = dialogues.map(({ button }) => button);
    const text = h("p", { class: "zone-text", text: invitation });
    const list = h("ul", { class: "files" });
    const more = h("details", { hidden: true }, h("summary"), list);
    const sketch = h("div", { class: `sketch ${role}`, "aria-hidden": "true" });
    sketch.append(...SKETCHES[role].map((sizes) => h("div", {}, ...sizes.map((size) => {
      const bar = h("i");
      bar.style.setProperty("--size", `${size}%`);
      return bar;
    }))));
    const node = h("div", { class: `zone card ${role}`, "data-role": role },
      h("header", {}, h("h2", { text: title }), h("div", { class: "choose" }, ...buttons)),
      text, sketch, more, ...dialogues.map(({ input }) => input));
    node.addEventListener("dragover", (event) => {
      event.preventDefault();
      node.classList.add("over");
    });
    node.addEventListener("dragleave", () => node.classList.remove("over"));
    node.addEventListener("drop", (event) => {
      event.stopPropagation();
      node.classList.remove("over");
      takeDrop(role, event);
    });
    return { element: node, text, list, more, choose: buttons[0], invitation };
  }

  function takeDrop(role, event) {
    event.preventDefault();
    app.attempt(async () => give(role, await droppedFiles(event.dataTransfer)));
  }

  function give(role, found) {
    const audio = audioOnly(found, app.about.audio_suffixes);
    if (!audio.length) {
      if (found.length) app.complain(new Error(`${found[0].file.name} is no audio file; give ${accept}`));
      return;
    }
    if (role === "reference" && audio.length > 1) {
      const remedy = "the reference is one finished mix; tracks belong beside it";
      app.complain(new Error(`${audio.length} audio files were given; ${remedy}`));
      return;
    }
    app.files.give(role, audio);
  }

  document.addEventListener("dragover", (event) => event.preventDefault());
  document.addEventListener("drop", (event) => takeDrop("tracks", event));

  let shownWords = null;
  const listFiles = whenChanged(([files, remarks]) => {
    tracks.list.replaceChildren(...files.map(({ file, bytes: size }) => fileRow(
      file, remarks[file] ?? bytes(size), () => app.files.removeTrack(file),
    )));
  });

  function fileRow(file, size, remove) {
    return h("li", {}, icon("file"), h("span", { text: file }), h("small", { text: size }),
      remove ? h("button", {
        type: "button", class: "mini", "aria-label": `Remove ${file}`, onclick: remove,
      }, icon("close")) : null);
  }

  return {
    element,
    show() {
      const song = app.details;
      const count = song?.tracks.length ?? 0;
      const { out, remarks } = unused(app.store.state?.console);
      element.classList.toggle("compact", Boolean(app.store.state));
      tracks.text.textContent = count
        ? `${count} ${count === 1 ? "file" : "files"}${out ? `, ${out} left out` : ""}`
        : tracks.invitation;
      tracks.choose.textContent = count ? "Add" : "Choose files";
      tracks.more.hidden = count === 0;
      tracks.more.querySelector("summary").textContent = "Show";
      listFiles([song?.tracks ?? [], remarks]);
      reference.text.textContent = song?.reference ?? reference.invitation;
      reference.choose.textContent = song?.reference ? "Replace" : "Choose a file";
      mix.disabled = !count || !song?.reference || app.work.busy;
      mix.textContent = app.store.state?.predicted ? "Mix again" : "Mix";
      const words = verdict(song, count);
      const text = words.map((part) => part.outerHTML ?? part).join("");
      if (text === shownWords) return; // a link is not replaced under a finger
      shownWords = text;
      why.replaceChildren(...words);
    },
  };

  function whyNot(count, song) {
    if (!count) return "Add tracks to begin.";
    return song.reference ? "" : "Add a reference to mix.";
  }

  function verdict(song, count) {
    const reason = whyNot(count, song);
    if (reason) return [reason];
    const { Mix: mixed, "Plain sum": before } = song.closeness;
    if (!mixed || !before) {
      const isMixed = Boolean(app.store.state?.predicted);
      return [isMixed ? "Not yet compared with this reference." : "Sets faders, equalizers, compressors and pans."];
    }
    const closer = Math.round(100 * (1 - mixed.total / before.total));
    const text = closer > 0 ? `${closer} % closer` : "Not closer";
    const report = h("a", {
      href: app.work.reportAddress(), target: "_blank", rel: "noopener", text: "Report",
    });
    const isAsJudged = JSON.stringify(song.judged) === JSON.stringify(app.store.state?.console);
    const when = isAsJudged ? ". " : ", before your changes. ";
    return [h("b", { text }), ` to the reference than the raw tracks${when}`, song.has_report ? report : ""];
  }
}

/** How many files take no part in a mix, and what to say of those that do not as a whole. */
function unused(console) {
  const mixed = new Set(console?.tracks.map(({ file }) => file));
  const remarks = {};
  let out = 0;
  for (const { file, reason } of console?.left_out ?? []) {
    remarks[file] = mixed.has(file) ? reason : `left out: ${reason}`;
    if (!mixed.has(file)) out += 1;
  }
  return { out, remarks };
}
