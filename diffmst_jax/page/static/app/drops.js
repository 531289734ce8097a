// Files out of a drop or a file dialogue, folders opened one level after the other.

export async function droppedFiles(transfer) {
  const entries = [...transfer.items]
    .map((item) => item.webkitGetAsEntry?.())
    .filter((entry) => entry);
  if (!entries.length) return { files: [...transfer.files], folder: null };
  const files = [];
  for (const entry of entries) files.push(...(await read(entry)));
  const folder = entries.find((entry) => entry.isDirectory);
  return { files, folder: folder?.name ?? null };
}

async function read(entry) {
  if (entry.isFile) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((resolve, reject) => reader.readEntries(resolve, reject));
    if (!some.length) break;
    found.push(...some);
  }
  const nested = [];
  for (const one of found) nested.push(...(await read(one)));
  return nested;
}

export function audioOnly(files, suffixes) {
  const isAudio = (file) => suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix));
  return files
    .filter((file) => isAudio(file) && !file.name.startsWith("."))
    .sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}
