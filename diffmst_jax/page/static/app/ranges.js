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

/**
 * `now + (after - before)` for every number that the schema gives a range, kept inside it. What is cut
 * off there is kept in `beyond`, and counts again where the number is carried on from that place.
 */
export function carryOver(schema, now, before, after, beyond, place = "") {
  const carry = (one, key, of) =>
    carryOver(of, one, before?.[key], after?.[key], beyond, `${place}/${key}`);
  if (typeof now === "number" && schema?.type === "number") {
    const cut = beyond.get(place);
    const goesOn = cut?.now === now && cut.base === before;
    const whole = now + (goesOn ? cut.off : 0) + (after - before);
    const inside = round(limit(whole, schema));
    beyond.set(place, { now: inside, base: after, off: whole - inside });
    return inside;
  }
  if (Array.isArray(now)) {
    return now.map((item, i) => carry(item, i, schema?.prefixItems?.[i] ?? schema?.items));
  }
  if (now && typeof now === "object") {
    return Object.fromEntries(
      Object.entries(now).map(([key, value]) => [key, carry(value, key, schema?.properties?.[key])]),
    );
  }
  return now;
}
