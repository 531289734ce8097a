// The audio thread: wraps a `Player` and talks to the page by messages.

import { Player } from "./player.js";

const REPORT_S = 1 / 30;

class ConsoleProcessor extends AudioWorkletProcessor {
  constructor({ processorOptions }) {
    super();
    this.player = new Player({ ...processorOptions, sampleRate });
    for (const [source, index, samples] of processorOptions.blocks ?? []) {
      this.player.put(source, index, samples);
    }
    for (const message of processorOptions.messages ?? []) this.receive(message);
    if (processorOptions.bare) {
      // Neither fade nor warming up: a test compares every sample from the first.
      this.player.envelope = 1;
      this.player.toWarmUp = 0;
    }
    this.untilReport = 0;
    this.turn = 0; // how often another place was sought
    this.port.onmessage = (event) => this.receive(event.data);
  }

  receive({ type, value }) {
    const { player } = this;
    if (type === "block") player.put(value.source, value.index, value.samples);
    else if (type === "settings") player.setSettings(value);
    else if (type === "solo") player.setSolo(value);
    else if (type === "levels") player.setLevels(value);
    else if (type === "choose") player.choose(value);
    else if (type === "seek") {
      player.seek(value.place);
      this.turn = value.turn;
      this.untilReport = 0; // ask for what is wanted there at once
    }
    else if (type === "reverb") player.setReverb(value);
    else if (type === "loop") player.loop = value;
    else if (type === "forget") player[value.source]?.asked.delete(value.index);
    else if (type === "play") {
      player.playing = value;
      if (value) player.loudness.reset();
    } else if (type === "close") this.closed = true;
  }

  process(_inputs, [output]) {
    if (this.closed) return false;
    const [left, right] = output;
    const starved = this.player.process(left, right, left.length);
    this.untilReport -= left.length / sampleRate;
    if (this.untilReport <= 0) {
      this.untilReport = REPORT_S;
      const { player, turn } = this;
      this.port.postMessage({ ...player.report(), starved, wanted: player.wanted(), turn });
    }
    return true;
  }
}

registerProcessor("diffmst-console", ConsoleProcessor);
