// Keeps the player's effects bus at what the console says, where the console has one.

import { api } from "./api.js";

export class Reverb {
  constructor(app) {
    this.app = app;
    this.key = null;
    app.store.subscribe((state) => this.follow(state));
  }

  /** A new player knows nothing yet. */
  forget() {
    this.key = null;
  }

  async follow({ console: settings }) {
    const { song, engine } = this.app;
    const key = settings.console.reverb ? JSON.stringify([song, settings.fx_bus]) : null;
    if (key === null || key === this.key) return;
    this.key = key;
    try {
      const samples = await api.reverb(song, settings);
      if (this.key === key) engine.post("reverb", samples);
    } catch (error) {
      this.app.complain(error);
    }
  }
}
