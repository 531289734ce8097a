// The page's side of the audio thread: makes it, feeds it blocks, and passes on what is set.

import { api } from "./api.js";

const FETCHES = 4;
const RETRY_MS = 1000; // while the server does not answer
const LATENCY_S = 0.04; // short enough for a fader, long enough for many tracks

export class Engine {
  constructor(sampleRate, complain) {
    this.sampleRate = sampleRate;
    this.complain = complain;
    this.listeners = new Set();
    this.waiting = [];
    this.fetching = 0;
    this.node = null;
    this.generation = 0;
  }

  onReport(listener) {
    this.listeners.add(listener);
  }

  /**
   * Play another song, once it has started; `settings` is its console, `song` and `reference` say
   * `{rows, length}`, in which `version` and from which `files`. The same audio goes on playing where
   * it is.
   */
  load(name, { settings, song, reference }) {
    const audio = JSON.stringify([name, song, reference?.files]);
    if (this.node && audio === this.audio) {
      this.post("settings", settings);
      return;
    }
    this.audio = audio;
    this.unload();
    this.name = name;
    this.versions = { song: song.version, reference: reference?.version };
    this.generation += 1;
    this.sought = { place: 0, turn: 0 };
    const { generation } = this;
    this.node = new AudioWorkletNode(this.context, "diffmst-console", {
      numberOfInputs: 0,
      outputChannelCount: [2],
      processorOptions: { settings, song, reference },
    });
    this.node.connect(this.analyser);
    this.node.port.onmessage = ({ data }) => {
      if (generation !== this.generation) return;
      for (const [source, index] of data.wanted) this.waiting.push({ source, index, generation });
      this.feed();
      const { place, turn } = this.sought;
      // A report that was under way while the page sought another place is of the one before.
      const report = data.turn < turn ? { ...data, place } : data;
      for (const listener of this.listeners) listener(report);
    };
  }

  unload() {
    if (!this.node) return;
    this.post("close");
    this.node.disconnect();
    this.node = null;
    this.waiting = [];
  }

  /** Have the browser make what plays; whoever asks meanwhile waits too. */
  start() {
    this.started ??= this.prepare();
    return this.started;
  }

  async prepare() {
    this.context = new AudioContext({ sampleRate: this.sampleRate, latencyHint: LATENCY_S });
    this.analyser = this.context.createAnalyser();
    this.analyser.fftSize = 4096;
    this.analyser.smoothingTimeConstant = 0.85;
    this.analyser.connect(this.context.destination);
    await this.context.audioWorklet.addModule("/static/audio/worklet.js");
  }

  async feed() {
    while (this.waiting.length && this.fetching < FETCHES) {
      const { source, index, generation } = this.waiting.shift();
      this.fetching += 1;
      api
        .block(this.name, source, this.versions[source], index)
        .then((samples) => {
          if (generation !== this.generation || !this.node) return;
          const value = { source, index, samples };
          this.node.port.postMessage({ type: "block", value }, [samples.buffer]);
        })
        .catch((error) => {
          if (generation !== this.generation || !this.node) return;
          if (error.status) this.complain(error); // it has not got that, so it is not asked again
          else setTimeout(() => this.forget({ source, index, generation }), RETRY_MS);
        })
        .finally(() => {
          this.fetching -= 1;
          this.feed();
        });
    }
  }

  /** Have a block asked for once more. */
  forget({ source, index, generation }) {
    if (generation === this.generation) this.post("forget", { source, index });
  }

  seek(place) {
    if (!this.node) return;
    this.sought = { place, turn: this.sought.turn + 1 };
    this.post("seek", this.sought);
  }

  post(type, value) {
    this.node?.port.postMessage({ type, value });
  }

  async play(isPlaying) {
    this.playing = isPlaying;
    if (isPlaying) await this.context?.resume();
    this.post("play", this.playing); // it may have been stopped meanwhile
  }
}
