// TTLs that go on counting: data-expires holds the milliseconds left when the page was made.
const TICK = 1000;
const DAY = 86400;
const SIZES = [3600, 60, 1];

// The two largest units, in the server's words for hours, minutes and seconds.
export function words(seconds, units) {
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

// Count down what is within `roots`, from now on.
export function countDown(...roots) {
  const shown = performance.now();
  const units = document.querySelector("[data-units]")?.dataset.units.split(" ");
  // What has more than a day left changes too slowly to be watched.
  const elements = roots
    .flatMap((root) => [...root.querySelectorAll("[data-expires]")])
    .filter((element) => Number(element.dataset.expires) < DAY * 1000);
  if (!elements.length) {
    return;
  }
  setInterval(() => {
    const passed = performance.now() - shown;
    for (const element of elements) {
      const left = Math.max(0, Number(element.dataset.expires) - passed);
      element.firstChild.textContent = words(Math.floor(left / 1000), units);
    }
  }, TICK);
}
