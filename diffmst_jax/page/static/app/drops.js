// Files out of a drop or a file dialogue, with the folders that they lie in.
//
// A found file is `{file, folders}`: `folders` are names from the outermost that was given inwards.

const GROUP_SIGN = " - "; // between folders that lie in each other: a group is one folder
const RESULT_FILE = "console.json";

/** Everything in a drop; folders are opened one level after the other. */
export async function droppedFiles(transfer) {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry?.())
    .filter((entry) => entry);
  if (!entries.length) return chosenFiles(transfer.files);
  const found = [];
  for (const entry of entries) found.push(...(await read(entry, [])));
  return found;
}

/** What a file dialogue gave, of files or of a folder. */
export function chosenFiles(files) {
  return [...files].map((file) => ({ file, folders: file.webkitRelativePath.split("/").slice(0, -1) }));
}

async function read(entry, folders) {
  if (entry.isFile) {
    return [{ file: await new Promise((resolve, reject) => entry.file(resolve, reject)), folders }];
  }
  const reader = entry.createReader();
  const inside = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    inside.push(...some);
  }
  const found = [];
  for (const one of inside) found.push(...(await read(one, [...folders, entry.name])));
  return found;
}

/** Audio that `diffmst mix` would take: nothing hidden, no result of an earlier mix. */
export function audioOnly(found, suffixes) {
  const place = ({ folders }) => folders.join("/");
  const isAudio = (name) => suffixes.some((suffix) => name.toLowerCase().endsWith(suffix));
  const results = new Set(found
    .filter(({ file, folders }) => file.name === RESULT_FILE && folders.length > 1)
    .map(place));
  const isShown = ({ file, folders }) => ![...folders, file.name].some((name) => name.startsWith("."));
  return found
    .filter((one) => isAudio(one.file.name) && isShown(one) && !results.has(place(one)))
    .sort((a, b) => a.file.name.localeCompare(b.file.name, undefined, { numeric: true }));
}

/**
 * Which group each file belongs to: the folders between it and the innermost that holds them all,
 * which is the song. A single folder that is added to other tracks is a group of its own.
 *
 * Returns the song's `title`, null if no folder holds them all, and `{file, group}` of each.
 */
export function grouped(found, { hasTracks }) {
  const shared = found.map(({ folders }) => folders).reduce(commonStart);
  const isFlat = found.every(({ folders }) => folders.length === shared.length);
  const from = hasTracks && isFlat ? Math.max(shared.length - 1, 0) : shared.length;
  const files = found.map(({ file, folders }) => ({ file, group: folders.slice(from).join(GROUP_SIGN) }));
  return { title: shared[0] ?? null, files };
}

function commonStart(a, b) {
  const end = a.findIndex((name, i) => name !== b[i]);
  return end < 0 ? a : a.slice(0, end);
}
