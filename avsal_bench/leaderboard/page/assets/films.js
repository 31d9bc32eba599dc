"use strict";
// Films with a bar over time that moves with them. Text goes in as text; nothing is loaded but the film that is played.
const Films = (() => {
  const SVG = "http://www.w3.org/2000/svg";
  const el = (tag, given = {}, ...children) => {
    const node = document.createElement(tag);
    for (const [name, value] of Object.entries(given)) {
      if (name in node) node[name] = value;
      else node.setAttribute(name, value);
    }
    node.append(...children.filter((child) => child !== null));
    return node;
  };
  const draw = (tag, given, ...children) => {
    const node = document.createElementNS(SVG, tag);
    for (const [name, value] of Object.entries(given)) node.setAttribute(name, value);
    node.append(...children);
    return node;
  };
  const shown = (value) => (value === null || value === undefined ? "–" : value.toFixed(2));

  // The frame that is shown at a second.
  const frameAt = ({ starts }, second) => {
    let low = 0, high = starts.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (starts[middle] <= second + 0.001) low = middle;
      else high = middle - 1;
    }
    return low;
  };

  // Stretches of frames whose sound belongs to what people look at, or does not: [first, last, belongs].
  const stretches = ({ belongs }) => {
    const found = [];
    belongs.forEach((value, i) => {
      if (found.length && found.at(-1)[2] === value) found.at(-1)[1] = i;
      else found.push([i, i, value]);
    });
    return found;
  };
  const told = (belongs) => (belongs ? "the sound is made by what people look at" : "no sound, or one from elsewhere");

  const bar = (film, metric) => {
    const lines = film.heard.map((name) => [name, film.curves[metric][name] ?? []]), every = lines.flatMap(([, values]) => values).filter((v) => v !== null);
    const low = Math.min(0, ...every), high = Math.max(metric === "CC" ? 1 : 0.1, ...every), span = high - low;
    const x = (second) => (600 * second) / film.seconds, y = (value) => 98 - (92 * (value - low)) / span;
    const path = (values) => values.map((v, i) => (v === null ? "" : `${i && values[i - 1] !== null ? "L" : "M"}${x(film.starts[i]).toFixed(1)} ${y(v).toFixed(1)}`)).join("");
    const plot = draw("svg", { viewBox: "0 0 600 100", preserveAspectRatio: "none", role: "img", "aria-label": `${metric} over time: ${lines.map(([name]) => name).join(", ")}; the line below says the values of the frame that is shown` });
    for (const [first, last, value] of film.belongs.length ? stretches(film) : []) {
      const from = x(film.starts[first]), to = last + 1 < film.starts.length ? x(film.starts[last + 1]) : 600;
      if (value) plot.append(draw("rect", { class: "belongs", x: from, width: to - from, y: 0, height: 4 }));
    }
    lines.forEach(([, values], i) => plot.append(draw("path", { class: `line-${i}`, d: path(values) })));
    const cursor = draw("line", { class: "cursor", x1: 0, x2: 0, y1: 0, y2: 100 });
    plot.append(cursor);
    return { plot, cursor, x, low, high };
  };

  // Adds to a figure what needs scripts.
  const enhance = (figure, film) => {
    const video = figure.querySelector("video"), box = figure.querySelector(".over-time");
    if (!film || !video || box.firstChild) return;
    const metrics = Object.keys(film.curves), track = video.textTracks[0];
    track.mode = "hidden";
    const now = el("p", { className: "now" }), axis = el("div", { className: "axis", ariaHidden: "true" }), place = el("div", { className: "plot" });
    const seek = el("input", { type: "range", min: "0", max: String(film.starts.length - 1), step: "1", value: "0", ariaLabel: `Frame of ${film.video}` });
    const choice = el("select", {}, ...metrics.map((name) => new Option(name)));
    let made = null, wanted = null;
    const at = () => (wanted === null ? video.currentTime : wanted);
    const paint = () => {
      const second = at(), frame = frameAt(film, second), metric = choice.value;
      seek.value = String(frame);
      seek.setAttribute("aria-valuetext", `frame ${frame + 1} of ${film.starts.length}, ${second.toFixed(2)} s`);
      const values = metric ? film.heard.map((name) => [name, film.curves[metric][name] ?? []]) : [];
      now.replaceChildren(
        el("span", {}, `frame ${frame + 1}/${film.starts.length}`),
        ...values.map(([name, of], i) => el("span", {}, draw("svg", { viewBox: "0 0 26 10", "aria-hidden": "true" }, draw("path", { class: `line-${i}`, d: "M0 5L26 5" })), ` ${name} ${shown(of[frame])}`)),
        film.belongs.length ? el("span", {}, told(film.belongs[frame])) : "");
      if (made) ["x1", "x2"].forEach((name) => made.cursor.setAttribute(name, made.x(second).toFixed(1)));
    };
    // A film that nobody has played is not loaded yet: its place is kept until it is.
    const go = (second) => {
      const inside = Math.min(Math.max(second, 0), film.seconds);
      if (video.readyState > 0) video.currentTime = inside;
      else { wanted = inside; video.preload = "auto"; video.load(); }
      paint();
    };
    const step = (by) => {
      video.pause();
      const frame = Math.min(Math.max(frameAt(film, at()) + by, 0), film.starts.length - 1);
      go(film.starts[frame] + 0.002);
    };
    const renew = () => {
      if (!choice.value) return;
      made = bar(film, choice.value);
      axis.replaceChildren(el("span", {}, shown(made.high)), el("span", {}, shown(made.low)));
      place.replaceChildren(axis, made.plot, seek);
      const point = (event) => {
        const { left, width } = made.plot.getBoundingClientRect();
        go((film.seconds * (event.clientX - left)) / width);
      };
      made.plot.addEventListener("pointerdown", (event) => { made.plot.setPointerCapture(event.pointerId); point(event); });
      made.plot.addEventListener("pointermove", (event) => { if (event.buttons) point(event); });
      paint();
    };
    const follow = () => { paint(); if (!video.paused && !video.ended) requestAnimationFrame(follow); };
    video.addEventListener("loadedmetadata", () => { if (wanted !== null) { video.currentTime = wanted; wanted = null; } });
    ["timeupdate", "seeked"].forEach((event) => video.addEventListener(event, paint));
    video.addEventListener("play", follow);
    video.addEventListener("error", () => {
      const said = el("p", { className: "empty" }, "This film cannot be played: its file is missing or damaged, or the browser knows no WebM (Safari before 16).");
      if (!figure.querySelector(".empty")) video.after(said);
    });
    // The browser's own controls would lie over the maps, so these stand below.
    video.controls = false;
    video.tabIndex = 0;
    const button = (label, said, act) => {
      const node = el("button", { type: "button", className: "plain", ariaLabel: said }, label);
      node.addEventListener("click", act);
      return node;
    };
    const turn = () => { if (video.paused || video.ended) video.play().catch(() => {}); else video.pause(); };
    const sound = () => { video.muted = !video.muted; };
    const caption = () => {
      track.mode = track.mode === "showing" ? "hidden" : "showing";
      cc.setAttribute("aria-pressed", String(track.mode === "showing"));
    };
    const fill = () => { if (document.fullscreenElement) document.exitFullscreen(); else video.requestFullscreen?.(); };
    const play = button("▶ Play", `Play ${film.video}`, turn);
    const back = button("◀ frame", "One frame back", () => step(-1)), on = button("frame ▶", "One frame on", () => step(1));
    const mute = button("Sound off", "Turn the sound off", sound), cc = button("Captions", "Captions: what sounds", caption), full = button("Full screen", `${film.video} in full screen`, fill);
    cc.setAttribute("aria-pressed", "false");
    const label = () => {
      const still = video.paused || video.ended;
      play.textContent = still ? "▶ Play" : "❚❚ Pause";
      play.ariaLabel = `${still ? "Play" : "Pause"} ${film.video}`;
      mute.textContent = video.muted ? "Sound on" : "Sound off";
      mute.ariaLabel = video.muted ? "Turn the sound on" : "Turn the sound off";
    };
    ["play", "pause", "ended", "volumechange"].forEach((event) => video.addEventListener(event, label));
    video.addEventListener("click", turn);
    const keys = {
      " ": turn, k: turn, ",": () => step(-1), ".": () => step(1), ArrowLeft: () => go(at() - 1), ArrowRight: () => go(at() + 1),
      Home: () => go(0), End: () => go(film.starts.at(-1) + 0.002), m: sound, c: caption, f: fill,
    };
    video.addEventListener("keydown", (event) => {
      if (event.ctrlKey || event.altKey || event.metaKey || !keys[event.key]) return;
      keys[event.key]();
      event.preventDefault();
      event.stopPropagation();
    });
    seek.addEventListener("input", () => go(film.starts[Number(seek.value)] + 0.002));
    choice.addEventListener("input", renew);
    box.append(el("div", { className: "tools" }, play, back, on, film.sound ? mute : "", cc, video.requestFullscreen ? full : "", metrics.length > 1 ? el("label", {}, "Score ", choice) : ""), place, now);
    if (metrics.length) renew();
    else { place.replaceChildren(axis, seek); paint(); }
  };

  // A figure for a film, as the template has it.
  const figure = (film) => {
    const node = el("figure", { className: "film" },
      el("figcaption", {}, el("strong", {}, film.video), film.category ? el("span", { className: "kind" }, ` ${film.category}`) : null, film.why ? ` · ${film.why}` : null),
      el("video", { controls: true, preload: "none", playsInline: true, poster: film.poster, src: film.src, ariaLabel: `${film.video}: ${film.panes.join("; ")}` },
        el("track", { kind: "captions", srclang: "en", label: "What sounds", src: film.captions })),
      el("div", { className: "over-time" }),
      el("p", { className: "note" }, `${film.sound ? `You hear ${film.sound}.` : "Without sound."} From left to right and top to bottom: ${[film.panes.join("; ") + ".", ...film.notes].join(" ")}`));
    enhance(node, film);
    return node;
  };

  let Known = null;
  const known = () => (Known ??= JSON.parse(document.getElementById("films").textContent));
  const start = () => {
    document.querySelectorAll(".film[data-film]").forEach((node) => enhance(node, known().films[node.dataset.film]));
    document.getElementById("keys")?.removeAttribute("hidden");
  };
  return { known, figure, start };
})();
Films.start();
