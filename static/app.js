// What a page does by itself between two answers of the server: clocks tick, characters are counted.
"use strict";

(() => {
  // --- times -------------------------------------------------------------------------------------------------------

  // The same words as accounts/templatetags/times.py.
  const span = (seconds) => {
    const left = Math.abs(Math.trunc(seconds));
    const days = Math.trunc(left / 86400);
    const hours = Math.trunc(left / 3600) % 24;
    const minutes = Math.trunc(left / 60) % 60;
    const two = (number) => String(number).padStart(2, "0");
    if (days) return `${days} d ${hours} h`;
    if (hours) return `${hours} h ${two(minutes)} min`;
    if (minutes >= 10) return `${minutes} min`;
    return minutes ? `${minutes} min ${two(left % 60)} s` : `${left} s`;
  };
  const write = (element, text) => {
    if (element.textContent !== text) element.textContent = text;
  };
  const bands = ["over", "soon", "today", "later"];
  const bandOf = (seconds) => (seconds <= 0 ? "over" : seconds <= 7200 ? "soon" : seconds <= 43200 ? "today" : "later");

  const tick = () => {
    const now = Date.now();
    for (const time of document.querySelectorAll("time[data-countdown]")) {
      const seconds = (Date.parse(time.dateTime) - now) / 1000;
      write(time, seconds > 0 ? span(seconds) : `${time.closest("[data-over]").dataset.over} ${span(seconds)}`);
      const banded = time.closest(".left, .standing");
      if (banded) {
        const band = bandOf(seconds);
        for (const name of bands) banded.classList.toggle(`band-${name}`, name === band);
      }
    }
    for (const time of document.querySelectorAll("time[data-ago]")) {
      write(time, span(Math.max(0, (now - Date.parse(time.dateTime)) / 1000)));
    }
    for (const element of document.querySelectorAll("[data-seconds-until]")) {
      const seconds = Math.ceil((Date.parse(element.dataset.secondsUntil) - now) / 1000);
      write(element, seconds > 0 ? `${seconds} s` : "");
    }
  };
  setInterval(tick, 1000);

  // --- lists look again ----------------------------------------------------------------------------------------------

  const isBusy = () => {
    const active = document.activeElement;
    return document.hidden || Boolean(active && active.closest("dialog, details[open]")) || String(getSelection());
  };
  const lookAgain = () => {
    if (!isBusy()) document.body.dispatchEvent(new Event("look-again"));
  };
  setInterval(lookAgain, 20000);
  document.addEventListener("visibilitychange", lookAgain);

  // --- who is on a request -------------------------------------------------------------------------------------------

  setInterval(() => {
    if (!document.hidden) document.body.dispatchEvent(new Event("still-here"));
  }, 60000);
  addEventListener("pagehide", () => {
    const open = document.querySelector("[data-let-go]");
    const token = document.querySelector("[name=csrfmiddlewaretoken]");
    if (!open || !token) return;
    const form = new FormData();
    form.append("csrfmiddlewaretoken", token.value);
    navigator.sendBeacon(open.dataset.letGo, form);
  });

  // --- forms ---------------------------------------------------------------------------------------------------------

  const count = (field) => {
    const limit = Number(field.dataset.limit);
    let counter = field.parentElement.querySelector(".counter");
    if (!counter) {
      counter = document.createElement("div");
      counter.className = "counter";
      counter.setAttribute("aria-hidden", "true");
      field.after(counter);
    }
    write(counter, `${field.value.length} / ${limit}`);
    counter.classList.toggle("is-over", field.value.length > limit);
  };

  document.addEventListener("input", (event) => {
    if (event.target.dataset.limit) count(event.target);
  });

  // --- what is to be copied ------------------------------------------------------------------------------------------

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copies]");
    if (!button) return;
    const source = document.getElementById(button.dataset.copies);
    const says = button.parentElement.querySelector("[role=status]");
    try {
      await navigator.clipboard.writeText(source.textContent);
      says.textContent = button.dataset.copied;
    } catch {
      getSelection().selectAllChildren(source); // not every browser lets a page copy
      says.textContent = button.dataset.notCopied;
    }
  });

  // --- pictures that do not load leave their placeholder ---------------------------------------------------------------

  document.addEventListener(
    "error",
    (event) => {
      if (event.target.matches?.(".picture img")) event.target.remove();
    },
    true,
  );

  // --- menus -----------------------------------------------------------------------------------------------------------

  const closeMenus = (except) => {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      if (!except || !menu.contains(except)) menu.open = false;
    }
  };
  document.addEventListener("click", (event) => closeMenus(event.target));
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") closeMenus();
  });

  // --- htmx --------------------------------------------------------------------------------------------------------------

  const toast = (name) => {
    const note = document.getElementById(`toast-${name}`).content.cloneNode(true);
    document.getElementById("toasts").replaceChildren(note);
    setTimeout(() => document.querySelector("#toasts .toast-note")?.remove(), 12000);
  };
  // A poll that fails is asked again anyway; only what somebody wanted is worth a word.
  // A key presses a button for somebody, so it is the kind of event that tells, not whether it is trusted.
  const wasWanted = (event) =>
    ["click", "submit", "change", "input"].includes(event.detail.requestConfig?.triggeringEvent?.type);
  document.addEventListener("htmx:responseError", (event) => {
    if (wasWanted(event)) toast(event.detail.xhr.status === 403 ? "forbidden" : "failed");
  });
  document.addEventListener("htmx:sendError", (event) => {
    if (wasWanted(event)) toast("failed");
  });

  const prepare = (root) => {
    for (const field of root.querySelectorAll("[data-limit]")) count(field);
    tick();
  };
  // Whoever had the focus in what is replaced, or asked for what comes, finds it where the work goes on.
  let hadFocus = false;
  document.addEventListener("htmx:beforeSwap", (event) => {
    hadFocus = event.detail.target.contains(document.activeElement);
  });
  const workIn = (answer) => {
    const decision = answer.querySelector("#decision");
    const field = (decision ?? answer).querySelector("#undo, input:not([type=hidden], [hidden]), select, textarea");
    const heading = answer.querySelector("h2");
    heading?.setAttribute("tabindex", "-1");
    return field ?? heading;
  };
  // A field is read with what is wrong about it; what is wrong with a form as a whole is read by itself.
  const firstMistake = (root) => {
    const seen = (selector) => [...root.querySelectorAll(selector)].find((one) => one.getClientRects().length);
    const wrong = seen("[aria-invalid=true]");
    if (wrong) return wrong.matches("input, select, textarea") ? wrong : wrong.querySelector("input:not([type=hidden], :disabled)");
    const said = seen(".errorlist.nonfield");
    said?.setAttribute("tabindex", "-1");
    return said;
  };
  document.addEventListener("htmx:afterSettle", (event) => {
    prepare(event.target);
    const answer = event.target.closest?.("#answer");
    const mistake = firstMistake(event.target);
    if (mistake) {
      mistake.focus();
    } else if (answer && document.activeElement === document.body && (hadFocus || wasWanted(event))) {
      workIn(answer)?.focus({ preventScroll: true });
    }
  });
  document.addEventListener("DOMContentLoaded", () => {
    prepare(document);
    const mistake = firstMistake(document);
    const answer = document.querySelector("[data-takes-focus]");
    if (mistake) mistake.focus();
    else if (answer && document.activeElement === document.body) workIn(answer)?.focus();
  });
})();
