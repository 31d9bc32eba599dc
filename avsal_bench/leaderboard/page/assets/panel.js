"use strict";
// The panel of a row: everything known of it, put together when it is opened. Text goes in as text, never as HTML.
const Panel = (() => {
  const dialog = document.getElementById("panel");
  const { colour, draw, forget, rounded, show, SERIES } = Charts;
  let Pictures = null, wanted = null;

  const el = (tag, given = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name in node && name !== "list") node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null && child !== undefined));
    return node;
  };
  const text = (value) => (value === null || value === undefined || value === "" ? "–" : String(value));
  const table = (caption, heads, lines) => {
    const numbers = heads.map((_, i) => lines.some((line) => typeof line[i]?.sort === "number"));
    const cell = (value, i) => {
      const shown = value?.html ?? (value?.shown ?? value);
      const node = el(i === 0 ? "th" : "td", { className: numbers[i] ? "num" : "" }, shown instanceof Node ? shown : text(shown));
      if (i === 0) node.scope = "row";
      if (numbers[i]) node.dataset.sort = value?.sort ?? "";
      return node;
    };
    const head = el("tr", {}, ...heads.map((name, i) => {
      const th = el("th", { scope: "col", className: numbers[i] ? "num" : "" }, el("button", { type: "button" }, name));
      if (!numbers[i]) th.dataset.up = "";
      return th;
    }));
    return el("div", { className: "scroll", role: "region", ariaLabel: caption, tabIndex: 0 },
      el("table", { className: "sortable n-last" }, el("caption", {}, caption), el("thead", {}, head),
        el("tbody", {}, ...lines.map((line) => el("tr", {}, ...line.map(cell))))));
  };
  const number = (value, metric) => ({ shown: show(value, metric), sort: value ?? undefined });
  const signed = (value, metric) => ({ shown: (rounded(value, metric) > 0 ? "+" : "") + show(value, metric), sort: value });
  const p = (value) => ({ shown: value < 0.001 ? value.toExponential(0).replace("e-", "·10⁻").replace(/⁻(\d+)/, (_, d) => "⁻" + [...d].map((c) => "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]).join("")) : value.toPrecision(2), sort: value });
  const section = (title, ...content) => el("section", {}, el("h3", {}, title), ...content);
  const note = (said) => el("p", { className: "note" }, said);
  const duration = (s) => (s === null || s === undefined ? null : s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${(s / 3600).toFixed(1)} h`);
  const chart = (tall = "") => el("div", { className: "chart " + tall });

  const scores = (row) => {
    const bounded = Object.keys(row.relative).length > 0;
    const lines = Object.keys(Data.metrics).map((metric) => {
      const [value, std, low, high] = row.scores[metric], placed = row.relative[metric] ?? null;
      const between = bounded ? [{ shown: placed === null ? null : placed.toFixed(3), sort: placed ?? undefined }] : [];
      return [metric + (Data.metrics[metric] ? "" : " ↓"), number(value, metric), low === null ? null : `${show(low, metric)} – ${show(high, metric)}`, std === null ? null : "±" + show(std, metric), ...between];
    });
    const heads = ["Metric", "Score", "95 % interval", "Seeds", ...(bounded ? ["Between bounds"] : [])];
    const said = bounded ? note("Between bounds: 0 is the mean eye position of the training videos (mep), 1 is half of the observers predicting the other half (human_infinite).") : null;
    return section("Scores", table("Scores of this row", heads, lines), said);
  };

  const against = (row, pairs, metric) => {
    if (row.place === null) return section("Against the others", note("A row without all folds, or of a part of a test list, compares with no other."));
    if (!pairs) return section("Against the others", note("Left out of the page for its size."));
    const rows = Data.tables[row.table][1];
    const [first, second, differences, ps, all, significance] = pairs[metric];
    const mine = first.map((_, n) => n).filter((n) => first[n] === row.place || second[n] === row.place);
    if (!mine.length && row.place >= Math.max(0, ...second)) {
      return section("Against the others", note("Only the first rows of a long table are compared with each other; How to read says how many."));
    }
    const lines = mine.map((n) => {
      const [i, j, difference, raw, corrected, significant] = [first[n], second[n], differences[n], ps[n], all[n], significance[n]];
      const other = rows[i === row.place ? j : i], sign = i === row.place ? 1 : -1;
      const link = el("a", { href: "#row/" + other }, Data.rows[other][0]);
      const better = (sign * difference > 0) === Boolean(Data.metrics[metric]);
      return [{ html: link }, signed(sign * difference + 0, metric), p(raw), p(corrected), significant ? (better ? "better" : "worse") + (rounded(difference, metric) ? "" : ", by less than is shown") : "not shown"];
    });
    if (!lines.length) return section("Against the others", note("No other ranked row in this table yet."));
    return section(`Against the others, ${metric}`,
      note("This row less the other, mean over common videos; exact Wilcoxon signed-rank test, Holm's correction over all pairs of the table."),
      table("Differences to other rows", ["Network", "Difference", "p", "Corrected p", "Significant"], lines));
  };

  const videos = (row, metric) => {
    const { names, kinds, frames, scores: all } = row.videos;
    const order = names.map((_, i) => i).filter((i) => all[metric][i] !== null).sort((a, b) => all[metric][b] - all[metric][a]);
    const box = chart(), label = `${metric} of each video, from high to low; the table below has the numbers`;
    const make = () => ({
      type: "bar",
      data: { labels: order.map((i) => names[i]), datasets: [{ label: metric, data: order.map((i) => all[metric][i]), backgroundColor: colour("accent") }] },
      x: { name: "videos, from high to low", ticks: { display: false } }, y: { name: metric },
      plugins: { legend: { display: false } },
    });
    const metrics = Object.keys(Data.metrics), kinded = kinds.some(Boolean);
    const heads = ["Video", ...(kinded ? ["Category"] : []), "Frames", ...metrics];
    const lines = names.map((name, i) => [name, ...(kinded ? [kinds[i]] : []), { shown: frames[i], sort: frames[i] }, ...metrics.map((m) => number(all[m][i], m))]);
    const more = el("details", {}, el("summary", {}, `All ${names.length} videos and metrics`));
    more.addEventListener("toggle", () => { if (more.children.length === 1) more.append(table("Scores of each video", heads, lines)); });
    return [section(`Videos, ${metric}`, box, more), () => draw(box, label, make)];
  };

  // Thousandths of a mean, and how far below and above it the quartiles lie
  const unfolded = ([mean, below, above]) => {
    const line = (sign, by) => mean.map((value, i) => (value === null ? null : (value + sign * by[i]) / 1000));
    return mean ? [line(0, mean), line(-1, below), line(1, above)] : [];
  };
  const overTime = (row, metric) => {
    const [mean, low, high] = unfolded(row.time[metric]);
    if (!mean) return [section("Over time", note("The records of this row have no scores over time.")), null];
    const box = chart(), label = `${metric} over the normalised time of the videos`;
    const make = () => banded([mean, low, high], "mean over videos", "middle half of the videos", { name: metric });
    return [section(`Over time, ${metric}`, box), () => draw(box, label, make)];
  };

  // A line in its band, over the parts of the videos
  const banded = ([mean, low, high], line, band, y, x = { name: "part of the video" }, plugins = {}) => ({
    type: "line",
    data: {
      labels: mean.map((_, i) => `${Math.round((100 * (i + 0.5)) / mean.length)} %`),
      datasets: [
        { data: high, label: band, fill: "+1", borderWidth: 0, pointRadius: 0, backgroundColor: colour("accent", 0.18) },
        { data: low, label: "_", borderWidth: 0, pointRadius: 0 },
        { data: mean, label: line, borderColor: colour("accent"), backgroundColor: colour("accent"), borderWidth: 2, pointRadius: 0, pointHitRadius: 8 },
      ],
    },
    x, y, plugins,
  });
  const lostOverTime = (row, metric) => {
    const found = row.lost.filter(([, of]) => of[metric]).map(([sound, of]) => [sound, unfolded(of[metric])]);
    if (!found.length) return [null, null];
    const every = found.flatMap(([, lines]) => lines.flat()).filter((value) => value !== null);
    const y = { name: `loss in ${metric}`, suggestedMin: Math.min(0, ...every), suggestedMax: Math.max(0, ...every) };
    const boxes = found.map(() => chart());
    const paint = () => found.forEach(([sound, lines], i) => draw(boxes[i], `Loss in ${metric} over time when ${sound}`,
      () => banded(lines, sound, "95 % over videos", y, { name: `${sound}: part of the video` }, { legend: { display: false } })));
    return [section(`Lost with other sounds over time, ${metric}`,
      note("The score with the true sound less that with another, in each part of the videos' time: mean over videos in its 95 % band. Above zero, the true sound is better."),
      el("div", { className: "charts" }, ...boxes)), paint];
  };

  const byKind = (row, metric) => {
    const { names, videos: n, scores: of } = row.kinds;
    if (!names.length) return null;
    const lines = names.map((name, i) => [name, { shown: n[i], sort: n[i] }, ...Object.keys(Data.metrics).map((m) => number(of[m][i], m))]);
    return section("By category", table("Scores by category", ["Category", "Videos", ...Object.keys(Data.metrics)], lines));
  };

  const training = (row, shared) => {
    const fits = (shared ? row.fits : []).map(([fold, seed, n]) => ({ fold, seed, ...shared.fits[n] })).filter((fit) => Object.keys(fit.curves).length);
    if (!fits.length) return [section("Training", note("The records of this row have no training curves.")), null];
    const stages = [...new Set(fits.map((fit) => fit.stage))];
    const of = el("select", {}, ...stages.map((stage) => new Option(stage)));
    of.value = stages.at(-1);
    const boxes = { "loss": chart(), "val/cc": chart(), "lr": chart() };
    const lines = (fit, i, names) => names.filter((name) => fit.curves[name]).map((name) => ({
      label: `${name}, fold ${fit.fold} seed ${fit.seed}`, data: fit.epochs.map((x, k) => ({ x, y: fit.curves[name][k] })),
      borderColor: colour(SERIES[i % SERIES.length]), backgroundColor: colour(SERIES[i % SERIES.length]),
      borderDash: ["train/loss", "val/cc_muted"].includes(name) ? [4, 3] : [], borderWidth: 1.5, pointRadius: fit.epochs.length > 1 ? 0 : 3, pointHitRadius: 6,
    }));
    const redraw = () => {
      const chosen = fits.filter((fit) => fit.stage === of.value);
      for (const [kind, box] of Object.entries(boxes)) {
        const names = { "loss": ["train/loss", "val/loss"], "val/cc": ["val/cc", "val/cc_muted"] }[kind] ?? [kind];
        box.hidden = !chosen.some((fit) => names.some((name) => fit.curves[name]));
        if (box.hidden) continue;
        draw(box, `${kind} over epochs of stage ${of.value}`, () => ({
          type: "line", data: { datasets: chosen.flatMap((fit, i) => lines(fit, i, names)) },
          x: { type: "linear", name: "epoch", ticks: { precision: 0 } }, y: { name: kind },
          plugins: { legend: { display: chosen.length <= 3 } },
        }));
      }
    };
    of.addEventListener("input", redraw);
    const choice = stages.length > 1 ? el("label", {}, "Stage", of) : null;
    return [section("Training", choice, note("Losses: dashed on training clips, solid on the videos set aside." + (fits.some((fit) => fit.curves["val/cc_muted"]) ? " CC: dashed with the sound muted; where the two part, the network begins to hear." : "")), el("div", { className: "charts" }, ...Object.values(boxes))), redraw];
  };

  const pictures = (id) => {
    Pictures ??= JSON.parse(document.getElementById("pictures").textContent);
    return { shown: Pictures.shown[id] ?? [], left: Pictures.left[id] ?? [] };
  };
  const gallery = (id) => {
    const { shown, left } = pictures(id);
    if (!shown.length && !left.length) return null;
    const figures = shown.map(({ fold, seed, data }) => {
      const said = `Fold ${fold}, seed ${seed}: frames with ground truth and prediction, of the best, middle and worst video by CC`;
      return el("figure", {}, el("img", { src: "data:image/jpeg;base64," + data, alt: said }), el("figcaption", { className: "note" }, said));
    });
    const links = left.flatMap((path, i) => [i ? ", " : "", el("a", { href: path }, path.split("/").at(-1))]);
    return section("Gallery", ...figures, left.length ? el("p", { className: "note" }, "Left out of the page for its size: ", ...links) : null);
  };

  // Films of the row, in the page's folder; each is loaded when it is played.
  const films = (id) => {
    const { films: every, rows } = Films.known();
    if (!rows[id]) return null;
    return section("See it look, hear it listen", el("div", { className: "films" }, ...rows[id].map((key) => Films.figure(every[key]))));
  };

  const story = (row, shared) => {
    const records = row.records.map((r) => ({ weights: {}, ...shared?.jobs[r.job], ...r }));
    const heads = ["Record", "Commit", "Tree", "Code", "Version", "Device", "Trained", "Tested", "Started (UTC)", "Frames", "Weights (SHA-256)"];
    const lines = records.map((r) => [
      { html: el("a", { href: r.path }, `fold ${r.fold}, seed ${r.seed}`) },
      (r.commit ?? "").slice(0, 10), r.clean === true ? "clean" : "not clean", (r.code ?? "").slice(0, 10), r.version, r.device, duration(r.fit_seconds),
      duration(r.test_seconds), (r.started ?? "").replace("+00:00", "").replace("T", " "),
      { shown: r.counts.frames, sort: r.counts.frames }, { html: el("span", { className: "hash" }, text(r.weights.sha256)) },
    ]);
    const saw = [...new Set(records.flatMap((r) => r.saw ?? []))];
    const commits = [...new Set(records.map((r) => r.commit).filter(Boolean))];
    const commands = [...new Set(records.map((r) => r.command).filter(Boolean))];
    const steps = [...(commits.length === 1 ? [`git checkout ${commits[0]}`] : []), ...commands];
    return section("Where it comes from", table("Records of this row", heads, lines),
      el("h4", {}, "What it was trained on"),
      el("ul", {}, ...saw.map((line) => el("li", {}, line))),
      el("h4", {}, "To reproduce it"),
      steps.length ? el("pre", { tabIndex: 0 }, steps.join("\n")) : note("The records do not say by which command they were made."));
  };

  const headed = (title, ...more) => {
    const close = el("button", { type: "button", className: "plain" }, "Close");
    close.addEventListener("click", () => dialog.close());
    return el("header", {}, el("h2", { id: "panel-title", tabIndex: -1 }, title), el("div", {}, ...more, close));
  };
  const bar = (id, ...more) => headed(`${Data.rows[id][0]} on ${Data.sets[decodeURIComponent(id.split("/")[1])]}`, ...more, Choice.button(id));
  const untold = (id) => {
    const [protocol, dataset] = id.split("/"), folder = `records/${protocol}/${dataset}/`;
    return el("p", {}, Details.able ? "Left out of the page for its size. The records of this row: " : "This browser cannot unpack the story of a row; Chrome 80, Firefox 113, Safari 16.4 and later can. Its records: ",
      el("a", { href: folder }, folder));
  };
  const fill = (id, metric, [rows, pairs, shared]) => {
    dialog.querySelectorAll(".chart").forEach(forget);
    dialog.dataset.row = id;
    if (!rows) {
      dialog.replaceChildren(bar(id), untold(id));
      return;
    }
    const row = rows[id];
    const choice = el("select", {}, ...Object.keys(Data.metrics).map((name) => new Option(name)));
    choice.value = metric;
    choice.addEventListener("input", () => { fill(id, choice.value, [rows, pairs, shared]); dialog.querySelector("select").focus(); });
    const said = [row.synthetic ? "synthetic: says nothing about real videos" : "measured", `protocol ${row.protocol}`, `preset ${text(row.preset)}`, `folds ${row.folds.join(", ")}`, `seeds ${row.seeds.join(", ")}`];
    const parts = [videos(row, metric), overTime(row, metric), lostOverTime(row, metric), training(row, shared)];
    const top = dialog.scrollTop;
    dialog.replaceChildren(
      bar(id, el("label", {}, "Metric", choice)),
      el("p", { className: "note" }, said.join(" · ")),
      ...[scores(row), films(id), against(row, pairs, metric), parts[0][0], parts[1][0], parts[2][0], byKind(row, metric), parts[3][0], gallery(id), story(row, shared)].filter(Boolean));
    dialog.scrollTop = top;
    parts.forEach(([, paint]) => paint?.());
  };
  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });

  return {
    make: { el, note, number, p, section, signed, table, text },
    pictures,
    async open(id, metric) {
      if (!dialog.open) dialog.showModal();
      if (!Object.hasOwn(Data.rows, id)) {
        wanted = dialog.dataset.row = id;
        dialog.querySelectorAll(".chart").forEach(forget);
        dialog.replaceChildren(headed("A row"), el("p", { className: "warning", role: "alert" }, id ? `No row of this page has the name ${id}. It may have been renamed or left out; the tables have links to all rows.` : "This link names no row; the tables have links to all of them."));
        return;
      }
      const start = () => {
        document.getElementById("panel-title").focus({ preventScroll: true });
        dialog.scrollTop = 0;
      };
      wanted = id;
      delete dialog.dataset.row;
      dialog.querySelectorAll(".chart").forEach(forget);
      dialog.replaceChildren(bar(id));
      start();
      const table = id.split("/", 2).map(decodeURIComponent).join("/");
      const found = await Promise.all([`rows/${Data.rows[id][2]}`, `pairs/${table}`, "shared"].map((name) => Details.load(name)));
      if (wanted !== id) return; // another row was opened meanwhile
      fill(id, metric === "all" ? "CC" : metric, found);
      start();
    },
  };
})();
