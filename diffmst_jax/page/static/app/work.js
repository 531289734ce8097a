// What the server is asked to do: open, mix, render, report, export; one thing at a time.

import { api } from "./api.js";
import { save } from "../ui/downloads.js";

const REPLACING = new Set(["open", "mix"]);
const UNASKED = "level"; // gives way on the server to whatever else is asked for

export class Work {
  constructor(app) {
    this.app = app;
    this.doing = 0;
    this.job = null;
    this.opening = new Map();
    this.replacing = []; // songs, once for each doing that brings them another console
  }

  get busy() {
    return this.doing > 0;
  }

  /** Do something, parts of which may be such doings too, while nothing else is begun. */
  async during(action) {
    this.count(1);
    try {
      return await action();
    } finally {
      this.count(-1);
    }
  }

  count(by) {
    this.doing += by;
    document.body.classList.toggle("busy", this.busy);
    this.app.show();
  }

  /** Do something long and follow it; a job of a song that was left meanwhile counts as cancelled. */
  async run(kind, options = {}) {
    const { song } = this.app;
    const { keeping } = this.app;
    await (kind === "open" ? keeping.save() : keeping.confirm());
    await keeping.stopLevelling();
    return this.follow(song, () => api.startJob(song, kind, options));
  }

  follow(song, begin) {
    const { app } = this;
    return this.during(async () => {
      let begun = null;
      try {
        begun = this.job = await begin();
        const job = await api.watch(begun, (now) => app.header.showJob(now));
        return app.song === song ? job : { state: "cancelled" };
      } finally {
        if (this.job === begun) { // of two songs that wait for it, the next may have its own by now
          this.job = null;
          app.header.showJob(null);
        }
      }
    });
  }

  /** Let `run` put another console on the desk; what was changed there meanwhile would be lost. */
  replace(run, how = {}) {
    const { app } = this;
    const { song } = app;
    return this.during(async () => {
      this.replacing.push(song);
      app.store.hold();
      try {
        const job = await run();
        if (job.state === "done") await app.refresh(how);
      } finally {
        this.replacing.splice(this.replacing.indexOf(song), 1);
        if (app.song === song && !this.isReplaced(song)) app.store.release();
      }
    });
  }

  /** Whether another console is on its way to a song, which may have been left meanwhile. */
  isReplaced(song) {
    return this.replacing.includes(song);
  }

  /** Go on watching what was under way when the page was left. */
  async goOn() {
    const { app } = this;
    const job = await api.currentJob();
    if (!job || job.song !== app.song || job.kind === UNASKED) return;
    const follow = () => this.follow(app.song, () => job);
    await app.attempt(() => (REPLACING.has(job.kind) ? this.replace(follow) : follow()));
  }

  async cancel() {
    if (this.job) await this.app.attempt(() => api.cancelJob(this.job.number));
    else this.app.files.cancel();
  }

  /** Do something, and `then` with the finished job. */
  order(kind, options, then) {
    return this.app.attempt(async () => {
      const job = await this.run(kind, options);
      if (job.state === "done") await then(job);
    });
  }

  /** Open the song; one that is chosen again while it waits for that is opened once. */
  open() {
    const { song } = this.app;
    if (!this.opening.has(song)) {
      this.opening.set(song, this.openNext(song).finally(() => this.opening.delete(song)));
    }
    return this.opening.get(song);
  }

  /** Open a song once the server is done with what it is at; that may be opening this very song. */
  openNext(song) {
    const { app } = this;
    return this.replace(async () => {
      const job = await api.currentJob();
      const follow = () => this.follow(song, () => job);
      if (job?.song === song && job.kind === "open") return follow();
      if (job && job.kind !== UNASKED) await app.attempt(follow);
      return app.song === song ? this.run("open") : { state: "cancelled" };
    });
  }

  mix(options) {
    const output = this.app.store.state?.console.output ?? {};
    const run = () => this.run("mix", { ...options, ...output });
    return this.app.attempt(() => this.replace(run, { keepHistory: true }));
  }

  downloadMix(format, bits) {
    return this.order("render", { format, bits }, async (job) => {
      save(api.file(this.app.song, job.result));
      await this.app.takeMeasurements();
    });
  }

  downloadSession(format) {
    return this.order("export", { format }, (job) => {
      if (job.result.notes.length) this.app.messages.say(job.result.notes);
      save(api.file(this.app.song, job.result.name));
    });
  }

  async downloadConsole() {
    const { song } = this.app;
    await this.app.attempt(async () => {
      await this.app.keeping.confirm();
      save(api.file(song, "console.json"));
    });
  }

  makeReport() {
    return this.order("report", {}, async () => {
      await this.app.takeMeasurements();
      // Browsers open no window that long after the click.
      this.app.messages.say("The report is ready.", { open: this.reportAddress() });
    });
  }

  reportAddress() {
    return this.app.song ? api.file(this.app.song, "report.html") : "";
  }
}
