// The queue changes under whoever works in it: the row they are on stays where it is, with the focus and what they typed.
"use strict";

(() => {
  const list = () => document.getElementById("queue");
  const rows = () => [...document.querySelectorAll("#queue tr[id^=row-]")];
  const link = (row) => row?.querySelector("a.row-link");
  const isList = (event) => event.detail.target?.id === "queue" || event.target?.id === "queue";

  // --- what somebody ticked, opened or typed is theirs, not the answer's ---------------------------------------------

  const theirs = "input:not([type=hidden]), textarea, option, details";
  Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
    !(["checked", "value", "selected", "open"].includes(name) && element.matches(theirs));

  // --- nothing moves under a pointer, an eye or the focus ------------------------------------------------------------

  // The row that must not move: the focused one, the one under the pointer, or the first in sight of a scrolled list.
  const held = () => {
    const focused = document.activeElement?.closest("#queue tr[id^=row-]");
    const pointed = document.querySelector("#queue tr[id^=row-]:hover");
    return focused ?? pointed ?? (scrollY > 0 ? rows().find((row) => row.getBoundingClientRect().top >= 0) : undefined);
  };
  let before;

  const remember = () => {
    const row = held();
    const all = rows();
    before = {
      // Where the held row leaves the list, the one after it takes its place.
      ids: row ? all.slice(all.indexOf(row)).map((one) => one.id) : [],
      top: row?.getBoundingClientRect().top,
      hasFocus: row?.contains(document.activeElement),
      newest: Number(list()?.dataset.newest),
    };
  };
  const stay = () => {
    if (!before) return;
    const row = before.ids.map((id) => document.getElementById(id)).find(Boolean);
    if (row) scrollBy({ top: row.getBoundingClientRect().top - before.top, behavior: "instant" });
    if (before.hasFocus && document.activeElement === document.body) link(row ?? rows().at(-1))?.focus({ preventScroll: true });
    tell(rows().filter((one) => Number(one.id.slice(4)) > before.newest));
    before = undefined;
  };

  let silence;
  const tell = (fresh) => {
    if (!fresh.length) return;
    for (const row of fresh) row.classList.add("is-new");
    const news = document.getElementById("queue-news");
    news.textContent = `${news.dataset.new} ${fresh.length}`;
    clearTimeout(silence);
    silence = setTimeout(() => (news.textContent = ""), 15000);
  };

  // A filter or another page is a new list: it may begin at its top.
  const isSameList = (event) => event.detail.requestConfig?.triggeringEvent?.type === "look-again";
  document.addEventListener("htmx:beforeSwap", (event) => {
    if (isList(event) && isSameList(event)) remember();
  });
  document.addEventListener("htmx:afterSwap", (event) => {
    if (!isList(event)) return;
    if (isSameList(event)) stay();
    else if (document.activeElement === document.body) link(rows()[0])?.focus({ preventScroll: true });
  });

  // --- an address says what is asked for, and nothing else -----------------------------------------------------------

  document.addEventListener("htmx:configRequest", (event) => {
    if (!event.target.matches(".queue-filters")) return;
    const asked = event.detail.parameters;
    for (const name of Object.keys(asked)) if (!asked[name]) delete asked[name];
  });

  // --- whoever comes back is where they were -------------------------------------------------------------------------

  const PLACE = "queue";
  addEventListener("pagehide", () => {
    const row = document.activeElement?.closest("#queue tr[id^=row-]")?.id;
    const ids = rows().map((one) => one.id);
    try {
      sessionStorage.setItem(PLACE, JSON.stringify({ search: location.search, ids, row }));
    } catch {
      // A browser that keeps nothing begins at the top.
    }
  });
  const comeBack = () => {
    const from = document.referrer ? new URL(document.referrer) : undefined;
    if (from?.origin !== location.origin || !/^\/(cancellations|decisions|batches)\//.test(from.pathname)) return;
    let place;
    try {
      place = JSON.parse(sessionStorage.getItem(PLACE));
    } catch {
      return;
    }
    if (!place?.row || place.search !== location.search || document.activeElement !== document.body) return;
    const after = place.ids.slice(place.ids.indexOf(place.row) + 1);
    const row = [place.row, ...after].map((id) => document.getElementById(id)).find(Boolean);
    link(row)?.focus({ preventScroll: true });
    row?.scrollIntoView({ block: "center" });
  };
  comeBack();
})();
