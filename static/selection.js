// The rows that are chosen in the queue. They stay chosen while the list refreshes, over its pages, and until what was
// done with them has started; the form works without any of this.
"use strict";

(() => {
  const bar = () => document.getElementById("selection");
  const boxes = () => [...document.querySelectorAll("input[name=pick]")];
  const kept = (name) => `selection-${bar().dataset.of}-${name}`;
  const storage = {
    read(name) {
      try {
        return sessionStorage.getItem(name) || "";
      } catch {
        return "";
      }
    },
    write(name, value) {
      try {
        if (value) sessionStorage.setItem(name, value);
        else sessionStorage.removeItem(name);
      } catch {
        // A browser that keeps nothing keeps it until the page is left.
      }
    },
  };

  let picked = new Set();
  let everythingOf = null; // the filter whose every request is chosen
  let last = ""; // where a range begins

  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const words = (here) => {
    const { one, many, elsewhere } = bar().dataset;
    if (!picked.size) return "";
    const said = picked.size === 1 ? one : many.replace("{count}", picked.size);
    return picked.size === here ? said : `${said} (${elsewhere.replace("{count}", picked.size - here)})`;
  };

  const show = () => {
    const form = bar();
    if (!form) return;
    const all = boxes();
    const isEverything = everythingOf === form.elements.filter.value;
    for (const box of all) {
      box.checked = isEverything || picked.has(box.value);
      box.closest("tr").classList.toggle("is-picked", box.checked);
    }
    const here = all.filter((box) => box.checked);
    form.elements.everything.checked = isEverything;
    document.getElementById("selection-everything").hidden = !isEverything && form.dataset.matching <= all.length;
    form.elements.also.value = [...picked].filter((pk) => !all.some((box) => box.value === pk)).join(",");
    form.classList.toggle("is-active", isEverything || picked.size > 0);
    write(document.getElementById("selection-count"), isEverything ? "" : words(here.length));
    const top = document.getElementById("pick-all");
    if (top) {
      top.checked = all.length > 0 && here.length === all.length;
      top.indeterminate = here.length > 0 && here.length < all.length;
    }
  };
  const keep = () => {
    storage.write(kept("picked"), [...picked].join(","));
    storage.write(kept("sent"), "");
    show();
  };

  const pick = (some, isPicked) => {
    // Of everything, what is on this page stays chosen, but for what was unticked.
    if (everythingOf === bar().elements.filter.value) picked = new Set(boxes().map((box) => box.value));
    for (const box of some) {
      if (isPicked) picked.add(box.value);
      else picked.delete(box.value);
    }
    everythingOf = null;
    keep();
  };
  const range = (to) => {
    const all = boxes();
    const [from, end] = [all.findIndex((box) => box.value === last), all.indexOf(to)].sort((a, b) => a - b);
    return from < 0 ? [to] : all.slice(from, end + 1);
  };

  document.addEventListener("click", (event) => {
    const box = event.target;
    // Beside the box is meant for the box, and not for the link that the rest of the row is.
    if (box.matches?.("td.cell-pick")) box.querySelector("input")?.click();
    if (box.id === "selection-none") {
      picked.clear();
      everythingOf = null;
      keep();
      document.querySelector("#queue a.row-link")?.focus();
    }
    if (!box.matches?.("input[name=pick]")) return;
    pick(event.shiftKey && last ? range(box) : [box], box.checked);
    last = box.value;
  });
  document.addEventListener("change", (event) => {
    if (event.target.id === "pick-all") pick(boxes(), event.target.checked);
    if (event.target.id === "everything") {
      everythingOf = event.target.checked ? bar().elements.filter.value : null;
      show();
    }
  });
  document.addEventListener("submit", (event) => {
    if (event.target === bar()) storage.write(kept("sent"), "1");
  });

  const begin = () => {
    const started = document.querySelector("[data-forgets-selection]");
    if (started) {
      const of = started.dataset.forgetsSelection;
      if (!storage.read(`selection-${of}-sent`)) return;
      storage.write(`selection-${of}-picked`, "");
      storage.write(`selection-${of}-sent`, "");
    } else if (bar()) {
      picked = new Set(storage.read(kept("picked")).split(",").filter(Boolean));
      storage.write(kept("sent"), ""); // whoever is back has not started what they sent in
      show();
    }
  };
  document.addEventListener("htmx:afterSwap", show);
  // Also when the browser brings back a page as it was left, with boxes ticked that are no longer chosen.
  addEventListener("pageshow", begin);
})();
