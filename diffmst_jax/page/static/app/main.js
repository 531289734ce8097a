// Puts the page together: one `App` that the parts of the screen ask and tell.

import { api } from "./api.js";
import { Engine } from "./engine.js";
import { Files } from "./files.js";
import { Keeping } from "./keeping.js";
import { bindKeys } from "./keys.js";
import { faderZero, stripLevel } from "./levels.js";
import { Listening } from "./listening.js";
import { readRanges } from "./ranges.js";
import { Reverb } from "./reverb.js";
import { Store } from "./store.js";
import { Work } from "./work.js";
import { amountSliders } from "../ui/amounts.js";
import { channelPanel } from "../ui/channel.js";
import { h, whenChanged } from "../ui/dom.js";
import { header } from "../ui/header.js";
import { MASTER, masterStrip } from "../ui/master.js";
import { setupPanel } from "../ui/setup.js";
import { channelStrip } from "../ui/strip.js";
import { toasts } from "../ui/toast.js";
import { transport } from "../ui/transport.js";

const GLIDE_MS = 700;

/** The song that an address names; what is no URI names none. */
function songIn(hash) {
  try {
    return decodeURIComponent(hash.slice(1));
  } catch {
    return "";
  }
}

class App {
  constructor(about) {
    this.about = about;
    this.songs = about.songs;
    this.schema = about.schema;
    this.ranges = readRanges(about.schema);
    this.sampleRate = about.sample_rate_hz;
    this.amountNames = about.amounts;
    this.output = about.output; // what a mix is finished to unless it says otherwise
    this.song = null; // its name
    this.details = null; // what the server says of it
    this.overview = null;
    this.chosen = 0;
    this.keys = []; // of the strips on the desk, in order
    this.zero = 0;
    this.leaving = 0;
    this.store = new Store();
    this.messages = toasts();
    this.complain = this.messages.complain;
    this.engine = new Engine(this.sampleRate, (error) => {
      if (!this.work.busy) this.complain(error); // what it does may put other audio there
    });
    this.files = new Files(this);
    this.work = new Work(this);
    this.listening = new Listening(this);
    this.keeping = new Keeping(this);
    this.reverb = new Reverb(this);
    // With another prediction or amount, which undo may bring, but not with a fader.
    this.countFrom = whenChanged(() => {
      const { base, console: settings } = this.store.state;
      this.zero = faderZero(base ?? settings);
    });
    this.build();
    this.store.subscribe((state) => this.showState(state));
    bindKeys(this);
  }

  build() {
    this.header = header(this);
    this.setup = setupPanel(this);
    this.transport = transport(this);
    this.strips = [];
    this.rack = h("div", { class: "rack" });
    this.desk = h("section", { class: "desk card", "aria-label": "Mixer" });
    this.amounts = amountSliders(this);
    this.notes = h("ul", { class: "notes" });
    this.lower = h("div", { class: "lower" });
    this.screen = h("div", { class: "work-area", hidden: true },
      this.transport.element, this.desk, this.lower, this.notes);
    document.querySelector("main").replaceChildren(this.setup.element, this.screen);
    document.body.prepend(this.header.element);
    document.body.append(this.messages.element);
    this.show();
  }

  /** Say what went wrong instead of failing. */
  async attempt(action) {
    try {
      await action();
    } catch (error) {
      this.complain(error);
    }
    this.show();
  }

  /**
   * Put the song away: nothing of it may be changed as if it were the next one's. Whether it is left
   * for that, or for what was chosen meanwhile.
   */
  async leave() {
    const turn = (this.leaving += 1);
    this.store.hold();
    await this.attempt(() => this.keeping.save());
    await this.keeping.stopLevelling();
    if (turn !== this.leaving) return false;
    this.listening.pause();
    this.listening.loop = null;
    this.listening.solo.clear();
    this.close();
    return true;
  }

  /** Clear the desk for another song; the first files that are given make it, and name it. */
  async startSong() {
    if (await this.leave()) history.replaceState(null, "", location.pathname);
  }

  /** Open the song of the address, which back and forward change too; the first if it names none. */
  async openWanted() {
    const wanted = songIn(location.hash);
    const name = this.songs.includes(wanted) ? wanted : this.songs[0];
    if (name && name !== this.song) await this.open(name);
  }

  async open(name) {
    if (!(await this.leave())) return;
    this.song = name;
    const address = `#${encodeURIComponent(name)}`;
    if (location.hash) location.hash = address;
    else history.replaceState(null, "", address); // nothing was shown there to go back to
    await this.attempt(() => this.reopen());
  }

  /** Put the song on the desk, read again if files came or went. */
  async reopen() {
    const details = await this.describe();
    if (!details) return;
    this.details = details;
    if (!details.is_open && details.tracks.length) await this.work.open();
    else await this.refresh();
  }

