"use strict";
// Rows that are chosen to be compared: a box before each name in tables of scores, and a bar that says what is chosen.
const Choice = (() => {
  const LEAST = 2, MOST = 5;
  const { el } = Panel.make;
  const chosen = [];
  const tableOf = (id) => id.split("/", 2).join("/");
  const called = (id) => Data.rows[id][0];

  const said = el("output", { className: "chosen-count" });
  const warned = el("span", { role: "status", className: "note" });
  const names = el("span", { className: "chosen-names" });
  const open = el("button", { type: "button", className: "plain strong" }, "Compare");
  const clear = el("button", { type: "button", className: "plain" }, "Clear");
  const bar = el("section", { id: "chosen", ariaLabel: "Rows to compare", hidden: true }, el("div", {}, said, " ", names, warned), el("div", { className: "do" }, open, clear));
  document.querySelector("footer").before(bar);

  const boxes = () => document.querySelectorAll("input.choose");
  const tell = (warning = "") => {
    const enough = chosen.length >= LEAST;
    bar.hidden = !chosen.length;
    said.textContent = chosen.length ? `${chosen.length} of at most ${MOST} rows chosen` : "";
    names.textContent = chosen.map(called).join(" · ");
    warned.textContent = warning || (chosen.length && !enough ? "Choose one more." : "");
    open.disabled = !enough;
    for (const box of boxes()) box.checked = chosen.includes(box.dataset.id);
    document.dispatchEvent(new Event("chosen"));
  };
  const toggle = (id) => {
    const at = chosen.indexOf(id);
    let warning = "";
    if (at >= 0) chosen.splice(at, 1);
    else if (chosen.length && tableOf(chosen[0]) !== tableOf(id)) {
      chosen.splice(0, chosen.length, id);
      warning = "A new choice: only rows of one set and protocol are compared. Choose one more.";
    } else if (chosen.length >= MOST) warning = `Not added: ${MOST} rows at most.`;
    else chosen.push(id);
    tell(warning);
  };
  clear.addEventListener("click", () => {
    const first = document.querySelector("input.choose:checked");
    chosen.length = 0;
    tell();
    if (first?.offsetParent) first.focus();
  });
  open.addEventListener("click", () => { location.hash = Compare.address(chosen); });
  document.addEventListener("input", (event) => {
    if (event.target.matches?.("input.choose")) toggle(event.target.dataset.id);
  });

  return {
    LEAST,
    MOST,
    chosen,
    // Boxes in the tables of scores of a tab, once.
    offer(section) {
      if (section.dataset.boxes) return;
      section.dataset.boxes = "there";
      for (const set of section.querySelectorAll(".set")) {
        const link = set.querySelector("table a.row");
        if (!link || set.dataset.dataset === "overall") continue;
        for (const row of link.closest("table").querySelectorAll("a.row")) {
          const id = row.hash.slice("#row/".length);
          if (!(id in Data.rows)) continue;
          const box = el("input", { type: "checkbox", className: "choose", ariaLabel: `Compare ${called(id)}`, checked: chosen.includes(id) });
          box.dataset.id = id;
          row.before(box);
        }
      }
    },
    set(ids) {
      chosen.splice(0, chosen.length, ...ids);
      tell();
    },
    remove: (id) => { if (chosen.includes(id)) toggle(id); },
    // For the panel of a row.
    button(id) {
      const button = el("button", { type: "button", className: "plain", ariaPressed: String(chosen.includes(id)) }, "To compare");
      const paint = () => {
        if (!button.isConnected) return document.removeEventListener("chosen", paint);
        button.ariaPressed = String(chosen.includes(id));
        button.title = warned.textContent;
        button.textContent = chosen.includes(id) ? `Chosen (${chosen.length})` : "To compare";
      };
      if (chosen.includes(id)) button.textContent = `Chosen (${chosen.length})`;
      button.addEventListener("click", () => toggle(id));
      document.addEventListener("chosen", paint);
      return button;
    },
    focus: () => (bar.hidden ? document.querySelector("main") : open).focus(),
  };
})();
