(() => {
  const all = (selector) => [...document.querySelectorAll(selector)];

  /* A link into a folded part unfolds it. */
  const goTo = () => {
    let target;
    try { target = document.getElementById(decodeURIComponent(location.hash.slice(1))); } catch { return; }
    if (!target) return;
    for (let node = target; node; node = node.parentElement) if (node.localName === "details") node.open = true;
    target.scrollIntoView();
  };
  addEventListener("hashchange", goTo);
  if (location.hash) goTo();

  /* On paper nothing can be unfolded. */
  let folded = [];
  addEventListener("beforeprint", () => {
    folded = all("details.print:not([open])");
    for (const part of folded) part.open = true;
  });
  addEventListener("afterprint", () => { for (const part of folded) part.open = false; });

  const tools = document.getElementById("tools");
  if (!tools) return;
  tools.hidden = false;
  const text = document.getElementById("find");
  const found = document.getElementById("found");
  const buttons = all("#tools button");
  const groups = all(".rows").map((part) => ({ part, open: part.open, rows: [...part.querySelectorAll("tbody tr")] }));
  const cards = all(".index");
  const more = document.getElementById("more");
  const filter = () => {
    const words = text.value.trim().toLowerCase();
    const state = buttons.find((button) => button.getAttribute("aria-pressed") === "true")?.dataset.state;
    const active = Boolean(words || state);
    let count = 0;
    for (const { part, open, rows } of groups) {
      const inState = !state || part.dataset.state === state;
      let shown = 0;
      for (const row of rows) {
        const fits = inState && row.textContent.toLowerCase().includes(words);
        row.hidden = !fits;
        shown += fits;
      }
      part.hidden = !shown;
      part.open = active ? shown > 0 : open;
      count += shown;
    }
    const names = new Set(all(".rows tbody tr:not([hidden]) .who").map((cell) => cell.textContent));
    for (const card of cards) card.hidden = active && !names.has(card.querySelector("h3").textContent);
    if (more) more.hidden = active && ![...more.querySelectorAll(".index")].some((card) => !card.hidden);
    found.textContent = active ? `${count} ${count === 1 ? found.dataset.one : found.dataset.several} found` : "";
  };
  text.addEventListener("input", filter);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      const pressed = button.getAttribute("aria-pressed") !== "true";
      for (const other of buttons) other.setAttribute("aria-pressed", "false");
      button.setAttribute("aria-pressed", String(pressed));
      filter();
    });
  }
})();
