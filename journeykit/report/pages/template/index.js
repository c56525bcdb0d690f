"use strict";
(() => {
  const bar = document.querySelector(".filters");
  if (!bar) return;
  const fields = [...bar.querySelectorAll("select")];
  const find = bar.querySelector("input");
  const told = bar.querySelector("[role=status]");
  const showAll = bar.querySelector("button");
  const list = document.querySelector("details.all");
  const studies = [...document.querySelectorAll(".study")];
  const items = [...document.querySelectorAll("[data-status]")].map((element) => {
    const study = element.closest(".study");
    const title = study ? study.querySelector("h2").textContent : "";
    return { element, card: study !== null, text: `${title} ${element.textContent}`.toLowerCase() };
  });

  const fits = ({ element, text }, words) =>
    words.every((word) => text.includes(word)) &&
    fields.every(({ name, value }) => !value || element.dataset[name].split("\n").includes(value));

  const count = (cards, noun) => {
    const all = items.filter(({ card }) => card === cards);
    const shown = all.filter(({ element }) => !element.hidden);
    return `${shown.length} of ${all.length} ${noun}`;
  };

  const apply = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    const any = words.length > 0 || fields.some(({ value }) => value);
    for (const item of items) item.element.hidden = !fits(item, words);
    for (const study of studies) study.hidden = !study.querySelector("article:not([hidden])");
    told.textContent = any ? `${count(true, "reports")}, ${count(false, "runs")}` : "";
    told.parentElement.hidden = !any;
    showAll.hidden = !any;
    if (any) list.open = true;
  };

  bar.addEventListener("input", apply);
  showAll.addEventListener("click", () => {
    find.value = "";
    for (const field of fields) field.value = "";
    apply();
    find.focus();
  });
  // A browser that comes back to the page fills in what was chosen before.
  addEventListener("pageshow", apply);
  bar.hidden = false;
  apply();
})();
