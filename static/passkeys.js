// Says on the page what went wrong with a passkey; allauth's own script only writes it to the console.
"use strict";

(() => {
  document.addEventListener("allauth.error", (event) => {
    const words = document.getElementById("passkey-problem");
    if (!words) return;
    event.preventDefault();
    words.hidden = false;
  });
})();
