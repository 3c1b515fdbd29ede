// Templates of comments: the chosen text goes where the cursor is; those for another reason than the chosen one wait.
"use strict";

(() => {
  const offer = (select) => {
    const reason = select.form.querySelector("[name=reason]:checked")?.value ?? "";
    for (const option of select.querySelectorAll("option[data-text]")) {
      const fits = !reason || !option.dataset.reason || option.dataset.reason === reason;
      option.hidden = option.disabled = !fits;
      if (!fits && option.selected) select.value = "";
    }
  };

  document.addEventListener("change", (event) => {
    if (event.target.name !== "reason") return;
    const select = event.target.form?.querySelector("select[data-fills]");
    if (select) offer(select);
  });

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-inserts]");
    if (!button) return;
    const select = document.getElementById(button.dataset.inserts);
    const text = select.selectedOptions[0]?.dataset.text;
    const field = document.getElementById(select.dataset.fills);
    if (!text) return select.focus();
    field.setRangeText(text, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true })); // for the counter
    field.focus();
  });
})();
