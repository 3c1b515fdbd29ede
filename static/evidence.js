// Images of a rejection: dropped, pasted, picked or photographed, each uploaded at once and by itself, one after the
// other. The words are the server's: they stand in the page's templates, see templates/cancellations/_evidence.html.
"use strict";

(() => {
  const PAUSES = [1, 3, 9]; // seconds before a lost upload is tried again
  const SILENCE = 120000; // milliseconds without an answer are a lost connection
  const COMES_BACK = [0, 429, 502, 503, 504];
  const jobs = new Map(); // of the lines that are not there yet

  const theBox = () => document.querySelector("[data-evidence]");
  const list = (box) => box.querySelector(".evidence-items");
  const words = (box, name, values = {}) =>
    box.querySelector("[data-evidence-words]").dataset[name].replace(/\{(\w+)\}/g, (_, key) => values[key]);
  const say = (box, text) => {
    box.querySelector("[data-evidence-says]").textContent = text;
  };
  const token = (box) => box.closest("form").querySelector("[name=csrfmiddlewaretoken]").value;
  const sizeOf = (bytes) => (bytes < 1e5 ? `${Math.ceil(bytes / 1e3)} kB` : `${(bytes / 1e6).toFixed(1)} MB`);

  // --- the button waits for all of them ------------------------------------------------------------------------------

  const unfinished = (box) => [...list(box).children].filter((line) => !line.classList.contains("is-there"));

  const weigh = (box) => {
    const left = unfinished(box);
    const form = box.closest("form");
    const note = form.querySelector(".evidence-unfinished");
    const button = form.querySelector("[type=submit]");
    const isWrong = left.some((line) => line.classList.contains("is-wrong"));
    const counts = { left: left.length, all: list(box).children.length };
    note.hidden = !left.length;
    note.textContent = left.length ? words(box, isWrong ? "wrong" : "unfinished", counts) : "";
    button.classList.toggle("is-waiting", Boolean(left.length));
    if (left.length) button.setAttribute("aria-describedby", note.id);
    else button.removeAttribute("aria-describedby");
  };

  // Before htmx and before the browser.
  document.addEventListener(
    "submit",
    (event) => {
      const box = event.target.querySelector("[data-evidence]");
      const left = box ? unfinished(box) : [];
      if (!left.length) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      say(box, event.target.querySelector(".evidence-unfinished").textContent);
      const wrong = left.find((line) => line.classList.contains("is-wrong"));
      (wrong || left[0]).querySelector("button:not([hidden])").focus();
    },
    true,
  );

  // --- one upload ----------------------------------------------------------------------------------------------------

  const show = (job, text, part = null) => {
    job.line.querySelector(".evidence-state").textContent = text;
    const progress = job.line.querySelector("progress");
    if (part === null) progress.removeAttribute("value");
    else progress.value = part;
  };

  const next = (box) => {
    const own = [...list(box).children].map((line) => jobs.get(line)).filter(Boolean);
    const waiting = own.find((job) => job.state === "waiting");
    if (waiting && !own.some((job) => job.state === "busy")) upload(waiting);
    weigh(box);
  };

  const stop = (job, text, canTryAgain) => {
    job.state = "wrong";
    job.line.classList.add("is-wrong");
    job.line.querySelector("progress").hidden = true;
    job.line.querySelector("[data-evidence-again]").hidden = !canTryAgain;
    show(job, text);
    say(job.box, text.startsWith(job.file.name) ? text : `${job.file.name}: ${text}`);
    next(job.box);
  };

  const lost = (job) => {
    if (job.tries > PAUSES.length) {
      stop(job, words(job.box, "lost"), true);
      return;
    }
    const seconds = PAUSES[job.tries - 1];
    show(job, words(job.box, "againIn", { seconds }), 0);
    job.timer = setTimeout(() => upload(job), seconds * 1000);
  };

  const isThere = (job, html) => {
    const { box, line } = job;
    const template = document.createElement("template");
    template.innerHTML = html;
    const there = template.content.querySelector(".evidence-item");
    jobs.delete(line);
    // The same picture once more takes the place of the one that was there.
    const known = document.getElementById(there.id);
    if (known) known.remove();
    const hadFocus = line.contains(document.activeElement);
    line.replaceWith(there);
    if (hadFocus) there.querySelector("button").focus();
    const count = list(box).querySelectorAll(".is-there").length;
    const again = there.querySelector(".evidence-state strong");
    const done = words(box, "done", { name: job.file.name, count, most: box.dataset.most });
    say(box, again ? `${job.file.name}: ${again.textContent}` : done);
    next(box);
  };

  const answered = (job, xhr) => {
    const { box } = job;
    // A 422 is about what the image is, which does not change by sending it again.
    if (xhr.status === 201) isThere(job, xhr.responseText);
    else if (xhr.status === 409 || xhr.status === 422) stop(job, xhr.responseText, false);
    else if (xhr.status === 403) stop(job, words(box, "forbidden"), true);
    else if (xhr.status === 413) stop(job, tooLarge(box, job.file), false);
    else if (xhr.status === 200) stop(job, words(box, "signedOut"), true); // the page on which one signs in
    else if (COMES_BACK.includes(xhr.status)) lost(job);
    else stop(job, words(box, "broken"), true);
  };

  const upload = async (job) => {
    const { box, file } = job;
    job.state = "busy";
    job.tries += 1;
    try {
      await file.slice(0, 1).arrayBuffer(); // a folder, or a file that has gone, is no lost connection
    } catch {
      stop(job, words(box, "unreadable"), true);
      return;
    }
    if (!job.line.isConnected) return;
    const xhr = new XMLHttpRequest();
    job.xhr = xhr;
    xhr.open("POST", box.dataset.evidence);
    xhr.timeout = SILENCE;
    xhr.upload.addEventListener("progress", (event) => {
      const percent = Math.floor((100 * event.loaded) / event.total);
      if (percent < 100) show(job, words(box, "uploading", { percent }), percent);
      else show(job, words(box, "checking"));
    });
    xhr.addEventListener("load", () => answered(job, xhr));
    xhr.addEventListener("error", () => lost(job));
    xhr.addEventListener("timeout", () => lost(job));
    const form = new FormData();
    form.append("csrfmiddlewaretoken", token(box));
    form.append("image", file);
    xhr.send(form);
  };

  // --- adding and removing -------------------------------------------------------------------------------------------

  const tooLarge = (box, file) => {
    const limit = sizeOf(Number(box.dataset.mostBytes));
    return words(box, "tooLarge", { name: file.name, size: sizeOf(file.size), limit });
  };

  const addOne = (box, file) => {
    const line = box.querySelector("[data-evidence-line]").content.firstElementChild.cloneNode(true);
    for (const name of line.querySelectorAll(".evidence-name")) name.textContent = file.name;
    list(box).append(line);
    const job = { box, line, file, state: "waiting", tries: 0 };
    jobs.set(line, job);
    show(job, `${sizeOf(file.size)}, ${words(box, "waits")}`, 0);
    if (file.size > Number(box.dataset.mostBytes)) stop(job, tooLarge(box, file), false);
  };

  const add = (box, files) => {
    const room = Math.max(0, Number(box.dataset.most) - list(box).children.length);
    for (const file of files.slice(0, room)) addOne(box, file);
    const names = files.slice(room).map((file) => file.name);
    if (names.length) say(box, words(box, "tooMany", { most: box.dataset.most, names: names.join(", ") }));
    next(box);
  };

  const takeAway = (box, line, name) => {
    const beside = line.nextElementSibling || line.previousElementSibling;
    jobs.delete(line);
    line.remove();
    // A photo from the packing bench has no such button.
    (beside?.querySelector("[data-evidence-remove]") || box.querySelector("input[type=file]")).focus();
    say(box, words(box, "removed", { name }));
    next(box);
  };

  const remove = async (box, button) => {
    const line = button.closest(".evidence-item");
    const name = line.querySelector(".evidence-name").textContent;
    const job = jobs.get(line);
    if (job) {
      clearTimeout(job.timer);
      if (job.xhr) job.xhr.abort();
      takeAway(box, line, name);
      return;
    }
    button.disabled = true;
    const body = new FormData();
    body.append("csrfmiddlewaretoken", token(box));
    const answer = await fetch(button.dataset.evidenceRemove, { method: "POST", body }).catch(() => null);
    button.disabled = false;
    if (answer && (answer.status === 204 || answer.status === 404)) takeAway(box, line, name);
    else say(box, words(box, "notRemoved", { name }));
  };

  document.addEventListener("click", (event) => {
    const box = event.target.closest("[data-evidence]");
    const again = event.target.closest("[data-evidence-again]");
    const gone = event.target.closest("[data-evidence-remove]");
    if (!box) return;
    if (gone) remove(box, gone);
    if (again) {
      const job = jobs.get(again.closest(".evidence-item"));
      Object.assign(job, { state: "waiting", tries: 0 });
      job.line.classList.remove("is-wrong");
      job.line.querySelector("progress").hidden = false;
      job.line.querySelector("[data-evidence-remove]").focus();
      again.hidden = true;
      show(job, words(box, "waits"), 0);
      next(box);
    }
  });

  // --- picked, photographed, dropped, pasted ---------------------------------------------------------------------------

  document.addEventListener("change", (event) => {
    const box = event.target.closest("[data-evidence]");
    if (!box || event.target.type !== "file") return;
    const files = [...event.target.files];
    event.target.value = "";
    add(box, files);
  });

  const brings = (event) => theBox() && event.dataTransfer && event.dataTransfer.types.includes("Files");
  const mark = (isDropping) => theBox().classList.toggle("is-dropping", isDropping);
  document.addEventListener("dragover", (event) => {
    if (!brings(event)) return;
    event.preventDefault();
    event.dataTransfer.dropEffect = "copy";
    mark(true);
  });
  document.addEventListener("dragleave", (event) => {
    if (brings(event) && !event.relatedTarget) mark(false);
  });
  document.addEventListener("drop", (event) => {
    if (!brings(event)) return;
    event.preventDefault(); // or the browser would leave the page for the picture
    mark(false);
    add(theBox(), [...event.dataTransfer.files]);
  });

  document.addEventListener("paste", (event) => {
    const box = theBox();
    const files = [...(event.clipboardData?.files || [])];
    if (!box || !files.length) return;
    // Office programs bring a picture of the text as well.
    const isTyping = event.target.closest?.("textarea, input:not([type=file], [type=radio], [type=checkbox])");
    if (isTyping && event.clipboardData.types.includes("text/plain")) return;
    event.preventDefault();
    add(box, files);
  });

  // --- what the marketplace wants to see -------------------------------------------------------------------------------

  const showHints = () => {
    const chosen = document.querySelector("#reject [name=reason]:checked");
    for (const hint of document.querySelectorAll("[data-hints-of]")) {
      hint.hidden = !chosen || hint.dataset.hintsOf !== chosen.value;
    }
  };
  document.addEventListener("change", (event) => {
    if (event.target.name === "reason") showHints();
  });

  // --- a form has come, or gone ----------------------------------------------------------------------------------------

  const prepare = () => {
    for (const [line, job] of jobs) {
      if (line.isConnected) continue;
      clearTimeout(job.timer);
      if (job.xhr) job.xhr.abort();
      jobs.delete(line);
    }
    const box = theBox();
    if (box) box.querySelector(".drop-ways").hidden = false;
    showHints();
  };
  document.addEventListener("htmx:afterSettle", prepare);
  document.addEventListener("DOMContentLoaded", prepare);
})();
