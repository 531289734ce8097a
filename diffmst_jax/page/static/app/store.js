// What is being mixed, with undo: the console document, the prediction that it goes by,
// amounts and locks.
//
// A gesture is `begin`, any number of `change`s, `end`; it is one step of undo. Listeners are told
// of changes once per frame.

const MOST_STEPS = 300;
const SAME_GESTURE_MS = 900;

export class Store {
  constructor() {
    this.listeners = new Set();
    this.savers = new Set();
    this.state = null;
    this.past = [];
    this.future = [];
    this.queued = false;
    this.held = false;
  }

  /** Start with another song, or the same one read again. */
  load(state, { keepHistory = false } = {}) {
    if (keepHistory && this.state) this.past.push(this.state);
    else this.past = [];
    this.future = [];
    this.state = state;
    this.open = null;
    this.held = false;
    this.notify();
  }

  /** There is nothing to change for now. */
  clear() {
    this.state = null;
    this.open = null;
    this.held = false;
    this.past = [];
    this.future = [];
  }

  /** Take no changes until `release` or what is loaded next: they could not be kept. */
  hold() {
    this.end();
    this.held = true;
    this.notify();
  }

  release() {
    this.held = false;
    this.notify();
  }

  subscribe(listener) {
    this.listeners.add(listener);
  }

  /** Called when a gesture has ended, to keep what was done. */
  onSave(saver) {
    this.savers.add(saver);
  }

  /** Quick repetitions of the same `name` are one gesture: keys held down, say. */
  begin(name = null) {
    const now = performance.now();
    const goesOn = name !== null && name === this.lastName && now - this.lastEnd < SAME_GESTURE_MS;
    this.open = { before: structuredClone(this.state), goesOn, changed: false, name };
  }

  change(edit) {
    if (!this.state || this.held) return;
    edit(this.state);
    if (this.open) this.open.changed = true;
    this.notify();
  }

  end() {
    if (!this.open || !this.state) return;
    const { before, goesOn, changed, name } = this.open;
    this.open = null;
    if (!changed || JSON.stringify(before) === JSON.stringify(this.state)) return;
    if (!goesOn) this.past.push(before);
    if (this.past.length > MOST_STEPS) this.past.shift();
    this.future = [];
    this.lastName = name;
    this.lastEnd = performance.now();
    this.save();
    this.notify();
  }

  /** One whole gesture. */
  edit(edit) {
    this.begin();
    this.change(edit);
    this.end();
  }

  undo() {
    this.swap(this.past, this.future);
  }

  redo() {
    this.swap(this.future, this.past);
  }

  swap(from, to) {
    if (!from.length || this.open || !this.state || this.held) return;
    to.push(structuredClone(this.state));
    this.state = from.pop();
    this.lastName = null;
    this.save();
    this.notify();
  }

  save() {
    for (const saver of this.savers) saver(this.state);
  }

  notify() {
    if (this.queued) return;
    this.queued = true;
    requestAnimationFrame(() => {
      this.queued = false;
      if (this.state) for (const listener of this.listeners) listener(this.state);
    });
  }
}

export const isLocked = (state, track) =>
  state.locked.some(([file, channels]) => file === track.file && `${channels}` === `${track.channels}`);
