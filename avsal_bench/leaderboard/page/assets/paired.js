"use strict";
// Rows compared by video: differences and their intervals, from the scores of videos that are in the page.
const Paired = (() => {
  const SAMPLES = 10000;

  // Mulberry32, a small generator of 32 bits (T. Ettinger, public domain): the same draws on every machine.
  const generator = (seed) => () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const quantile = (sorted, part) => {
    const at = part * (sorted.length - 1), low = Math.floor(at);
    return sorted[low] + (at - low) * ((sorted[low + 1] ?? sorted[low]) - sorted[low]);
  };
  // 95 % percentile bootstrap interval of a mean over videos; null for fewer than two.
  const interval = (values) => {
    if (values.length < 2) return null;
    const draw = generator(1), n = values.length, means = new Float64Array(SAMPLES);
    for (let k = 0; k < SAMPLES; k += 1) {
      let sum = 0;
      for (let i = 0; i < n; i += 1) sum += values[(draw() * n) | 0];
      means[k] = sum / n;
    }
    means.sort();
    return [quantile(means, 0.025), quantile(means, 0.975)];
  };

  // Score of each video by its name, of those that define it.
  const byVideo = (row, metric) => {
    const all = row.videos.scores[metric];
    return new Map(row.videos.names.map((name, i) => [name, all[i]]).filter(([, value]) => value !== null));
  };
  // One row less another, video by video, the largest first.
  const differences = (a, b, metric) => {
    const others = byVideo(b, metric);
    return [...byVideo(a, metric)].filter(([name]) => others.has(name))
      .map(([name, value]) => ({ name, a: value, b: others.get(name), difference: Math.round((value - others.get(name)) * 1e4) / 1e4 }))
      .sort((x, y) => y.difference - x.difference || (x.name < y.name ? -1 : 1));
  };

  // The test of the page's tables, exact Wilcoxon with Holm's correction over all pairs of the table; null where not made.
  const test = (a, b, pairs, metric) => {
    if (!pairs || a.place === null || b.place === null) return null;
    const [first, second, means, ps, corrected, significant] = pairs[metric];
    const [low, high] = [Math.min(a.place, b.place), Math.max(a.place, b.place)];
    const at = first.findIndex((i, n) => i === low && second[n] === high);
    if (at < 0) return null;
    const sign = a.place === low ? 1 : -1;
    return { difference: sign * means[at] + 0, p: ps[at], corrected: corrected[at], significant: Boolean(significant[at]) };
  };

  // Why two rows are not compared by video; "" where they are.
  const unlike = (a, b) => {
    if (a.protocol !== b.protocol) return `their protocols differ (${a.protocol} and ${b.protocol}), so their scores are not on one scale`;
    if (a.dataset !== b.dataset) return `they are of different data sets (${[a, b].map((row) => Data.sets[row.dataset] ?? row.dataset).join(" and ")})`;
    if (a.folds.join() !== b.folds.join()) return `their folds differ (${a.folds.join(", ")} and ${b.folds.join(", ")})`;
    const apart = [a, b].find((row) => row.place === null);
    if (apart) return `${apart.label} is not ranked: it lacks folds, is of a part of the test list, or its training saw videos of the test`;
    return "";
  };

  // Videos by how far the rows lie apart, the farthest first; only those that all rows have.
  const spread = (rows, metric) => {
    const found = rows.map((row) => byVideo(row, metric));
    return [...found[0].keys()].filter((name) => found.every((scores) => scores.has(name))).map((name) => {
      const values = found.map((scores) => scores.get(name));
      return { name, values, spread: Math.max(...values) - Math.min(...values) };
    }).sort((x, y) => y.spread - x.spread || (x.name < y.name ? -1 : 1));
  };
  return { SAMPLES, differences, interval, mean, spread, test, unlike };
})();
