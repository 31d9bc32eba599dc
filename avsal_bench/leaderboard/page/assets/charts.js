"use strict";
// Plots by Chart.js (MIT licence, Chart.js Contributors), in the colours of the page, each made when it is first looked at.
const Data = JSON.parse(document.getElementById("data").textContent);
Data.metrics = Object.fromEntries(Data.metrics);
const Charts = (() => {
  const made = new Map();
  const probe = document.createElement("span");
  probe.hidden = true;
  document.body.append(probe);
  const colour = (name, alpha = 1) => {
    probe.style.color = `var(--${name})`;
    const rgb = getComputedStyle(probe).color;
    return alpha === 1 ? rgb : rgb.replace("rgb(", "rgba(").replace(")", `, ${alpha})`);
  };
  const SERIES = ["accent", "second", "third", "soft"];
  const digits = (metric) => (metric === "NSS" ? 2 : 3);
  // What rounds to zero has no sign: none is seen.
  const rounded = (value, metric) => Number(value.toFixed(digits(metric))) || 0;
  const show = (value, metric) => (value === null || value === undefined ? "–" : rounded(value, metric).toFixed(digits(metric)).replace("-", "−"));

  // Chart.js is packed in the page, and run for the first plot; the page's policy knows its text.
  let library = null;
  const run = (text) => {
    const script = document.createElement("script");
    script.textContent = text;
    document.head.append(script);
  };
  const ready = () => (library ??= Details.unpack(JSON.parse(document.getElementById("chart").textContent)).text().then(run));

  const draw = (box, label, make) => {
    made.get(box)?.chart?.destroy();
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", label);
    box.replaceChildren(canvas);
    made.set(box, { label, make });
    ready().then(() => { if (canvas.isConnected) paint(box, canvas, label, make); });
  };
  const paint = (box, canvas, label, make) => {
    const ink = colour("soft"), rule = colour("rule");
    const { type, data, x = {}, y = {}, plugins = {}, onClick, inline = [] } = make();
    const axis = (given) => ({
      ...given,
      title: { display: Boolean(given.name), text: given.name, color: ink },
      ticks: { color: ink, maxRotation: 60, ...given.ticks },
      grid: { color: rule },
      border: { color: ink },
    });
    const options = {
      animation: false, responsive: true, maintainAspectRatio: false, onClick,
      scales: { x: axis(x), y: axis(y) },
      plugins: { legend: { labels: { color: ink, boxWidth: 14, filter: (item) => !item.text.startsWith("_") } }, ...plugins },
    };
    made.set(box, { chart: new Chart(canvas, { type, data, options, plugins: inline }), label, make });
  };
  const repaint = () => {
    for (const [box, { label, make }] of [...made]) {
      if (box.isConnected) draw(box, label, make);
      else forget(box);
    }
  };
  const forget = (box) => {
    made.get(box)?.chart?.destroy();
    made.delete(box);
  };

  // Names beside the points of a scatter plot
  const names = {
    id: "names",
    afterDatasetsDraw(chart) {
      const { ctx, chartArea } = chart;
      const points = chart.data.datasets.flatMap((_, i) => chart.getDatasetMeta(i).data);
      const taken = points.map(({ x, y }) => [x - 5, y - 5, x + 5, y + 5]);
      ctx.save();
      ctx.font = "11px system-ui, sans-serif";
      ctx.fillStyle = colour("ink");
      chart.data.datasets.forEach((set, i) => chart.getDatasetMeta(i).data.forEach((point, j) => {
        const text = set.data[j].label, wide = ctx.measureText(text).width;
        const right = point.x + 8, left = point.x - 8 - wide;
        const sides = right + wide > chartArea.right ? [left] : left < chartArea.left ? [right] : [right, left];
        const places = [4, -8, 16, -20, 28].flatMap((down) => sides.map((x) => [x, point.y + down]));
        for (const [x, y] of places) {
          const box = [x, y - 10, x + wide, y + 2];
          if (box[1] < chartArea.top || box[3] > chartArea.bottom) continue;
          if (taken.some((t) => t[0] < box[2] && box[0] < t[2] && t[1] < box[3] && box[1] < t[3])) continue;
          taken.push(box);
          ctx.fillText(text, x, y);
          break;
        }
      }));
      ctx.restore();
    },
  };

  const KINDS = ["av", "v", "a", "baseline"];
  const COSTS = ["Parameters", "MACs a window", "Seconds a frame, one CPU thread"];
  const short = (value) => {
    for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) if (value >= size) return `${+(value / size).toPrecision(3)} ${letter}`;
    return `${+value.toPrecision(3)}`;
  };
  const round = (value) => ([1, 2, 5].includes(+(value / 10 ** Math.floor(Math.log10(value))).toPrecision(6)) ? short(value) : "");
  const choice = document.getElementById("plot-table");
  const groups = { "measured": [], "synthetic: says nothing about real videos": [] };
  for (const [key, [synthetic, rows]] of Object.entries(Data.tables)) {
    if (rows.length) groups[Object.keys(groups)[synthetic]].push(key);
  }
  for (const [label, keys] of Object.entries(groups)) {
    if (!keys.length) continue;
    const group = document.createElement("optgroup");
    group.label = label;
    keys.forEach((key) => group.append(new Option(`${Data.sets[key.split("/")[1]]} (${key.split("/")[0]})`, key)));
    choice.append(group);
  }
  const plots = () => {
    const nothing = !Details.able || !choice.value || !Object.keys(Data.costs).length;
    document.getElementById("plots").hidden = nothing;
    if (nothing) return;
    const chosen = document.querySelector("#filters [name=metric]").value;
    const metric = chosen === "all" ? "CC" : chosen;
    const [synthetic, ids] = Data.tables[choice.value], place = Object.keys(Data.metrics).indexOf(metric);
    const rows = ids.map((id) => {
      const [label, modality, , scores] = Data.rows[id];
      return { id, label, kind: modality || "baseline", y: scores[place], costs: Data.costs[label] ?? [] };
    }).filter((row) => row.y !== null);
    const where = document.querySelector("#plots .charts");
    [...where.children].forEach(forget);
    where.replaceChildren();
    document.getElementById("plot-note").textContent = (synthetic ? "Synthetic scores: they say nothing about real videos. " : "")
      + `${metric}${Data.metrics[metric] ? "" : " (less is better)"} of ranked rows; a point opens its row.`;
    for (const [cost, title] of COSTS.entries()) {
      const known = rows.filter((row) => row.costs[cost]);
      if (!known.length) continue;
      const kinds = KINDS.filter((kind) => known.some((row) => row.kind === kind));
      const sets = kinds.map((kind) => known.filter((row) => row.kind === kind).map((row) => ({ ...row, x: row.costs[cost] })));
      const costsOf = sets.flat().map((point) => point.x);
      const box = document.createElement("div");
      box.className = "chart";
      where.append(box);
      draw(box, `${metric} against ${title}; the numbers are in the tables`, () => ({
        type: "scatter",
        data: { datasets: sets.map((data, i) => ({
          data, label: kinds[i], pointRadius: 5, pointStyle: ["circle", "triangle", "rect", "rectRot"][KINDS.indexOf(kinds[i])],
          backgroundColor: colour(SERIES[KINDS.indexOf(kinds[i])]), borderColor: colour(SERIES[KINDS.indexOf(kinds[i])]),
        })) },
        x: { type: "logarithmic", name: title, min: Math.min(...costsOf) / 1.3, max: Math.max(...costsOf) * 1.3, ticks: { callback: round, maxRotation: 0 } },
        y: { name: metric, grace: "10%" },
        inline: [names],
        onClick: (_, hit) => { if (hit.length) location.hash = "row/" + sets[hit[0].datasetIndex][hit[0].index].id; },
        plugins: { tooltip: { callbacks: { label: (item) => `${item.raw.label}: ${show(item.raw.y, metric)} at ${short(item.raw.x)}` } } },
      }));
    }
  };
  choice.addEventListener("input", plots);
  return { colour, digits, draw, forget, plots, repaint, rounded, show, SERIES };
})();
