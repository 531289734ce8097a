// Keys that work everywhere: space, 1 2 3, L, undo and redo.

const CHOICES = { 1: "mix", 2: "raw", 3: "reference" };

const writes = (element) =>
  element.matches("input:not([type=range]):not([type=checkbox]), select, textarea");

export function bindKeys(app) {
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
    } else if (key === " " && !target.matches("button:not([role=slider]), summary, a")) {
      event.preventDefault();
      app.listening.togglePlay();
    } else if (CHOICES[key]) {
      app.listening.choose(CHOICES[key]);
    } else if (key.toLowerCase() === "l") {
      app.listening.toggleLoop();
    }
  });
}