  /** What the server says of the song; null if it was left meanwhile. */
  async describe() {
    const { song } = this;
    const details = await api.song(song);
    return this.song === song ? details : null;
  }

  close() {
    this.song = this.details = this.overview = null;
    this.keeping.forget();
    this.showNoConsole();
  }

  showNoConsole() {
    this.store.clear();
    this.engine.unload();
    this.screen.hidden = true;
    this.show();
  }

  /** Take over what the server has: files, console, measurements. */
  async refresh({ keepHistory = false } = {}) {
    await this.engine.start();
    const details = await this.describe();
    if (!details) return; // from here on nothing is waited for, so nothing comes between
    const { song } = this;
    this.details = details;
    if (!details.is_open || !details.console) return this.showNoConsole();
    const { console: settings, predicted, base, amounts, locked } = details;
    this.overview = details.overview;
    this.zero = faderZero(base ?? settings);
    this.store.load({ console: settings, predicted, base, amounts, locked }, { keepHistory });
    this.keeping.revision = details.revision;
    if (this.work.isReplaced(song)) this.store.hold();
    if (keepHistory) this.glide();
    this.layOut();
    this.engine.load(song, {
      settings,
      song: details.song_audio,
      reference: details.reference_audio,
    });
    this.reverb.forget();
    this.listening.resume();
    if (this.listening.playing) this.engine.play(true);
    this.screen.hidden = false;
    this.showNotes();
    this.show();
    this.transport.draw();
  }

  /** Take over what the server measured, and nothing else: what plays does so if files changed. */
  async takeMeasurements() {
    const details = await this.describe();
    if (!details) return;
    const { song_audio, reference_audio } = this.details;
    this.details = { ...details, song_audio, reference_audio };
    this.overview = this.details.overview;
    this.listening.sendLevels();
    this.store.notify();
    this.showNotes();
    this.transport.draw();
  }

  /** Make the strips of another song; those of the same tracks stay, and their faders glide. */
  layOut() {
    const { tracks } = this.store.state.console;
    const keys = tracks.map(({ file, channels }) => JSON.stringify([this.song, file, channels]));
    if (`${keys}` === `${this.keys}`) return;
    this.goAlong(keys);
    this.keys = keys;
    this.channel = channelPanel(this);
    this.strips = this.store.state.console.tracks.map((_, index) => channelStrip(this, index));
    this.master = masterStrip(this);
    this.rack.replaceChildren(...this.strips.map((strip) => strip.element));
    this.desk.replaceChildren(this.rack, this.master.element);
    this.lower.replaceChildren(this.channel.element, this.amounts.element);
  }

  /** What is chosen and what is heard alone are so by their number: it may be another one now. */
  goAlong(keys) {
    const places = this.keys.map((key) => keys.indexOf(key));
    const solo = [...this.listening.solo].map((index) => places[index]).filter((index) => index >= 0);
    this.listening.solo = new Set(solo);
    if (this.chosen !== MASTER) this.chosen = Math.max(places[this.chosen] ?? 0, 0);
  }

  /** Let everything on the desk move to its new place visibly. */
  glide() {
    document.body.classList.add("gliding");
    setTimeout(() => document.body.classList.remove("gliding"), GLIDE_MS);
  }

  select(index, { keepFocus = false } = {}) {
    if (this.chosen === index) return;
    this.chosen = index;
    this.store.notify();
    if (!keepFocus) this.rack.children[index]?.scrollIntoView({ block: "nearest", inline: "nearest" });
  }

  show() {
    this.desk.inert = this.lower.inert = this.store.held;
    this.header.show();
    this.setup.show();
    this.transport.show();
  }

  showState(state) {
    this.countFrom(state.base?.tracks.map(stripLevel));
    this.engine.post("settings", state.console);
    this.listening.sendLevels();
    for (const strip of this.strips) strip.show(state);
    this.master.show(state);
    this.channel.show(state);
    this.amounts.show(state);
    this.show();
  }

  showReport(report) {
    this.transport.showReport(report);
    report.strips.forEach((meters, index) => this.strips[index]?.showMeters(meters));
    this.master?.showMeters(report.master);
    this.channel?.showMeters(report);
  }

  showNotes() {
    this.notes.replaceChildren(...this.details.notes.map((text) => h("li", { text })));
  }

  /** Colours changed: draw again what is drawn with them. */
  redraw() {
    this.transport.draw();
    this.store.notify();
  }
}

async function begin() {
  const about = await api.about();
  const app = new App(about);
  window.diffmst = app; // to look at from the browser's console
  window.addEventListener("hashchange", () => app.openWanted());
  await app.openWanted();
  await app.work.goOn();
  document.body.classList.add("ready");
}

begin().catch((error) => {
  document.querySelector("main").replaceChildren(h("p", { class: "fatal", text: error.message }));
});
