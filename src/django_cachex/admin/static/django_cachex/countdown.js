// Count down TTLs: data-expires is the number of milliseconds left when the page was rendered.
const TICK = 1000;
const DAY = 86400;
const SIZES = [3600, 60, 1];

// Format a duration in its two largest units. `units` are the translated names of h, min and s.
export function formatDuration(seconds, units) {
  let rest = seconds;
  const parts = SIZES.map((size, index) => {
    const count = Math.floor(rest / size);
    rest -= count * size;
    return [count, `${count} ${units[index]}`];
  });
  const first = parts.findIndex(([count]) => count);
  if (first < 0) {
    return parts[2][1];
  }
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count)
    .map(([, text]) => text)
    .join(" ");
}

// Start the countdowns of the elements in `roots`.
export function startCountdowns(...roots) {
  const start = performance.now();
  const units = document.querySelector("[data-units]")?.dataset.units.split(" ");
  // TTLs of more than a day change too slowly to update.
  const elements = roots
    .flatMap((root) => [...root.querySelectorAll("[data-expires]")])
    .filter((element) => Number(element.dataset.expires) < DAY * 1000);
  if (!elements.length) {
    return;
  }
  setInterval(() => {
    const elapsed = performance.now() - start;
    for (const element of elements) {
      const left = Math.max(0, Number(element.dataset.expires) - elapsed);
      element.firstChild.textContent = formatDuration(Math.floor(left / 1000), units);
    }
  }, TICK);
}
