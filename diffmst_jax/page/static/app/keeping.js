// Keeps what is done on the server, and has it match loudness again after edits.

import { api } from "./api.js";

const SAVE_AFTER_MS = 300;
const LEVEL_AFTER_MS = 1500;

export class Keeping {
  constructor(app) {
    this.app = app;
    this.saving = Promise.resolve();
    this.dirty = false; // something is done that the server was not sent, or did not take
    this.revision = null; // of what the server has, as far as this page knows
    app.store.onSave(() => {
      this.dirty = true;
      clearTimeout(this.saveTimer);
      this.saveTimer = setTimeout(() => app.attempt(() => this.save()), SAVE_AFTER_MS);
      this.levelSoon();
    });
    window.addEventListener("pagehide", () => this.save().catch(() => {}));
  }

  /** Write what has not been written yet, and wait until all that is under way is written. */
  async save() {
    const { song, store } = this.app;
    clearTimeout(this.saveTimer);
    if (this.dirty && store.state) {
      this.dirty = false; // what is done from here on is for the next time
      const state = structuredClone(store.state);
      const before = this.saving.catch(() => {}); // told to whom it concerned
      const sent = before.then(async () => {
        const { revision } = await api.save(song, { ...state, revision: this.revision });
        this.revision = revision;
      });
      this.saving = sent;
      sent.catch(() => {
        if (this.saving !== sent) return; // a later one sends all of it
        this.saving = Promise.resolve();
        this.dirty = true;
      });
    }
    await this.saving;
  }

  /** `save` before something is made of it: another page may have put something else there. */
  confirm() {
    this.dirty = Boolean(this.app.store.state);
    return this.save();
  }

  /** The song is left: what could not be written of it is not the next one's. */
  forget() {
    clearTimeout(this.saveTimer);
    clearTimeout(this.levelTimer);
    this.levelTimer = null;
    this.dirty = false;
    this.saving = Promise.resolve();
  }

  levelSoon() {
    clearTimeout(this.levelTimer);
    this.levelTimer = setTimeout(() => {
      this.levelTimer = null;
      this.level();
    }, LEVEL_AFTER_MS);
  }

  /** Whether the last rendering is of the console as it is. */
  get isLevel() {
    const { details, store } = this.app;
    const of = details?.output?.of;
    return Boolean(of) && JSON.stringify(of) === JSON.stringify(store.state?.console);
  }

  /**
   * Measure the loudness of what was changed: while nobody listens, or as soon as something is
   * compared with it.
   */
  async level({ whilePlaying = false } = {}) {
    const { app } = this;
    const { song, store } = app;
    const isQuiet = whilePlaying || !app.listening.playing;
    if (!isQuiet || !store.state || this.isLevel) return;
    if (app.work.busy || this.levelling) {
      this.levelSoon();
      return;
    }
    try {
      this.levelling = this.save().then(() => api.startJob(song, "level"));
      const job = await api.watch(await this.levelling, () => {});
      if (job.state === "done" && app.song === song) await app.takeMeasurements();
    } catch {
      // The next edit or download tries again, and says what is wrong.
    } finally {
      this.levelling = null;
    }
  }

  async stopLevelling() {
    if (this.levelTimer || this.levelling) this.levelSoon(); // after what it gives way to
    const job = await this.levelling?.catch(() => null); // it may be about to begin
    if (job) await api.cancelJob(job.number).catch(() => {});
  }
}
