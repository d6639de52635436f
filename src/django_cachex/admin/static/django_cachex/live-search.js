// A search that continues by itself: requests further results, one request at a time, and adds
// their rows, until the page is full, the search is complete, Stop is pressed, or the user leaves.
import { formatDuration, startCountdowns } from "./countdown.js";
import { enableSelectAll } from "./select-all.js";
import { enableSorting } from "./sorting.js";

// What follows the progress line.
const CONTENT = ":scope > :is(form, .cx-empty, .cx-pager)";
const STATE = ["nextUrl", "shown", "size", "examined", "total", "autoContinue"];

export function startLiveSearch(root) {
  const section = root.querySelector(".cx-results");
  const search = section && new LiveSearch(section);
  if (search?.canContinue) {
    search.run();
  }
}

class LiveSearch {
  constructor(section) {
    this.section = section;
    this.controller = new AbortController();
    this.startedAt = performance.now();
    this.initialCount = Number(section.dataset.examined);
    addEventListener("pagehide", () => this.stop(), { once: true });
  }

  async run() {
    while (this.canContinue && !this.controller.signal.aborted) {
      this.showStopButton();
      await this.step();
    }
    delete this.section.dataset.running;
    this.section.querySelector("[data-stop]").hidden = true;
    this.section.querySelector(".cx-rate").textContent = "";
  }

  // Rows that came twice are shown once, so that the page may not be full yet.
  get canContinue() {
    const { autoContinue, shown, size } = this.section.dataset;
    return autoContinue !== undefined && Number(shown) < Number(size);
  }

  stop() {
    this.controller.abort();
  }

  async step() {
    const { nextUrl, shown } = this.section.dataset;
    const url = new URL(nextUrl, location.href);
    url.searchParams.set("live", shown);
    const results = await this.fetchResults(url);
    if (results?.dataset.nextUrl === undefined) {
      // Stopped or failed: keep the results, whose links still work, and show any alerts.
      this.section.prepend(...(results?.querySelectorAll(":scope > .cx-alert") ?? []));
      this.stop();
      return;
    }
    this.merge(results);
    this.updateRate();
  }

  // Return the results section of a response, or null.
  async fetchResults(url) {
    let text = "";
    try {
      const response = await fetch(url, { signal: this.controller.signal });
      text = response.ok && !response.redirected ? await response.text() : "";
    } catch {
      return null; // Aborted, or the server is not reachable.
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const results = page.querySelector(".cx-results");
    return results && document.adoptNode(results);
  }

  merge(results) {
    const oldContent = this.section.querySelector(CONTENT);
    const newContent = results.querySelector(CONTENT);
    const body = this.section.querySelector("tbody");
    let duplicates = 0;
    if (body) {
      duplicates = this.addRows(body, [...results.querySelectorAll("tbody tr")]);
      oldContent.querySelector(".cx-pager")?.remove();
      oldContent.querySelector("#cx-below").append(...results.querySelectorAll(".cx-pager"));
    } else if (oldContent && newContent) {
      oldContent.replaceWith(newContent);
      startCountdowns(newContent);
      enableSelectAll(newContent);
      enableSorting(newContent);
    }
    this.refresh(results, duplicates);
  }

  // Add rows. Return how many were skipped because the server returned their key before.
  addRows(body, rows) {
    const known = new Set([...body.rows].map(getRowId));
    const newRows = rows.filter((row) => !known.has(getRowId(row)));
    if (newRows.length) {
      body.append(...newRows);
      startCountdowns(...newRows);
      body.closest("table").dispatchEvent(new Event("rows"));
    }
    return rows.length - newRows.length;
  }

  // Update the progress and the next URL. The Stop button stays, because it may have the focus.
  refresh(results, duplicates) {
    const { section } = this;
    for (const name of STATE) {
      delete section.dataset[name];
    }
    const shown = Number(results.dataset.shown) - duplicates;
    Object.assign(section.dataset, results.dataset, { shown });
    for (const element of section.querySelectorAll(":scope > .cx-alert")) {
      element.remove();
    }
    section.prepend(...results.querySelectorAll(":scope > .cx-alert"));
    section.querySelector(".cx-progress").replaceWith(results.querySelector(".cx-progress"));
    section.querySelector("[data-count]").textContent = formatNumber(section.dataset.shown);
  }

  // Show the speed, and the estimated time left.
  updateRate() {
    const { examined, total } = this.section.dataset;
    const rateElement = this.section.querySelector(".cx-rate");
    if (!rateElement || !this.canContinue) {
      return;
    }
    const seconds = (performance.now() - this.startedAt) / 1000;
    const rate = (Number(examined) - this.initialCount) / seconds;
    if (rate < 1) {
      return;
    }
    const speed = formatNumber(rate, { maximumSignificantDigits: 2 });
    const texts = [rateElement.dataset.rate.replace("%s", speed)];
    if (total !== undefined) {
      const units = document.querySelector("[data-units]").dataset.units.split(" ");
      const left = Math.ceil((Number(total) - Number(examined)) / rate);
      const duration = formatDuration(Math.max(1, left), units);
      texts.push(rateElement.dataset.left.replace("%s", duration));
    }
    rateElement.textContent = texts.map((text) => ` · ${text}`).join("");
  }

  showStopButton() {
    this.section.dataset.running = "";
    const button = this.section.querySelector("[data-stop]");
    button.hidden = false;
    button.onclick = () => this.stop();
  }
}

function getRowId(row) {
  const cell = row.querySelector(".cx-key");
  const control = cell.querySelector("a, button");
  // The names of sessions are masked, so that two may be equal.
  return control ? control.pathname ?? control.value : row;
}

function formatNumber(number, options) {
  return new Intl.NumberFormat(document.documentElement.lang || undefined, options).format(number);
}
