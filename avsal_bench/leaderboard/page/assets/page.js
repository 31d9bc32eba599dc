"use strict";
// Tabs, filters, the choice of a metric, links and tooltips. Without this file every table is there, one below the other.
(() => {
  const $ = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = $("main"), form = $("#filters"), panel = $("#panel");
  const tabs = all("#tabs a"), sections = all("section.tab");
  const FILTERS = ["modality", "preset", "seen", "training", "protocol"];
  const shownSet = {};
  const first = "overview";
  let current = first;

  all("details.card").forEach((card) => { card.open = false; }); // to be opened one by one

  // Tabs
  $("#tabs").setAttribute("role", "tablist");
  tabs.forEach((tab) => {
    const name = tab.hash.slice(1);
    tab.setAttribute("role", "tab");
    tab.setAttribute("aria-controls", name);
    $("#" + name).setAttribute("role", "tabpanel");
    tab.addEventListener("click", (event) => {
      event.preventDefault();
      choose(tab);
    });
    tab.addEventListener("keydown", (event) => {
      const at = tabs.indexOf(tab), last = tabs.length - 1;
      const to = { ArrowRight: at === last ? 0 : at + 1, ArrowLeft: at ? at - 1 : last, Home: 0, End: last, " ": at }[event.key];
      if (to === undefined) return;
      event.preventDefault();
      choose(tabs[to]);
    });
  });
  // Not by location.hash, which would take the focus away and scroll
  const choose = (tab) => {
    history.pushState(null, "", tab.hash);
    go();
    tab.focus();
  };

  // One button a data set, in the tabs that have several
  sections.forEach((section) => {
    const names = [...new Set(all(".set", section).map((set) => set.dataset.dataset))];
    shownSet[section.id] = names[0] ?? "";
    if (names.length < 2) return;
    const pills = document.createElement("div");
    pills.className = "pills";
    pills.setAttribute("role", "group");
    pills.setAttribute("aria-label", "Data sets");
    const kinds = new Map(all(".set", section).map((set) => [set.dataset.dataset, set.dataset.kind ?? ""]));
    const titles = new Map(all(".set", section).map((set) => [set.dataset.dataset, set.dataset.title ?? ""]));
    let kind = "";
    for (const name of [...names, "all"]) {
      if (new Set([...kinds.values()].filter(Boolean)).size > 1 && kinds.get(name) && kinds.get(name) !== kind) {
        kind = kinds.get(name);
        pills.append(Object.assign(document.createElement("span"), { textContent: kind + ":" }));
      }
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = titles.get(name) || name;
      button.dataset.name = name;
      button.addEventListener("click", () => { location.hash = section.id + "/" + encodeURIComponent(name); });
      pills.append(button);
    }
    $(".set", section).before(pills);
  });

  const show = (name) => {
    current = name;
    sections.forEach((section) => { section.hidden = section.id !== name; });
    tabs.forEach((tab) => {
      const chosen = tab.hash === "#" + name;
      tab.setAttribute("aria-selected", chosen);
      tab.tabIndex = chosen ? 0 : -1;
    });
    offer();
    filter();
    if (name === "cost") Charts.plots();
    if (["measured", "synthetic"].includes(name)) Choice.offer($("#" + name));
  };

  // Filters: what a tab's lines can be filtered by is what they carry
  const lines = () => all("tbody tr", $("#" + current));
  const of = (line, name) => line.dataset[name] ?? (name === "protocol" ? line.closest(".set")?.dataset.protocol : undefined);
  const offer = () => {
    const has = lines();
    form.hidden = current === "about" || has.length === 0 || "plain" in $("#" + current).dataset;
    for (const name of FILTERS) {
      const select = form.elements[name], before = select.value;
      const values = [...new Set(has.map((line) => of(line, name)).filter((value) => value))].sort();
      select.replaceChildren(...["all", ...values].map((value) => new Option(value)));
      select.value = values.includes(before) ? before : "all";
      select.parentElement.hidden = values.length < 2;
    }
    form.elements.metric.parentElement.hidden = $("[data-metric]", $("#" + current)) === null && current !== "cost";
  };
  const filter = () => {
    const wanted = FILTERS.filter((name) => form.elements[name].value !== "all");
    const words = form.elements.text.value.toLowerCase().split(/\s+/).filter(Boolean);
    const metric = form.elements.metric.value;
    let shown = 0, count = 0;
    const section = $("#" + current);
    all(".set", section).forEach((set) => {
      const chosen = shownSet[current];
      set.hidden = chosen !== "all" && set.dataset.dataset !== chosen;
    });
    all(".pills button", section).forEach((button) => {
      button.setAttribute("aria-pressed", button.dataset.name === shownSet[current]);
    });
    for (const line of lines()) {
      const fits = wanted.every((name) => [undefined, form.elements[name].value].includes(of(line, name)));
      const machine = line.dataset.names ?? $("a.row", line)?.hash.split("/")[3] ?? ""; // the machine's name of a network
      const text = `${line.textContent} ${machine}`.toLowerCase();
      line.hidden = !fits || !words.every((word) => text.includes(word));
      if (line.closest(".set")?.hidden || (metric !== "all" && (line.dataset.metric ?? metric) !== metric)) continue;
      count += 1;
      shown += line.hidden ? 0 : 1;
    }
    $("#count").textContent = count ? `${shown} of ${count} rows` : "";
  };

  // The first click on a name, or on a number of which less is better, sorts upwards
  document.addEventListener("click", (event) => {
    const head = event.target.closest("thead th");
    if (head) head.closest("table").classList.toggle("asc", "up" in head.dataset);
  }, true);
  const sortBy = (metric) => {
    for (const head of all(`#${current} thead th[data-metric="${CSS.escape(metric)}"]`)) {
      const best = "up" in head.dataset ? "ascending" : "descending";
      for (let tries = 0; head.getAttribute("aria-sort") !== best && tries < 2; tries += 1) $("button", head).click();
    }
  };
  const chooseMetric = (metric) => {
    main.dataset.shown = metric;
    if (metric !== "all") sortBy(metric);
    filter();
    if (current === "cost") Charts.plots();
  };
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", (event) => {
    if (event.target.name === "metric") chooseMetric(event.target.value);
    else filter();
  });

  // The address: #tab, #tab/data set, #row/..., #compare/...
  const decoded = (text) => {
    try { return decodeURIComponent(text); } catch { return text; } // an address of anyone
  };
  const tabOf = (row) => (Data.tables[row.split("/", 2).map(decodeURIComponent).join("/")]?.[0] ? "synthetic" : "measured");
  const go = () => {
    const [kind, ...rest] = location.hash.slice(1).split("/");
    if (kind.split("?")[0] === "compare") {
      const { ids, wrong } = Compare.read(location.hash), tab = wrong ? "measured" : tabOf(ids[0]);
      if (panel.open) panel.close();
      if (!wrong) shownSet[tab] = shownSet[tab] === "all" ? "all" : decodeURIComponent(ids[0].split("/")[1]);
      if (current !== tab || $("#" + current).hidden || !wrong) show(tab);
      Compare.open(location.hash, main.dataset.shown, leave);
      return;
    }
    Compare.close();
    if (kind === "row") {
      const id = rest.filter(Boolean).join("/"), tab = Object.hasOwn(Data.rows, id) ? tabOf(id) : "measured";
      if (current !== tab && !(current === "reproduced" || current === "cost") || $("#" + current).hidden) show(tab);
      Panel.open(id, main.dataset.shown);
      return;
    }
    if (panel.open) panel.close();
    const place = document.getElementById(decoded(location.hash.slice(1)));
    if (place?.matches("details")) place.open = true;
    const within = place?.closest("section.tab")?.id ?? (kind === "content" ? current : first);
    const name = sections.some((section) => section.id === kind) ? kind : kind === "set" ? "sets" : within;
    const set = place?.closest(".set");
    const wanted = set ? set.dataset.dataset : decoded(rest[0] ?? "");
    if (all(".pills button", $("#" + name)).some((button) => button.dataset.name === wanted)) shownSet[name] = wanted;
    show(name);
    if (kind === name || kind === "set" || set) scrollTo(0, 0); // a tab is no place further down, although its link without scripts is
    else if (place && within === name) place.scrollIntoView();
  };
  window.addEventListener("hashchange", go);
  const back = () => history.replaceState(null, "", "#" + (shownSet[current] ? `${current}/${encodeURIComponent(shownSet[current])}` : current));
  const leave = () => {
    back();
    Choice.focus();
  };
  // The browser jumps to the address by itself once all is there; that is undone
  const settle = () => { if (!panel.open && !Compare.shown) go(); };
  window.addEventListener("load", () => requestAnimationFrame(() => setTimeout(settle)));
  panel.addEventListener("close", () => {
    if (!location.hash.startsWith("#row/")) return;
    const link = all("a.row").find((a) => a.hash === location.hash && a.offsetParent);
    back();
    link?.focus();
  });

  // Reasons of marks: under the pointer, with the focus, by touch; Escape puts them away
  const tip = $("#tip"), TOLD = ".mark, .like, thead button, a.pt, a[href^='#metric-']";
  const LIKE = "not significantly different from the best"; // thousands of signs, one text
  const tell = (event) => {
    const mark = event.target.closest?.(TOLD);
    if (mark?.textContent === "≈") mark.dataset.tip = LIKE;
    // A point and a metric are told once, where they stand first
    const metric = mark?.closest("th")?.dataset.metric ?? mark?.hash?.match(/^#metric-(.*)/)?.[1];
    const said = mark && ($("title", mark) ?? document.getElementById(metric ? `metric-${metric}` : mark.getAttribute("aria-labelledby")));
    const told = mark && (mark.dataset.tip || mark.title || said);
    tip.hidden = !told;
    if (!told) return;
    if (said) mark.dataset.tip = said.textContent;
    else if (mark.title) {
      mark.dataset.tip = mark.title;
      mark.removeAttribute("title");
    }
    tip.textContent = mark.dataset.tip;
    (mark.closest("dialog") ?? document.body).append(tip);
    const at = mark.getBoundingClientRect(), size = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(at.left, innerWidth - size.width - 8)) + "px";
    tip.style.top = (at.bottom + size.height + 8 < innerHeight ? at.bottom + 4 : at.top - size.height - 4) + "px";
  };
  ["mouseover", "focusin", "click"].forEach((kind) => document.addEventListener(kind, tell));
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") tip.hidden = true; });
  // A mark that has the focus may have been scrolled to for it: its reason goes along
  document.addEventListener("scroll", () => {
    const mark = document.activeElement, at = mark?.getBoundingClientRect();
    if (!tip.hidden && mark?.matches(TOLD) && at.bottom > 0 && at.top < innerHeight) tell({ target: mark });
    else tip.hidden = true;
  }, true);

  // Points of a figure are one stop of the Tab key; arrow keys go from point to point
  const figures = all("#field svg[role=group]");
  for (const figure of figures) {
    const points = all("a.pt", figure);
    points.forEach((point, n) => { point.setAttribute("tabindex", n ? -1 : 0); });
    figure.addEventListener("keydown", (event) => {
      const at = points.indexOf(event.target), last = points.length - 1;
      const to = { ArrowRight: at + 1, ArrowDown: at + 1, ArrowLeft: at - 1, ArrowUp: at - 1, Home: 0, End: last }[event.key];
      if (to === undefined || !points[to]) return;
      event.preventDefault();
      points[at].setAttribute("tabindex", -1);
      points[to].setAttribute("tabindex", 0);
      points[to].focus();
    });
  }

  // Light and dark
  const theme = $("#theme"), system = matchMedia("(prefers-color-scheme: dark)");
  const isDark = () => (document.documentElement.dataset.theme ?? (system.matches ? "dark" : "light")) === "dark";
  const paint = () => {
    theme.textContent = isDark() ? "Light" : "Dark";
    theme.setAttribute("aria-label", isDark() ? "Use light colours" : "Use dark colours");
    Charts.repaint();
  };
  theme.hidden = false;
  theme.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    paint();
  });
  system.addEventListener("change", paint);

  main.dataset.shown = "all";
  paint();
  go();
})();
