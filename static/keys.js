// The keyboard, start to end: single keys press what is marked with data-key, j and k walk through a list.
"use strict";

(() => {
  const OFF = "keys-off";
  const storage = {
    get isOff() {
      try {
        return localStorage.getItem(OFF) === "1";
      } catch {
        return false;
      }
    },
    set isOff(value) {
      try {
        localStorage.setItem(OFF, value ? "1" : "0");
      } catch {
        // A browser that keeps nothing has its keys on.
      }
    },
  };

  const help = () => document.getElementById("keys");
  const isTyping = (element) => Boolean(element.closest?.("input:not([type=checkbox]), textarea, select, [contenteditable], dialog"));
  const rows = () => [...document.querySelectorAll("a.row-link")];

  const walk = (step) => {
    const all = rows();
    const row = document.activeElement.closest("tr, li");
    const at = all.findIndex((link) => link === document.activeElement || (row && row === link.closest("tr, li")));
    const next = all[at < 0 ? (step > 0 ? 0 : all.length - 1) : at + step];
    next?.focus();
    next?.closest("tr, li")?.scrollIntoView({ block: "nearest" });
  };
  // On a row, an answer's key leads to that answer's form, where this person may answer.
  const answers = { a: "approve/", r: "reject/", s: "ship/" };
  const answerRow = (key) => {
    const row = document.activeElement?.closest("#queue tr[data-decides]")?.querySelector("a.row-link");
    if (!answers[key] || !row) return false;
    location.assign(row.href + answers[key]);
    return true;
  };
  // Of the row that has the focus; its answer's key then leads to the answer for all that are chosen.
  const choose = () => document.activeElement.closest("tr")?.querySelector("input[name=pick]")?.click();
  const answerChosen = (key) => {
    const button = document.querySelector(`#selection.is-active [data-answers="${CSS.escape(key)}"]`);
    button?.click();
    return Boolean(button);
  };
  const search = () => {
    const field = document.querySelector("[type=search], #id_q");
    field?.focus();
    field?.select?.();
  };
  const press = (key) => {
    const marked = [...document.querySelectorAll(`[data-key="${CSS.escape(key)}"]`)];
    const seen = marked.find((element) => !element.disabled && element.getClientRects().length);
    if (seen?.matches("[tabindex]")) seen.focus();
    else seen?.click();
    return Boolean(seen);
  };

  const known = { j: () => walk(1), k: () => walk(-1), x: choose, "/": search, "?": () => help()?.showModal() };

  // Out of the search, on to what it found.
  const leaveSearch = (event) => {
    if (event.key !== "Escape" || !event.target.matches?.("[type=search], #id_q")) return;
    event.target.blur();
    walk(1);
  };

  document.addEventListener("keydown", (event) => {
    leaveSearch(event);
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat && !"jk".includes(event.key)) return;
    if (storage.isOff || isTyping(event.target)) return;
    if (known[event.key]) known[event.key]();
    else if (!answerChosen(event.key) && !answerRow(event.key) && !press(event.key)) return;
    event.preventDefault();
  });

  document.addEventListener("click", (event) => {
    const opener = event.target.closest?.("[data-opens]");
    if (opener) document.getElementById(opener.dataset.opens)?.showModal();
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "keys-on") storage.isOff = !event.target.checked;
  });
  // Links that lead back into the queue, or on in it, lead into the one that somebody came from; there they will be on
  // the request that is open here.
  const keepPlace = () => {
    const open = location.pathname.match(/^\/cancellations\/(\d+)\//);
    try {
      const place = JSON.parse(sessionStorage.getItem("queue"));
      if (!place) return;
      for (const link of document.querySelectorAll("a[data-keeps-filters]")) link.search = place.search;
      if (open) sessionStorage.setItem("queue", JSON.stringify({ ...place, row: `row-${open[1]}` }));
    } catch {
      // A browser that keeps nothing leads to the queue as it is.
    }
  };

  document.addEventListener("htmx:afterSettle", keepPlace);
  document.addEventListener("DOMContentLoaded", () => {
    keepPlace();
    const box = document.getElementById("keys-on");
    if (box) box.checked = !storage.isOff;
  });
})();
