"use strict";
const form = document.querySelector(".filters");
const names = [...document.querySelectorAll(".matrix thead th")].slice(1).map((th) => th.textContent);
const rows = [...document.querySelectorAll(".matrix tr[data-level]")].map((row) => ({
  row,
  program: row.parentElement.id.replace("program-", ""),
  level: row.dataset.level,
  outcomes: row.dataset.outcomes.split(" "),
  text: row.firstElementChild.textContent.toLowerCase(),
}));

function apply() {
  const f = new FormData(form);
  const words = f.get("text").toLowerCase().split(/\s+/).filter(Boolean);
  const column = names.indexOf(f.get("implementation"));
  let shown = 0;
  for (const r of rows) {
    const looked = column < 0 ? r.outcomes : [r.outcomes[column]];
    const fits =
      (!f.get("program") || r.program === f.get("program")) &&
      (!f.get("level") || r.level === f.get("level")) &&
      (!f.get("outcome") || looked.includes(f.get("outcome"))) &&
      words.every((word) => r.text.includes(word));
    r.row.hidden = !fits;
    shown += fits;
  }
  for (const body of document.querySelectorAll(".matrix tbody")) {
    body.hidden = !body.querySelector("tr[data-level]:not([hidden])");
  }
  form.querySelector("output").textContent = `${shown} of ${rows.length} clauses`;
}

form.hidden = false;
form.addEventListener("input", apply);
form.addEventListener("submit", (event) => event.preventDefault());
apply();
