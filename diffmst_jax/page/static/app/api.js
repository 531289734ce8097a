// The server's addresses. A refused request throws an `Error` with the server's own line.

const WATCH_MS = 250;

async function send(path, options = {}) {
  let answer;
  try {
    answer = await fetch(path, options);
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error("The server does not answer; is diffmst serve still running?");
  }
  if (answer.ok) return answer;
  const body = await answer.json().catch(() => ({}));
  throw Object.assign(new Error(body.error ?? `The server answered ${answer.status}`), {
    status: answer.status,
  });
}

const json = async (path, options) => (await send(path, options)).json();

const withBody = (method, body) => ({
  method,
  headers: { "Content-Type": "application/json" },
  body: JSON.stringify(body),
});

const at = (song, rest = "") => `/api/songs/${encodeURIComponent(song)}${rest}`;
const named = (path, name) => `${path}?name=${encodeURIComponent(name)}`;

export const api = {
  about: () => json("/api"),
  addSong: (name) => json("/api/songs", withBody("POST", { name })),
  removeSong: (song) => send(at(song), { method: "DELETE" }),
  song: (song) => json(at(song)),
  removeTrack: (song, name) => send(named(at(song, "/tracks"), name), { method: "DELETE" }),
  save: (song, session) => json(at(song, "/session"), withBody("PUT", session)),
  amounts: (song, predicted, amounts) =>
    json(at(song, "/amounts"), withBody("POST", { predicted, amounts })),
  startJob: (song, kind, options = {}) =>
    json(at(song, "/jobs"), withBody("POST", { ...options, kind })),
  currentJob: () => json("/api/jobs/current"),
  cancelJob: (number) => json(`/api/jobs/${number}`, { method: "DELETE" }),
  file: (song, name) => at(song, `/files/${encodeURIComponent(name)}`),

  async block(song, source, version, index) {
    const answer = await send(at(song, `/audio/${source}/${version}/${index}`));
    return new Float32Array(await answer.arrayBuffer());
  },

  /** The response of the effects bus of a console: left, then right. */
  async reverb(song, settings) {
    const answer = await send(at(song, "/reverb"), withBody("POST", settings));
    return new Float32Array(await answer.arrayBuffer());
  },

  /** Send an audio file of a group; `role` is `tracks` or `reference`, `progress` takes bytes sent. */
  upload(song, role, { file, group }, { progress, signal }) {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      const of = group ? `&group=${encodeURIComponent(group)}` : "";
      request.open("POST", named(at(song, `/${role}`), file.name) + of);
      request.setRequestHeader("Content-Type", "application/octet-stream");
      request.upload.onprogress = (event) => progress(event.loaded);
      request.onload = () => {
        let body = {};
        try {
          body = JSON.parse(request.responseText);
        } catch {
          body = {};
        }
        if (request.status < 300) resolve(body);
        else reject(new Error(body.error ?? `${file.name} was not taken (${request.status})`));
      };
      signal.addEventListener("abort", () => {
        request.abort();
        reject(new Error(`${file.name}: the upload was cancelled`));
      });
      request.onerror = () => reject(new Error(`${file.name}: the upload was broken off`));
      request.send(file);
    });
  },

  /** Follow a job to its end; `progress` is told how far it is. Throws what it failed with. */
  async watch(job, progress) {
    let now = job;
    while (now.state === "waiting" || now.state === "running") {
      progress(now);
      await new Promise((resolve) => setTimeout(resolve, WATCH_MS));
      now = await json(`/api/jobs/${job.number}`);
    }
    if (now.state === "failed") throw new Error(now.error);
    return now;
  },
};
