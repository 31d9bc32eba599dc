"use strict";
// What panels show is packed in parts (base64 of zlib), and a part is unpacked when a row of it is opened. Its numbers
// are whole and small, as parts/compact_numbers.py leaves them.
const Details = (() => {
  const made = new Map();
  let packed = null;
  const each = (of, make) => Object.fromEntries(Object.entries(of).map(([name, value]) => [name, make(value)]));
  const part = (value, unit) => (value === null ? null : value / unit);
  const score = ([value, std, below, above]) => {
    const ends = value === null || below === null || above === null ? [below, above] : [value - below, value + above];
    return [value, std, ...ends].map((one) => part(one, 1e6));
  };
  const aroundMean = ([mean, ...rest]) => rest.map((above) => (above === null ? null : (mean + above) / 1e4));
  const summed = (line) => {
    let at = 0;
    return line.map((step) => (step === null ? null : (at += step)));
  };
  const curves = (of) => each(of, (lines) => lines.map(summed));
  const row = (panel) => ({
    ...panel,
    scores: each(panel.scores, score),
    videos: { ...panel.videos, scores: each(panel.videos.scores, aroundMean) },
    time: curves(panel.time),
    lost: panel.lost.map(([sound, of]) => [sound, curves(of)]),
  });
  const pairs = ([count, rest, ...others]) => {
    const found = [[], [], [], ...others.map(() => [])];
    const toFirst = [0, ...rest.slice(0, Math.max(0, count - 1))].map((value) => value ?? 0);
    for (let i = 0, n = 0; i < count; i += 1) {
      for (let j = i + 1; j < count; j += 1, n += 1) {
        if (rest[n] === null) continue;
        const difference = (rest[n] + (i ? toFirst[j] - toFirst[i] : 0)) / 1e4;
        [i, j, difference, ...others.map((column) => column[n])].forEach((value, k) => found[k].push(value));
      }
    }
    return found;
  };
  const whole = (name, value) => {
    const kind = name.split("/")[0];
    return kind === "rows" ? each(value, row) : kind === "pairs" ? each(value, pairs) : value;
  };
  const unpack = (text) => {
    const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    return new Response(new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate")));
  };
  return {
    unpack,
    able: typeof DecompressionStream === "function",
    // A promise of the values of a part; of null where the page had no room for it, or the browser cannot unpack it.
    load(name) {
      packed ??= JSON.parse(document.getElementById("details").textContent);
      if (!this.able || !(name in packed)) return Promise.resolve(null);
      if (!made.has(name)) made.set(name, unpack(packed[name]).json().then((value) => whole(name, value)));
      return made.get(name);
    },
  };
})();
