// Keys that work everywhere: space, 1 2 3, L, undo and redo.

const CHOICES = { 1: "mix", 2: "raw", 3: "reference" };

const writes = (element) =>
  element.matches("input:not([type=range]):not([type=checkbox]), select, textarea");

const isPressedBySpace = (element) => element.matches("button:not([role=slider]), summary, a");

export function bindKeys(app) {
  let clicked = null; // by pointer: space after it plays, and does not click it again
  document.addEventListener("pointerdown", ({ target }) => {
    clicked = target.closest("button, summary");
  });
  document.addEventListener("focusin", ({ target }) => {
    if (target !== clicked) clicked = null;
  });
  document.addEventListener("keydown", (event) => {
    const { target, key } = event;
    const command = event.ctrlKey || event.metaKey;
    if (command && key.toLowerCase() === "z" && !writes(target)) {
      event.preventDefault();
      if (event.shiftKey) app.store.redo();
      else app.store.undo();
    } else if (command && key.toLowerCase() === "y" && !writes(target)) {
      event.preventDefault();
      app.store.redo();
    } else if (command || event.altKey || writes(target) || !app.store.state) {
      return;
    } else if (key === " " && (target === clicked || !isPressedBySpace(target))) {
      event.preventDefault();
      clicked?.blur(); // some browsers click when the key comes up
      app.listening.togglePlay();
    } else if (CHOICES[key]) {
      app.listening.choose(CHOICES[key]);
    } else if (key.toLowerCase() === "l") {
      app.listening.toggleLoop();
    }
  });
}
