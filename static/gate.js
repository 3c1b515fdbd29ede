// The packing bench: codes come from a hand scanner that types, from the camera or from fingers; they are asked about one
// after the other, and the last answer stands. The words are the server's: see templates/gate/gate.html.
"use strict";

(() => {
  const gate = document.querySelector("[data-gate]");
  if (!gate) return;
  const form = gate.querySelector(".gate-form");
  const input = form.elements.code;
  const said = gate.querySelector("[data-gate-says]");
  const words = gate.querySelector("[data-gate-words]").dataset;
  const answer = () => document.getElementById("gate-answer");
  const say = (text) => {
    said.textContent = text;
  };
  const SILENCE = 15000; // milliseconds without an answer are a lost connection

  // --- one code after the other --------------------------------------------------------------------------------------

  const waiting = [];
  let isAsking = false;

  // Never an old answer beside a new parcel.
  const showInstead = (name, code) => {
    const copy = gate.querySelector(`[data-gate-${name}]`).content.cloneNode(true);
    copy.querySelector("[data-code]").textContent = code;
    answer().replaceChildren(copy);
  };

  const ask = async (address, code) => {
    showInstead("checking", code);
    try {
      const headers = { "HX-Request": "true" };
      const told = await fetch(address, { headers, signal: AbortSignal.timeout(SILENCE) });
      const page = new DOMParser().parseFromString(await told.text(), "text/html");
      const found = page.getElementById("gate-answer");
      if (!told.ok || !found) throw new Error(told.status);
      answer().replaceChildren(...found.childNodes);
      document.getElementById("gate-recent").replaceWith(page.getElementById("gate-recent"));
    } catch {
      showInstead("lost", code);
    }
    signal(answer().querySelector("[data-verdict]")?.dataset.verdict);
  };

  const askAll = async () => {
    if (isAsking) return;
    isAsking = true;
    while (waiting.length) {
      const { address, code } = waiting.shift();
      await ask(address, code);
    }
    isAsking = false;
    document.body.dispatchEvent(new Event("look-again"));
  };

  const enqueue = (parameters) => {
    waiting.push({ address: `${form.action}?${parameters}`, code: parameters.get("code") });
    askAll();
  };
  const scanned = (code) => enqueue(new URLSearchParams({ code }));

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const code = input.value.trim();
    input.value = "";
    if (code) scanned(code);
  });
  gate.addEventListener("submit", (event) => {
    if (!event.target.matches(".gate-live")) return;
    event.preventDefault();
    enqueue(new URLSearchParams(new FormData(event.target)));
  });

  // What a hand scanner types goes into the field, wherever the focus is; none of it is a shortcut.
  const isField = (element) => element.matches("input:not([type=checkbox], [type=file]), textarea, select");
  document.addEventListener(
    "keydown",
    (event) => {
      if (event.ctrlKey || event.metaKey || event.altKey || event.key.length !== 1 || event.key === " ") return;
      if (isField(event.target)) return;
      event.stopImmediatePropagation();
      input.focus();
    },
    true,
  );

  // --- what one hears and feels ----------------------------------------------------------------------------------------

  // [frequency in hertz, seconds] one after the other, and milliseconds of shaking and resting.
  const TONES = { ship: [[1320, 0.12]], hold: [[660, 0.12], [660, 0.12]], pull: [[220, 0.5]] };
  const SHAKES = { ship: [60], hold: [90, 60, 90], pull: [400] };
  const sound = gate.querySelector("[data-gate-sound]");
  let audio = null;

  const remembered = () => {
    try {
      return localStorage.getItem("gate-sound") !== "off";
    } catch {
      return true; // a browser that keeps nothing
    }
  };
  sound.checked = remembered();
  sound.addEventListener("change", () => {
    try {
      localStorage.setItem("gate-sound", sound.checked ? "on" : "off");
    } catch {
      // as above
    }
  });

  const beep = (tones) => {
    audio ||= new AudioContext();
    let at = audio.currentTime;
    for (const [frequency, seconds] of tones) {
      const tone = audio.createOscillator();
      tone.frequency.value = frequency;
      tone.connect(audio.destination);
      tone.start(at);
      tone.stop(at + seconds);
      at += seconds + 0.06;
    }
  };

  const signal = (verdict) => {
    const kind = verdict in TONES ? verdict : "hold";
    if (navigator.userActivation?.hasBeenActive && navigator.vibrate) navigator.vibrate(SHAKES[kind]);
    if (sound.checked && window.AudioContext && navigator.userActivation?.hasBeenActive !== false) beep(TONES[kind]);
  };

  // --- the camera ------------------------------------------------------------------------------------------------------

  const FORMATS = ["code_128", "code_39", "code_93", "codabar", "itf", "ean_13", "upc_a", "qr_code", "data_matrix", "pdf417"];
  const LOOKS_EVERY = 150; // milliseconds
  const OUT_OF_SIGHT = 2000; // milliseconds after which the same code is another scan
  const button = gate.querySelector("[data-gate-camera]");
  const picture = gate.querySelector("[data-gate-picture]");
  const video = picture.querySelector("video");
  let stream = null;
  let last = { code: "", at: 0 };

  const seen = (code) => {
    const isNew = code !== last.code || Date.now() - last.at > OUT_OF_SIGHT;
    last = { code, at: Date.now() };
    if (isNew) scanned(code);
  };

  // A browser of its own, or a library that is only loaded where there is none: each gives the codes in one picture.
  const ownReader = async () => {
    if (!("BarcodeDetector" in window)) return null;
    const known = await BarcodeDetector.getSupportedFormats();
    const formats = FORMATS.filter((format) => known.includes(format));
    if (!formats.includes("code_128")) return null;
    const detector = new BarcodeDetector({ formats });
    return async () => (await detector.detect(video)).map((found) => found.rawValue);
  };

  const load = (address) =>
    new Promise((resolve, reject) => {
      const script = document.createElement("script");
      script.addEventListener("load", resolve);
      script.addEventListener("error", reject);
      script.src = address;
      document.head.append(script);
    });

  const libraryReader = async () => {
    if (!window.ZXing) await load(gate.dataset.zxing);
    // Not its reader of all formats, which writes to the console for every picture without a code.
    const readers = [new ZXing.BrowserBarcodeReader(), new ZXing.BrowserQRCodeReader(), new ZXing.BrowserDatamatrixCodeReader()];
    return async () => {
      for (const reader of readers) {
        try {
          return [reader.decode(video).getText()];
        } catch {
          continue; // nothing that this one reads
        }
      }
      return [];
    };
  };

  const watch = async (read, own) => {
    while (stream === own) {
      if (video.readyState >= 2) for (const code of await read()) seen(code);
      await new Promise((resolve) => setTimeout(resolve, LOOKS_EVERY));
    }
  };

  const stop = () => {
    for (const track of stream ? stream.getTracks() : []) track.stop();
    stream = null;
    video.srcObject = null;
    picture.hidden = true;
    button.setAttribute("aria-pressed", "false");
    button.querySelector("span").textContent = words.start;
  };

  const why = (error) => {
    if (error.name === "NotAllowedError" || error.name === "SecurityError") return words.denied;
    return error.name === "NotFoundError" || error.name === "OverconstrainedError" ? words.none : words.busy;
  };

  const start = async () => {
    if (!window.isSecureContext || !navigator.mediaDevices) {
      say(words.insecure);
      return;
    }
    try {
      const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
      stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment", ...size } });
      const own = stream;
      video.srcObject = stream;
      picture.hidden = false;
      await video.play();
      const read = (await ownReader()) || (await libraryReader());
      button.setAttribute("aria-pressed", "true");
      button.querySelector("span").textContent = words.stop;
      say(words.looking);
      watch(read, own);
    } catch (error) {
      stop();
      say(why(error));
    }
  };

  button.addEventListener("click", () => {
    if (!stream) start();
    else {
      stop();
      say("");
    }
  });
  document.addEventListener("visibilitychange", () => {
    if (document.hidden && stream) stop();
  });
})();
