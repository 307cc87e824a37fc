"use strict";
(() => {
  const table = document.getElementById("discrepancy-table");
  if (!table) return;
  const tools = document.getElementById("discrepancy-tools");
  const shown = document.getElementById("discrepancy-shown");
  const none = document.getElementById("discrepancy-none");
  const search = tools.querySelector("input");
  const filters = [...tools.querySelectorAll("select")];
  // A figure can be typed with or without the spaces between its digits.
  const simplify = text => text.toLowerCase().replace(/(\d)[\s.,]+(?=\d{3}(?!\d))/g, "$1").replace(/(\d)\s+(?=\d)/g, "$1").replace(/\s+/g, " ");
  const items = [...table.tBodies].map(body => ({ body, text: simplify(body.textContent) }));

  const filter = () => {
    const words = simplify(search.value).split(" ").filter(Boolean);
    let count = 0;
    for (const { body, text } of items) {
      const fits = words.every(word => text.includes(word)) &&
        filters.every(({ value, name }) => !value || body.dataset[name] === value);
      body.hidden = !fits;
      count += fits;
    }
    shown.textContent = shown.dataset.sentence.replace("{shown}", count);
    none.hidden = count > 0;
  };

  const headings = [...table.tHead.querySelectorAll("th[data-sort]")];
  const read = (body, name) => body.dataset[name] === "" ? null : Number(body.dataset[name]);
  const compare = (heading, one, other) => {
    const { sort, type } = heading.dataset;
    const sign = heading.ariaSort === "ascending" ? 1 : -1;
    if (type === "text") return sign * one.dataset[sort].localeCompare(other.dataset[sort], document.documentElement.lang, { numeric: true });
    // Amounts of two currencies are not compared.
    const currency = type === "money" ? one.dataset.currency.localeCompare(other.dataset.currency) : 0;
    const [a, b] = [read(one, sort), read(other, sort)];
    const unknown = (a === null) - (b === null);
    return currency || unknown || sign * (a - b);
  };
  const sort = heading => {
    const first = heading.dataset.type === "text" ? "ascending" : "descending";
    const next = first === "ascending" ? "descending" : "ascending";
    heading.ariaSort = heading.ariaSort === first ? next : first;
    for (const other of headings) if (other !== heading) other.removeAttribute("aria-sort");
    const sorted = items.map(({ body }) => body).sort((one, other) => compare(heading, one, other));
    table.append(...sorted);
  };
  for (const heading of headings) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading));
    heading.append(button);
  }

  search.addEventListener("input", filter);
  for (const select of filters) select.addEventListener("change", filter);
  tools.hidden = false;
  filter();
})();
