// Play, what is heard, where, in which loop, and which tracks alone.

import { listeningLevels } from "./levels.js";

const LAST_PLACE_S = 0.05;

export class Listening {
  constructor(app) {
    this.app = app;
    this.choice = "mix";
    this.playing = false;
    this.loop = null; // seconds
    this.solo = new Set();
    this.report = null;
    app.engine.onReport((report) => this.take(report));
  }

  get engine() {
    return this.app.engine;
  }

  async togglePlay() {
    if (!this.engine.node) return;
    this.playing = !this.playing;
    this.app.show();
    await this.engine.play(this.playing);
    if (!this.playing) this.app.keeping.levelSoon();
  }

  pause() {
    this.playing = false;
    this.engine.play(false);
  }

  choose(name) {
    if (name === "reference" && !this.app.overview?.reference) return;
    this.choice = name;
    this.engine.post("choose", name);
    this.app.keeping.level({ whilePlaying: true });
    this.app.show();
  }

  seek(seconds) {
    const { sampleRate, transport } = this.app;
    const length = this.lengthOf(this.choice) / sampleRate;
    const at = Math.min(Math.max(seconds, 0), Math.max(length - LAST_PLACE_S, 0));
    const place = Math.round(at * sampleRate);
    this.engine.seek(place);
    if (!this.playing && this.report) {
      this.report = { ...this.report, place, choice: this.choice };
      transport.showReport(this.report);
    }
  }

  /** Samples of what is heard. */
  lengthOf(choice) {
    const { song_audio: song, reference_audio: reference } = this.app.details ?? {};
    return (choice === "reference" ? reference?.length : song?.length) ?? 0;
  }

  setLoop(loop) {
    const { sampleRate } = this.app;
    this.loop = loop;
    this.engine.post("loop", loop && loop.map((at) => Math.round(at * sampleRate)));
    this.app.show();
  }

  toggleLoop() {
    this.setLoop(this.loop ? null : [0, this.lengthOf("mix") / this.app.sampleRate]);
  }

  toggleSolo(index) {
    if (!this.solo.delete(index)) this.solo.add(index);
    this.engine.post("solo", [...this.solo]);
    this.app.store.notify();
  }

  /** Tell a new player what the one before was told. */
  resume() {
    this.engine.post("solo", [...this.solo]);
    this.engine.post("choose", this.choice);
    if (this.loop) this.setLoop(this.loop);
    this.sentLevels = null;
    this.sendLevels();
  }

  sendLevels() {
    const { store, details, overview } = this.app;
    if (!store.state) return;
    const { most_limiting_db: mostLimitingDb } = this.app.about;
    const { output } = details;
    const levels = listeningLevels(store.state, { output, overview, mostLimitingDb });
    const text = JSON.stringify(levels);
    if (text === this.sentLevels) return;
    this.sentLevels = text;
    this.engine.post("levels", levels);
  }

  spectrum() {
    const { analyser, context } = this.engine;
    if (!analyser || !this.playing) return null;
    this.magnitudes ??= new Float32Array(analyser.frequencyBinCount);
    analyser.getFloatFrequencyData(this.magnitudes);
    return { magnitudes: this.magnitudes, binHz: context.sampleRate / analyser.fftSize };
  }

  take(report) {
    this.report = report;
    if (report.ended) {
      this.playing = false;
      this.app.show();
      this.app.keeping.levelSoon();
    }
    this.app.showReport(report);
  }
}
