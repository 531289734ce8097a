// What the server is asked to do: open, mix, render, report, export; one thing at a time.

import { api } from "./api.js";
import { save } from "../ui/downloads.js";

export class Work {
  constructor(app) {
    this.app = app;
    this.busy = false;
    this.job = null;
  }

  setBusy(isBusy) {
    this.busy = isBusy;
    document.body.classList.toggle("busy", isBusy);
    this.app.show();
  }

  /** Do something long and follow it; a job of a song that was left meanwhile counts as cancelled. */
  async run(kind, options = {}) {
    const { song } = this.app;
    await this.app.keeping.stopLevelling();
    return this.follow(song, () => api.startJob(song, kind, options));
  }

  /** Go on watching what was under way when the page was left. */
  async goOn() {
    const { app } = this;
    const job = await api.currentJob();
    if (!job || job.song !== app.song || job.kind === "level") return;
    await app.attempt(async () => {
      const done = await this.follow(app.song, () => job);
      if (done.state === "done") await app.refresh();
    });
  }

  async follow(song, begin) {
    const { app } = this;
    this.setBusy(true);
    try {
      this.job = await begin();
      const job = await api.watch(this.job, (now) => app.header.showJob(now));
      return app.song === song ? job : { state: "cancelled" };
    } finally {
      this.job = null;
      app.header.showJob(null);
      this.setBusy(false);
    }
  }

  async cancel() {
    if (this.job) await this.app.attempt(() => api.cancelJob(this.job.number));
  }

  /** Save, do something, and do `then` with the finished job. */
  async order(kind, options, then) {
    const { app } = this;
    await app.attempt(async () => {
      await app.keeping.save();
      const job = await this.run(kind, options);
      if (job.state === "done") await then(job);
    });
  }

  async open() {
    const job = await this.run("open");
    if (job.state === "done") await this.app.refresh();
  }

  mix(options) {
    const output = this.app.store.state?.console.output ?? {};
    return this.order("mix", { ...options, ...output }, () =>
      this.app.refresh({ keepHistory: true }),
    );
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
    await this.app.attempt(async () => {
      await this.app.keeping.save();
      save(api.file(this.app.song, "console.json"));
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
