// Songs, and the files that go into them.

import { api } from "./api.js";
import { grouped } from "./drops.js";

const AT_ONCE = 3;

export class Files {
  constructor(app) {
    this.app = app;
    this.sending = null;
  }

  async makeSong(name) {
    const { app } = this;
    await app.attempt(async () => {
      const made = await api.addSong(name);
      app.songs = (await api.about()).songs;
      await app.open(made.name);
    });
  }

  /** Whether the song lies in a folder that was there before: its tracks are no copies. */
  get areOriginals() {
    return this.app.details?.is_made_here === false;
  }

  async removeSong() {
    const { app } = this;
    const { song } = app;
    if (!song) return;
    const all = `Remove ${song} and all that was made of it?`;
    const made = `Remove all that was made of ${song}? Its tracks stay.`;
    if (!confirm(this.areOriginals ? made : all)) return;
    await app.leave();
    await app.attempt(() => api.removeSong(song));
    await app.attempt(async () => {
      app.songs = (await api.about()).songs;
      const next = app.songs.includes(song) ? song : app.songs[0];
      if (next && !app.song) await app.open(next);
    });
  }

  /** Upload found files as `tracks` or `reference`, and open the song with them. */
  async give(role, found) {
    const { app } = this;
    if (app.work.busy) {
      app.complain(new Error("Still at work; wait or cancel that first, then give the files again"));
      return;
    }
    const { title, files } = grouped(found, { hasTracks: app.details?.tracks.length > 0 });
    const tooLarge = found.map(({ file }) => file).find((file) => file.size > app.about.file_bytes);
    if (tooLarge) {
      const most = Math.round(app.about.file_bytes / 1e6);
      const remedy = "shorten it, or start diffmst serve with a larger --max-upload-mb";
      app.complain(new Error(`${tooLarge.name} is larger than ${most} MB; ${remedy}`));
      return;
    }
    await app.work.during(async () => {
      if (!app.song) await this.makeSong(title ?? "Song");
      const { song } = app;
      if (!song) return;
      await app.attempt(async () => {
        await app.keeping.stopLevelling();
        await this.upload(song, role, files);
        if (app.song === song) await app.reopen();
      });
    });
  }

  async upload(song, role, files) {
    const { app } = this;
    const total = files.reduce((sum, { file }) => sum + file.size, 0);
    const sent = new Map();
    const queue = [...files];
    const failed = [];
    const tell = () => {
      const done = [...sent.values()].reduce((sum, count) => sum + count, 0);
      const many = `Adding ${files.length - queue.length} of ${files.length}`;
      const stage = files.length > 1 ? many : `Adding ${files[0].file.name}`;
      app.header.showJob({ kind: "upload", stage, fraction: total ? done / total : 1 });
    };
    this.sending = new AbortController();
    const { signal } = this.sending;
    const sendSome = async () => {
      while (queue.length && !signal.aborted) {
        const one = queue.shift();
        try {
          await api.upload(song, role, one, { signal, progress: (count) => {
            sent.set(one, count);
            tell();
          } });
        } catch (error) {
          if (!signal.aborted) failed.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, sendSome));
    this.sending = null;
    app.header.showJob(null);
    for (const error of failed) app.complain(error);
  }

  /** Stop an upload; files that have arrived stay. */
  cancel() {
    this.sending?.abort();
  }

  async removeTrack(file) {
    const { app } = this;
    const { song } = app; // another may be chosen while the server answers
    const warning = `Delete ${file} from the folder ${song} itself? The page keeps no copy.`;
    if (this.areOriginals && !confirm(warning)) return;
    await app.attempt(() => app.work.during(async () => {
      await app.keeping.save();
      await app.keeping.stopLevelling();
      await api.removeTrack(song, file);
      if (app.song === song) await app.reopen();
    }));
  }
}
