// TTLs that go on counting: data-expires holds the milliseconds left when the page was made.
const UNITS = [
  ["day", 86400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];
const TICK = 1000;

// The two largest units, written by the browser in the page's language.
export function words(seconds, language) {
  const parts = [];
  let rest = seconds;
  for (const [unit, size] of UNITS) {
    const count = Math.floor(rest / size);
    rest -= count * size;
    if (count || (unit === "second" && !parts.length)) {
      const unitDisplay = unit === "day" ? "long" : "short";
      parts.push(new Intl.NumberFormat(language, { style: "unit", unit, unitDisplay }).format(count));
    } else if (parts.length) {
      break;
    }
    if (parts.length === 2) {
      break;
    }
  }
  return parts.join(" ");
}

export function countDown(root) {
  const shown = performance.now();
  const language = document.documentElement.lang || undefined;
  const elements = [...root.querySelectorAll("[data-expires]")];
  if (!elements.length) {
    return;
  }
  setInterval(() => {
    const passed = performance.now() - shown;
    for (const element of elements) {
      const left = Math.max(0, Number(element.dataset.expires) - passed);
      element.firstChild.textContent = words(Math.floor(left / 1000), language);
    }
  }, TICK);
}
