"use strict";
// The chosen rows as a table in LaTeX, in the form of `avsal leaderboard --latex`.
const Latex = (() => {
  const SIGNS = {
    "\\": "\\textbackslash{}", "~": "\\textasciitilde{}", "^": "\\textasciicircum{}", "<": "\\textless{}", ">": "\\textgreater{}",
    "|": "\\textbar{}", "[": "{[}", "*": "{*}",
  };
  const escaped = (text) => [...String(text)].map((c) => ("&%$#_{}".includes(c) ? "\\" + c : SIGNS[c] ?? c)).join("");
  const fixed = (value, metric) => Charts.show(value, metric).replace("−", "-");

  // Of rows of one protocol; those of one network share a line, whatever their sets.
  const table = (rows, metrics, intervals) => {
    const sets = [...new Set(rows.map((row) => row.dataset))];
    const lines = new Map();
    for (const row of rows) {
      const [, , network, preset] = row.id.split("/").map(decodeURIComponent);
      const key = `${network}/${preset}`;
      const label = row.modality && network.endsWith("_" + row.modality) ? network.slice(0, -row.modality.length - 1) : network;
      if (!lines.has(key)) lines.set(key, { names: [Data.cited[label] ?? escaped(label), row.modality || "--", escaped(preset)], of: {}, ranked: {} });
      lines.get(key).of[row.dataset] = row.scores;
      lines.get(key).ranked[row.dataset] = row.place !== null;
    }
    const columns = sets.flatMap((name) => metrics.filter((metric) => rows.some((row) => row.dataset === name && row.scores[metric][0] !== null)).map((metric) => [name, metric]));
    const all = [...lines.values()];
    const ranks = columns.map(([name, metric]) => {
      const values = new Set(all.filter((line) => line.ranked[name] && line.of[name][metric][0] !== null).map((line) => Number(fixed(line.of[name][metric][0], metric))));
      return [...values].sort((x, y) => (Data.metrics[metric] ? y - x : x - y)).slice(0, 2);
    });
    const cell = (line, [name, metric], [best, second]) => {
      const value = line.of[name]?.[metric][0] ?? null;
      if (value === null) return "--";
      const text = fixed(value, metric);
      if (!line.ranked[name]) return text + "$^{*}$";
      if (Number(text) === best) return `\\textbf{${text}}`;
      return Number(text) === second ? `\\underline{${text}}` : text;
    };
    const below = (line, [name, metric]) => {
      const [, , low, high] = line.of[name]?.[metric] ?? [];
      return low === null || low === undefined ? "" : `{\\scriptsize [${fixed(low, metric)}, ${fixed(high, metric)}]}`;
    };
    const groups = sets.map((name) => [name, columns.filter(([of]) => of === name).length]).filter(([, width]) => width);
    let start = 4;
    const rules = groups.map(([, width]) => { start += width; return `\\cmidrule(lr){${start - width}-${start - 1}}`; });
    const kind = rows[0].synthetic ? "Synthetic data, which says nothing about real videos" : "Measured";
    const apart = all.some((line) => Object.values(line.ranked).includes(false)) ? " $^{*}$~not ranked." : "";
    const caption = `${kind}; protocol ${escaped(rows[0].protocol)}. Best in bold, second underlined.${intervals ? " Below each score its 95\\,\\% interval over videos." : ""}${apart}`;
    const value = (line, [name, metric]) => line.of[name]?.[metric][0] ?? null;
    const before = (x, y) => {
      for (const column of columns) {
        const [a, b] = [value(x, column), value(y, column)];
        if (a === null || b === null) { if (a !== b) return a === null ? 1 : -1; continue; }
        if (x.ranked[column[0]] !== y.ranked[column[0]]) return x.ranked[column[0]] ? -1 : 1;
        const [p, q] = [Number(fixed(a, column[1])), Number(fixed(b, column[1]))];
        if (p !== q) return Data.metrics[column[1]] ? q - p : p - q;
      }
      return 0;
    };
    const body = all.sort(before).flatMap((line) => {
      const first = "    " + [...line.names, ...columns.map((column, i) => cell(line, column, ranks[i]))].join(" & ") + " \\\\";
      const small = columns.map((column) => below(line, column));
      return intervals && small.some(Boolean) ? [first, "    " + ["", "", "", ...small].join(" & ").trim() + " \\\\"] : [first];
    });
    return [
      "% Needs \\usepackage{booktabs}. Made by the leaderboard page, of the rows that were chosen.",
      "\\begin{table}", "  \\centering", `  \\caption{${caption}}`, `  \\label{tab:compared-${escaped(rows[0].protocol)}}`,
      `  \\begin{tabular}{lll${"r".repeat(columns.length)}}`, "    \\toprule",
      "    " + ["", "", "", ...groups.map(([name, width]) => `\\multicolumn{${width}}{c}{${escaped(Data.sets[name] ?? name)}}`)].join(" & ").trim() + " \\\\",
      "    " + rules.join(""),
      "    " + ["Network", "Modality", "Preset", ...columns.map(([, metric]) => metric + (Data.metrics[metric] ? " $\\uparrow$" : " $\\downarrow$"))].join(" & ") + " \\\\",
      "    \\midrule", ...body, "    \\bottomrule", "  \\end{tabular}", "\\end{table}", "",
    ].join("\n");
  };
  return { escaped, table };
})();
