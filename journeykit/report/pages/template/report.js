// Tables: sort, filter, copy, save, and the rows beyond the first ones folded.
// What the data say is only ever read and written as text.
(() => {
  "use strict";
  const NUMBER = /^-?[\d,]*\.?\d+(e[-+]?\d+)?%?( to -?[\d,]*\.?\d+(e[-+]?\d+)?%?)?$/i;
  // First signs by which spreadsheets take a text for a formula.
  const FORMULA = /^[\s\x00-\x1f]*[=+\-@|%]/;
  const MISSING = "–";
  const words = new Intl.Collator("en", { numeric: true });

  const make = (tag, text, attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };
  const button = (text, onClick) => {
    const made = make("button", text, { type: "button" });
    made.addEventListener("click", onClick);
    return made;
  };

  const toNumber = text => text === "inf" ? Infinity : parseFloat(text.replaceAll(",", ""));
  // What is no number or missing comes last, whichever way the column is sorted.
  const compare = (a, b, numeric, sign) => {
    if (!numeric) return (a === MISSING) - (b === MISSING) || sign * words.compare(a, b);
    const [x, y] = [toNumber(a), toNumber(b)];
    if (isNaN(x) || isNaN(y)) return isNaN(x) - isNaN(y);
    return x === y ? 0 : x < y ? -sign : sign;
  };

  const forSpreadsheet = text => {
    if (text === MISSING) return "";
    return FORMULA.test(text) && !NUMBER.test(text) ? `'${text}` : text;
  };
  const quoted = text => /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  const asCsv = rows => rows.map(row => row.map(cell => quoted(forSpreadsheet(cell))).join(",") + "\n").join("");
  const asTabs = rows => rows.map(row => row.map(cell => forSpreadsheet(cell).replace(/\s+/g, " ")).join("\t")).join("\n");

  const save = (name, text) => {
    // The mark at the beginning tells spreadsheets that it is UTF-8.
    const address = URL.createObjectURL(new Blob(["\ufeff", text], { type: "text/csv" }));
    make("a", "", { href: address, download: name }).click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  };
  const copy = async text => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = make("textarea", text);
      document.body.append(area);
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  };

  const enhance = box => {
    const body = box.querySelector("tbody");
    const heads = [...box.querySelectorAll("thead th")];
    const labels = heads.map(head => head.textContent);
    const rows = [...body.rows].map((row, place) => {
      const cells = [...row.cells].map(cell => cell.textContent);
      return { row, place, cells, text: cells.join("\n").toLowerCase() };
    });
    if (!rows.length) return;
    const first = Number(box.dataset.shown);
    const state = { column: -1, sign: 1, wanted: "", all: rows.length <= first };

    const chosen = () => {
      const kept = rows.filter(({ text }) => text.includes(state.wanted));
      if (state.column < 0) return kept;
      const numeric = heads[state.column].classList.contains("number");
      const by = ({ cells }) => cells[state.column];
      return kept.sort((a, b) => compare(by(a), by(b), numeric, state.sign) || a.place - b.place);
    };
    const content = () => [labels, ...chosen().map(({ cells }) => cells)];

    const said = make("output", "");
    const more = button("", () => { state.all = !state.all; show(); });
    const show = () => {
      const kept = chosen();
      const room = state.all || state.wanted ? kept.length : first;
      rows.forEach(({ row }) => { row.hidden = true; });
      kept.forEach(({ row }, at) => { row.hidden = at >= room; });
      body.append(...kept.map(({ row }) => row));
      heads.forEach((head, at) => {
        const way = state.sign > 0 ? "ascending" : "descending";
        head.setAttribute("aria-sort", at === state.column ? way : "none");
      });
      more.hidden = rows.length <= first || Boolean(state.wanted);
      more.textContent = state.all ? `Show the first ${first} rows` : `Show all ${rows.length} rows`;
      said.textContent = state.wanted ? `${kept.length} of ${rows.length} rows` : "";
    };

    heads.forEach((head, at) => {
      // Numbers begin with the largest; the third press puts the rows back.
      const begin = head.classList.contains("number") ? -1 : 1;
      head.replaceChildren(button(labels[at], () => {
        if (state.column !== at) [state.column, state.sign] = [at, begin];
        else if (state.sign === begin) state.sign = -begin;
        else state.column = -1;
        show();
      }));
    });

    const scroll = box.querySelector(".scroll");
    if (rows.length > 8) {
      const input = make("input", "", { type: "search" });
      input.addEventListener("input", () => {
        state.wanted = input.value.trim().toLowerCase();
        show();
      });
      const label = make("label", "Filter ");
      label.append(input);
      const filter = make("div", "", { class: "filter" });
      filter.append(label, " ", said);
      scroll.before(filter);
    }
    const done = make("output", "");
    const tools = make("div", "", { class: "tools" });
    tools.append(
      more,
      button("Copy", async () => {
        await copy(asTabs(content()));
        done.textContent = `Copied ${content().length - 1} rows`;
      }),
      button("CSV", () => save(`${box.dataset.key}.csv`, asCsv(content()))),
      done,
    );
    scroll.after(tools);
    show();
  };

  document.querySelectorAll(".table").forEach(enhance);
})();
