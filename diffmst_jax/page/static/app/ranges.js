// The range of every setting, read from the schema of `console.json`: nothing is written twice.

const ends = (schema) => ({ low: schema.minimum, high: schema.maximum });

const all = (record) =>
  Object.fromEntries(Object.entries(record.properties).map(([name, one]) => [name, ends(one)]));

function bands(schema) {
  return schema.prefixItems.map((band) => {
    const { kind, ...numbers } = band.properties;
    return { kind: kind.const, ...all({ properties: numbers }) };
  });
}

export function readRanges(schema) {
  const track = schema.properties.tracks.items.properties;
  const master = schema.properties.master_bus.properties;
  return {
    input_gain_db: ends(track.input_gain_db),
    send_db: ends(track.send_db),
    equalizer: bands(track.equalizer),
    compressor: all(track.compressor),
    drive_db: ends(master.input_fader_db),
    output: all(schema.properties.output),
  };
}

const limit = (value, { minimum, maximum }) =>
  Math.min(Math.max(value, minimum ?? -Infinity), maximum ?? Infinity);

const round = (value) => Math.round(value * 1e4) / 1e4;

/** `now + (after - before)` for every number that the schema gives a range, kept inside it. */
export function carryOver(schema, now, before, after) {
  if (typeof now === "number" && schema?.type === "number") {
    return round(limit(now + (after - before), schema));
  }
  if (Array.isArray(now)) {
    return now.map((item, i) =>
      carryOver(schema?.prefixItems?.[i] ?? schema?.items, item, before?.[i], after?.[i]),
    );
  }
  if (now && typeof now === "object") {
    return Object.fromEntries(
      Object.entries(now).map(([key, value]) => [
        key,
        carryOver(schema?.properties?.[key], value, before?.[key], after?.[key]),
      ]),
    );
  }
  return now;
}
