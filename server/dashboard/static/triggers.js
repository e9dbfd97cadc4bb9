// The preview of a trigger's form: what is typed, as the phone shows it.
"use strict";
(() => {
  const tell = () => {
    const form = document.getElementById("trigger-form");
    if (!form) return;
    const { phrase, reply } = form.elements;
    document.getElementById("preview-phrase").textContent = `${phrase.value.trim().toLowerCase() || phrase.placeholder} ${form.dataset.code}`;
    document.getElementById("preview-reply").textContent = reply.value.replaceAll("{{phone}}", form.dataset.phone);
    const count = document.getElementById("reply-count");
    const most = Number(count.dataset.most);
    const length = [...reply.value].length;
    count.textContent = `${length} / ${most}`;
    count.classList.toggle("field-error", length > most);
    reply.setAttribute("aria-invalid", String(length > most));
  };
  document.addEventListener("input", (event) => { if (event.target.closest("#trigger-form")) tell(); });
  document.body.addEventListener("pingr:arrived", tell);
})();
