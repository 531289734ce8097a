// Keeps what is done on the server, and has it match loudness again after edits.

import { api } from "./api.js";

const SAVE_AFTER_MS = 300;
const LEVEL_AFTER_MS = 1500;

export class Keeping {
  constructor(app) {
    this.app = app;
    this.saving = Promise.resolve();
    app.store.onSave(() => {
      clearTimeout(this.saveTimer);
      this.saveTimer = setTimeout(() => app.attempt(() => this.save()), SAVE_AFTER_MS);
      this.levelSoon();
    });
    window.addEventListener("pagehide", () => this.save().catch(() => {}));
  }

  /** Write what has not been written yet, and wait until all that is under way is written. */
  async save() {
    const { song, store } = this.app;
    if (this.saveTimer && store.state) {
      clearTimeout(this.saveTimer);
      this.saveTimer = null;
      const state = structuredClone(store.state);
      const before = this.saving.catch(() => {}); // told to whom it concerned
      this.saving = before.then(() => api.save(song, state));
    }
    await this.saving;
  }

  levelSoon() {
    clearTimeout(this.levelTimer);
    this.levelTimer = setTimeout(() => this.level(), LEVEL_AFTER_MS);
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
    const isIdle = isQuiet && !app.work.busy && !this.levelling;
    if (!isIdle || !store.state || this.isLevel) return;
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
    clearTimeout(this.levelTimer);
    const job = await this.levelling?.catch(() => null); // it may be about to begin
    if (job) await api.cancelJob(job.number).catch(() => {});
  }
}
