"use strict";
// The comparison of the chosen rows: scores, paired differences by video, sets, disagreements, pictures, LaTeX and a link.
const Compare = (() => {
  const { el, note, number, p, section, signed, table, text } = Panel.make;
  const { colour, draw, forget, show } = Charts;
  const SHOWN = 10, STEP = 36;
  const LETTERS = "ABCDE", DASHES = [[], [6, 3], [2, 3], [8, 3, 2, 3], [1, 3]], POINTS = ["circle", "rect", "triangle", "rectRot", "star"];
  const dialog = el("dialog", { id: "compare" });
  dialog.setAttribute("aria-labelledby", "compare-title");
  document.getElementById("panel").after(dialog);
  let wanted = null, returned = null;

  const address = (ids, given = {}) => {
    const told = new URLSearchParams(given).toString();
    return `#compare/${ids.join("/")}${told ? "?" + told : ""}`;
  };
  // A row is four parts of the address: protocol, set, network and preset. Returns its rows, or what is wrong with it.
  const read = (hash) => {
    const [path, told = ""] = hash.replace(/^#compare\/?/, "").split("?");
    const parts = path.split("/").filter(Boolean), ids = [];
    for (let i = 0; i < parts.length; i += 4) ids.push(parts.slice(i, i + 4).join("/"));
    const given = new URLSearchParams(told), twice = ids.find((id, i) => ids.indexOf(id) < i), unknown = ids.filter((id) => !Object.hasOwn(Data.rows, id));
    const form = "A link to a comparison is #compare/ROW/ROW, where a row is protocol/set/network/preset, as in the link of its name.";
    const metric = given.get("metric") ?? "";
    let wrong = "";
    if (parts.length % 4) wrong = `This link names ${parts.length} parts, and a row has four. ${form}`;
    else if (twice) wrong = `This link names a row twice: ${twice}.`;
    else if (ids.length < Choice.LEAST || ids.length > Choice.MOST) wrong = `This link names ${ids.length === 1 ? "one row" : `${ids.length} rows`}; a comparison is of ${Choice.LEAST} to ${Choice.MOST}. ${form}`;
    else if (unknown.length) wrong = `No row of this page has the name ${unknown.join(", or ")}. It may have been renamed or left out; choose rows in the tables.`;
    else if (metric && !Object.hasOwn(Data.metrics, metric)) wrong = `No metric has the name ${metric}; there are ${Object.keys(Data.metrics).join(", ")}.`;
    const asked = given.get("pair") ?? "0-1", pair = /^([0-4])-([0-4])$/.exec(asked)?.slice(1).map(Number) ?? [0, 0];
    if (!wrong && (pair[0] === pair[1] || Math.max(...pair) >= ids.length)) wrong = `No pair has the name ${asked}; it is two numbers of rows from 0 to ${ids.length - 1}, such as 0-1.`;
    return { ids, wrong, metric, pair };
  };

  const code = (command) => {
    const node = el("pre", { tabIndex: 0, ariaLabel: command.split(" ").slice(0, 3).join(" ") });
    node.setAttribute("role", "region");
    node.append(command);
    return node;
  };
  const letter = (i) => el("span", { className: `who who-${LETTERS[i].toLowerCase()}` }, LETTERS[i]);
  const who = (rows, i) => el("span", {}, letter(i), " ", rows[i].label);
  const series = (i) => ["accent", "second", "third", "fourth", "ink"][i];
  const best = (rows, metric) => {
    const values = rows.map((row) => show(row.scores[metric][0], metric)).map((shown) => Number(shown.replace("−", "-")));
    const defined = values.filter((value) => !Number.isNaN(value));
    const of = defined.length ? Math[Data.metrics[metric] ? "max" : "min"](...defined) : NaN;
    return values.map((value) => value === of);
  };
  const scores = (rows, alike) => {
    const metrics = Object.keys(Data.metrics), tops = Object.fromEntries(metrics.map((metric) => [metric, alike ? best(rows, metric) : rows.map(() => false)]));
    const lines = rows.map((row, i) => [
      { html: el("span", {}, letter(i), " ", el("a", { href: "#row/" + row.id }, row.label)) },
      ...(alike ? [] : [Data.sets[row.dataset] ?? row.dataset, row.protocol]),
      ...metrics.map((metric) => {
        const [value, std, low, high] = row.scores[metric];
        const shown = el(tops[metric][i] ? "strong" : "span", {}, show(value, metric));
        const small = low === null ? null : el("small", {}, `${show(low, metric)}–${show(high, metric)}`);
        return { html: el("span", {}, shown, std === null ? null : el("span", { className: "std" }, ` ±${show(std, metric)}`), small), sort: value ?? undefined };
      }),
      row.folds.join(", "), row.seeds.join(", "),
    ]);
    const heads = ["Network", ...(alike ? [] : ["Set", "Protocol"]), ...metrics.map((metric) => metric + (Data.metrics[metric] ? "" : " ↓")), "Folds", "Seeds"];
    return section("Scores", note("Small print: 95 % interval over videos, and ± standard deviation over seeds." + (alike ? " Bold: the best of these rows." : "")), table("Scores of the chosen rows", heads, lines));
  };

  const SVG = "http://www.w3.org/2000/svg";
  const svg = (tag, given, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(given)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  // A point and its interval a row; the numbers stand in the table above.
  const whiskers = (rows, metric) => {
    const known = rows.map((row, i) => [i, row.scores[metric]]).filter(([, [value]]) => value !== null);
    if (!known.length) return note(`No row has a score in ${metric}.`);
    const ends = known.flatMap(([, [value, , low, high]]) => [low ?? value, high ?? value]);
    const least = Math.min(...ends), most = Math.max(...ends), room = (most - least) * 0.08 || 0.01;
    const at = (value) => 40 + (520 * (value - least + room)) / (most - least + 2 * room);
    const tall = STEP * known.length + 30;
    const marks = known.flatMap(([i, [value, , low, high]], line) => {
      const y = 26 + STEP * line, of = `who-${LETTERS[i].toLowerCase()}`;
      return [
        svg("text", { x: 12, y: y + 4 }, LETTERS[i]),
        ...(low === null ? [] : [svg("path", { d: `M${at(low)} ${y}H${at(high)}M${at(low)} ${y - 5}v10M${at(high)} ${y - 5}v10`, class: of })]),
        svg("circle", { cx: at(value), cy: y, r: 4.5, class: of }),
        svg("text", { x: at(value), y: y - 8, "text-anchor": "middle", class: "value" }, show(value, metric)),
      ];
    });
    const label = known.map(([i, [value, , low, high]]) => `${LETTERS[i]} ${show(value, metric)}${low === null ? "" : `, ${show(low, metric)} to ${show(high, metric)}`}`).join("; ");
    return svg("svg", { viewBox: `0 0 600 ${tall}`, class: "whiskers", role: "img", "aria-label": `${metric} with 95 % intervals: ${label}` },
      ...marks, svg("text", { x: at(least), y: tall - 4, "text-anchor": "middle", class: "value" }, show(least, metric)), svg("text", { x: at(most), y: tall - 4, "text-anchor": "middle", class: "value" }, show(most, metric)));
  };

  const better = (difference, metric) => (difference > 0) === Boolean(Data.metrics[metric]);
  const pairsOf = (rows) => rows.flatMap((_, i) => rows.slice(i + 1).map((_, k) => [i, i + 1 + k]));
  const paired = (rows, pairs, metric, [first, second], choose) => {
    const found = pairsOf(rows).map(([i, j]) => {
      const why = Paired.unlike(rows[i], rows[j]), by = why ? [] : Paired.differences(rows[i], rows[j], metric);
      return { i, j, by, why: why || (by.length ? "" : `no video has a score in ${metric} in both`) };
    });
    const lines = found.map(({ i, j, by, why }) => {
      const name = { html: el("span", {}, letter(i), " − ", letter(j), el("span", { className: "said" }, ` ${rows[i].label} less ${rows[j].label}`)) };
      if (why) return [name, null, null, null, null, null, null, `not compared: ${why}`];
      const tested = Paired.test(rows[i], rows[j], pairs, metric), values = by.map((one) => one.difference);
      const mean = tested?.difference ?? Paired.mean(values), ends = Paired.interval(values);
      const wins = values.filter((value) => value && better(value, metric)).length;
      const said = !tested ? "not tested: only the first rows of a long table are" : tested.significant ? `${better(mean, metric) ? LETTERS[i] : LETTERS[j]} is better` : "not shown";
      return [name, signed(mean, metric), ends ? `${signed(ends[0], metric).shown} – ${signed(ends[1], metric).shown}` : "too few videos",
        { shown: by.length, sort: by.length }, { shown: wins, sort: wins }, tested ? p(tested.p) : null, tested ? p(tested.corrected) : null, said];
    });
    const able = found.filter(({ why }) => !why), content = [table(`Paired differences in ${metric}`, ["Pair", "Mean difference", "95 % interval", "Videos", "First better in", "p", "Corrected p", "Significant"], lines)];
    if (able.length) {
      const chosen = able.find(({ i, j }) => (i === first && j === second) || (i === second && j === first)) ?? able[0];
      const of = el("select", {}, ...able.map(({ i, j }) => new Option(`${LETTERS[i]} − ${LETTERS[j]}: ${rows[i].label} less ${rows[j].label}`, `${i}-${j}`)));
      of.value = `${chosen.i}-${chosen.j}`;
      of.addEventListener("input", () => choose(of.value.split("-").map(Number)));
      content.push(able.length > 1 ? el("label", { className: "pair" }, "Pair", of) : null, bars(rows, chosen, metric));
    }
    return section(`Paired differences, ${metric}`,
      note(`The first row less the second, on the videos that both have. Mean with its 95 % bootstrap interval (${Paired.SAMPLES.toLocaleString("en")} draws, made in this browser from scores to four decimals); exact Wilcoxon signed-rank test, Holm’s correction over all pairs of the whole table.` + (Data.metrics[metric] ? "" : ` Less ${metric} is better.`)),
      ...content.filter(Boolean));
  };
  // A line a video with its name, and a bar on the side of the row that is higher.
  const bars = (rows, { i, j, by }, metric) => {
    const most = Math.max(...by.map(({ difference }) => Math.abs(difference))) || 1;
    const lines = by.map(({ name, a, b, difference }) => {
      const bar = el("span", { className: `bar who-${LETTERS[difference > 0 ? i : j].toLowerCase()}` }), track = el("span", { className: "track", ariaHidden: "true" }, bar);
      bar.style.width = `${(50 * Math.abs(difference)) / most}%`;
      bar.style[difference > 0 ? "left" : "right"] = "50%";
      return [name, { html: track }, signed(difference, metric), number(a, metric), number(b, metric)];
    });
    const made = table(`${metric} of ${rows[i].label} less ${rows[j].label}, by video`, ["Video", "Which is higher", "Difference", LETTERS[i], LETTERS[j]], lines);
    made.classList.add("bars");
    return made;
  };

  // The chosen networks on the other sets of their protocol that are watched alike.
  const overSets = (rows, metric) => {
    const { protocol, synthetic } = rows[0], place = Object.keys(Data.metrics).indexOf(metric);
    const kinds = new Map([...document.querySelectorAll(".set[data-dataset][data-kind]")].map((set) => [set.dataset.dataset, set.dataset]));
    const kind = kinds.get(rows[0].dataset)?.kind;
    const ids = rows.map((row) => row.id.split("/").slice(2).join("/"));
    const sets = Object.keys(Data.tables).filter((key) => key.split("/")[0] === protocol && Boolean(Data.tables[key][0]) === synthetic)
      .map((key) => key.slice(protocol.length + 1)).filter((name) => kinds.get(name)?.kind === kind)
      .filter((name) => ids.some((id) => `${protocol}/${encodeURIComponent(name)}/${id}` in Data.rows));
    const title = (name) => Data.sets[name] ?? name;
    const value = (name, id) => Data.rows[`${protocol}/${encodeURIComponent(name)}/${id}`]?.[3][place] ?? null;
    if (sets.length < 2) return [section(`Over sets, ${metric}`, note("These networks have scores on this set alone, under this protocol.")), null];
    const box = el("div", { className: "chart" });
    const lines = sets.map((name) => [title(name), ...ids.map((id) => number(value(name, id), metric))]);
    const more = el("details", {}, el("summary", {}, "The numbers"), table(`${metric} over sets`, ["Set", ...LETTERS.slice(0, rows.length)], lines));
    const paint = () => draw(box, `${metric} of the chosen networks on ${sets.length} sets; the numbers are below`, () => ({
      type: "line",
      data: { labels: sets.map(title), datasets: rows.map((row, i) => ({
        label: `${LETTERS[i]} ${row.label}`, data: ids.length ? sets.map((name) => value(name, ids[i])) : [], borderColor: colour(series(i)), backgroundColor: colour(series(i)),
        borderDash: DASHES[i], pointStyle: POINTS[i], pointRadius: 5, borderWidth: 2, spanGaps: true,
      })) },
      x: { offset: true }, y: { name: metric, grace: "5%" },
    }));
    return [section(`Over sets, ${metric}`, note(`The same networks on all ${sets.length} sets of this protocol that they have scores on. Levels of two sets do not compare; the order of the lines does.`), box, more), paint];
  };

  const disagreements = (rows, metric) => {
    const found = Paired.spread(rows, metric);
    if (!found.length) return section("Where they disagree most", note("No video is common to all of these rows."));
    const frames = new Map(rows[0].videos.names.map((name, i) => [name, rows[0].videos.frames[i]]));
    const kinds = new Map(rows[0].videos.names.map((name, i) => [name, rows[0].videos.kinds[i]])), kinded = [...kinds.values()].some(Boolean);
    const lines = found.slice(0, SHOWN).map(({ name, values, spread }) => [name, ...(kinded ? [kinds.get(name)] : []), { shown: frames.get(name), sort: frames.get(name) }, ...values.map((value) => number(value, metric)), number(spread, metric)]);
    return section(`Where they disagree most, ${metric}`,
      note(`${found.length > SHOWN ? `The ${SHOWN} of ${found.length}` : `All ${found.length}`} common videos, by the largest difference between two of these rows.`),
      table("Videos on which the rows disagree most", ["Video", ...(kinded ? ["Category"] : []), "Frames", ...LETTERS.slice(0, rows.length), "Spread"], lines),
      note("Frames on which the networks disagree most, with where people looked and the maps of all side by side, of the first fold of these rows:"),
      code(`avsal show --compare ${rows.map(({ id }) => id).join(" ")} -o grid.png`));
  };
  const pictures = (rows) => {
    const shown = rows.map((row) => Panel.pictures(row.id).shown), left = rows.flatMap((row) => Panel.pictures(row.id).left);
    const keys = [...new Set(shown.flat().map(({ fold, seed }) => `${fold}/${seed}`))].sort();
    const both = keys.filter((key) => shown.filter((of) => of.some(({ fold, seed }) => `${fold}/${seed}` === key)).length > 1);
    const [key] = both.length ? both : keys;
    const content = key === undefined ? [note("The page has no pictures of these rows.")] : [
      note("Frames with ground truth and prediction, of the best, middle and worst video by CC of each row, which need not be the same videos."),
      el("div", { className: "side-by-side" }, ...rows.map((row, i) => {
        const one = shown[i].find(({ fold, seed }) => `${fold}/${seed}` === key);
        const said = one ? `fold ${one.fold}, seed ${one.seed}` : "no picture of this fold and seed in the page";
        return el("figure", {}, el("figcaption", {}, who(rows, i), el("span", { className: "note" }, ` ${said}`)), one ? el("img", { src: "data:image/jpeg;base64," + one.data, alt: `Frames with ground truth and prediction of ${row.label}, ${said}` }) : null);
      })),
    ];
    const links = left.flatMap((path, i) => [i ? ", " : "", el("a", { href: path }, path.split("/").at(-1))]);
    return section("Pictures", ...content, left.length ? el("p", { className: "note" }, "Left out of the page for its size: ", ...links) : null);
  };

  const copied = (words, source) => {
    const button = el("button", { type: "button", className: "plain" }, words), told = el("span", { role: "status", className: "note" });
    button.addEventListener("click", async () => {
      source.focus();
      if (source.select) source.select();
      else getSelection().selectAllChildren(source);
      // A page from the disk may have no clipboard of its own.
      const done = await (navigator.clipboard?.writeText(source.value ?? source.textContent).then(() => true, () => false) ?? false) || document.execCommand("copy");
      told.textContent = done ? "copied" : "selected; copy it with the keyboard";
    });
    return [button, told];
  };
  const latex = (rows) => {
    const groups = [...new Set(rows.map((row) => row.protocol))].map((protocol) => rows.filter((row) => row.protocol === protocol));
    const box = el("input", { type: "checkbox" }), code = el("pre", { tabIndex: 0, ariaLabel: "LaTeX" });
    code.setAttribute("role", "region");
    const write = () => { code.textContent = groups.map((group) => Latex.table(group, Object.keys(Data.metrics), box.checked)).join("\n"); };
    box.addEventListener("input", write);
    write();
    return section("LaTeX", el("p", { className: "do" }, ...copied("Copy LaTeX", code), el("label", { className: "beside" }, box, " with intervals")), code,
      note("In the form of avsal leaderboard --latex; the keys of its citations are those of references.bib."));
  };
  const link = () => {
    const field = el("input", { type: "text", readOnly: true, ariaLabel: "Link to this comparison", value: location.href });
    field.addEventListener("focus", () => field.select());
    return [field, el("p", { className: "do link" }, field, ...copied("Copy link", field))];
  };

  const bar = (title, ...more) => {
    const close = el("button", { type: "button", className: "plain" }, "Close");
    close.addEventListener("click", () => dialog.close());
    return el("header", {}, el("h2", { id: "compare-title", tabIndex: -1 }, title), el("div", {}, ...more, close));
  };
  const start = () => {
    dialog.querySelector("h2").focus({ preventScroll: true });
    dialog.scrollTop = 0;
  };
  const refuse = (said) => dialog.replaceChildren(bar("Comparison"), el("p", { className: "warning", role: "alert" }, said));

  const fill = (rows, pairs, missing, state) => {
    dialog.querySelectorAll(".chart").forEach(forget);
    const { metric } = state, alike = new Set(rows.map((row) => row.table)).size === 1;
    const again = (changed, focus) => {
      const top = dialog.scrollTop;
      Object.assign(state, changed);
      history.replaceState(null, "", address(state.ids, { metric: state.metric, pair: state.pair.join("-") }));
      fill(rows, pairs, missing, state);
      dialog.scrollTop = top;
      dialog.querySelector(focus)?.focus({ preventScroll: true });
    };
    const choice = el("select", {}, ...Object.keys(Data.metrics).map((name) => new Option(name)));
    choice.value = metric;
    choice.addEventListener("input", () => again({ metric: choice.value }, "header select"));
    const sets = [...new Set(rows.map((row) => Data.sets[row.dataset] ?? row.dataset))].join(", "), protocols = [...new Set(rows.map((row) => row.protocol))];
    const [field, shared] = link();
    const untold = missing.map((id) => el("li", {}, el("a", { href: "#row/" + id }, Data.rows[id][0]), `: the page has no room for its videos; ${["scores", ...Object.keys(Data.metrics).map((name, k) => `${name} ${show(Data.rows[id][3][k], name)}`)].join(" ")}`));
    const parts = [el("p", { className: "note" }, `${rows[0]?.synthetic ? "synthetic: says nothing about real videos" : "measured"} · ${protocols.length > 1 ? "protocols" : "protocol"} ${protocols.join(", ")}`)];
    if (missing.length) parts.push(el("div", { className: "warning" }, Details.able ? "Left out of the page for its size, and so compared with no row by video:" : "This browser cannot unpack the scores of videos; Chrome 80, Firefox 113, Safari 16.4 and later can.", el("ul", {}, ...untold)));
    if (!alike && rows.length > 1) parts.push(el("p", { className: "warning" }, `Scores side by side only: ${Paired.unlike(...rows.reduce(([a, b], row) => (b || row.table === a.table ? [a, b] : [a, row]), [rows[0], null]))}.`));
    let paint = null;
    if (rows.length) parts.push(scores(rows, alike));
    if (rows.length && alike) parts.push(whiskers(rows, metric));
    if (rows.length > 1 && alike) {
      const slopes = overSets(rows, metric);
      paint = slopes[1];
      parts.push(paired(rows, pairs, metric, state.pair, (pair) => again({ pair }, ".pair select")), slopes[0], disagreements(rows, metric));
    }
    if (rows.length) parts.push(pictures(rows), latex(rows));
    const command = code(`avsal leaderboard --compare ${state.ids.join(" ")}`);
    parts.push(section("This view again", shared, note("The same from records, in a terminal, with further tables as Markdown or LaTeX:"), command));
    dialog.replaceChildren(bar(`Comparison on ${sets || "this page"}`, el("label", {}, "Metric", choice)), ...parts);
    field.value = location.href;
    paint?.();
  };

  dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
  dialog.addEventListener("close", () => {
    dialog.querySelectorAll(".chart").forEach(forget);
    if (location.hash.startsWith("#compare")) returned?.();
  });

  return {
    address,
    read,
    get shown() { return dialog.open; },
    close() { if (dialog.open) dialog.close(); },
    // Opens on an address; `back` puts the address of the tab back when it is closed.
    async open(hash, metric, back) {
      const { ids, wrong, ...asked } = read(hash);
      returned = back;
      wanted = hash;
      if (!dialog.open) dialog.showModal();
      delete dialog.dataset.rows;
      dialog.querySelectorAll(".chart").forEach(forget);
      dialog.replaceChildren(bar("Comparison"));
      start();
      if (wrong) {
        refuse(wrong);
        start();
        dialog.dataset.rows = "none";
        return;
      }
      Choice.set(ids);
      const tables = [...new Set(ids.map((id) => id.split("/", 2).map(decodeURIComponent).join("/")))];
      const [pairs, ...parts] = await Promise.all([Details.load(`pairs/${tables[0]}`), ...ids.map((id) => Details.load(`rows/${Data.rows[id][2]}`))]);
      if (wanted !== hash || !dialog.open) return; // another was opened meanwhile
      const rows = ids.map((id, i) => parts[i] && { ...parts[i][id], id, modality: Data.rows[id][1] }).filter(Boolean);
      fill(rows, pairs, ids.filter((_, i) => !parts[i]), { ids, metric: asked.metric || (metric === "all" ? "CC" : metric), pair: asked.pair });
      start();
      dialog.dataset.rows = ids.join(" ");
    },
  };
})();
