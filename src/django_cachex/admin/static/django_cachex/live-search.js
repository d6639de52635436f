// A search that goes on by itself: asks for the next part of this page, one request at a time, and
// adds its rows, until the page is full, all was looked at, Stop is pressed, or the page is left.
import { countDown, words } from "./countdown.js";
import { selectAll } from "./select-all.js";
import { sortRows } from "./sorting.js";

// What follows the line that says how far it came.
const CONTENT = ":scope > :is(form, .cx-empty, .cx-pager)";
const STATE = ["nextUrl", "shown", "size", "examined", "total", "autoContinue"];

export function liveSearch(root) {
  const section = root.querySelector(".cx-results");
  if (section?.dataset.autoContinue !== undefined) {
    new LiveSearch(section).run();
  }
}

class LiveSearch {
  constructor(section) {
    this.section = section;
    this.controller = new AbortController();
    this.began = performance.now();
    this.before = Number(section.dataset.examined);
    addEventListener("pagehide", () => this.stop(), { once: true });
  }

  async run() {
    while (this.section.dataset.autoContinue !== undefined && !this.controller.signal.aborted) {
      this.offerStop();
      await this.step();
    }
    delete this.section.dataset.running;
    this.section.querySelector("[data-stop]").hidden = true;
    this.section.querySelector(".cx-rate").textContent = "";
  }

  stop() {
    this.controller.abort();
  }

  async step() {
    const { nextUrl, shown } = this.section.dataset;
    const url = new URL(nextUrl, location.href);
    url.searchParams.set("live", shown);
    const part = await this.fetched(url);
    if (part?.dataset.nextUrl === undefined) {
      // Stopped, or it failed and may say how: what was there stays, and its links lead on.
      this.section.prepend(...(part?.querySelectorAll(":scope > .cx-alert") ?? []));
      this.stop();
      return;
    }
    this.take(part);
    this.tell();
  }

  // Return the part of a page that a search fills, or null.
  async fetched(url) {
    let text = "";
    try {
      const response = await fetch(url, { signal: this.controller.signal });
      text = response.ok && !response.redirected ? await response.text() : "";
    } catch {
      return null; // Aborted, or nobody answers.
    }
    const page = new DOMParser().parseFromString(text, "text/html");
    const part = page.querySelector(".cx-results");
    return part && document.adoptNode(part);
  }

  take(part) {
    const before = this.section.querySelector(CONTENT);
    const now = part.querySelector(CONTENT);
    const body = this.section.querySelector("tbody");
    let twice = 0;
    if (body) {
      twice = this.add(body, [...part.querySelectorAll("tbody tr")]);
      before.querySelector(".cx-pager")?.remove();
      before.querySelector(".cx-bar").append(...part.querySelectorAll(".cx-pager"));
    } else if (before && now) {
      before.replaceWith(now);
      countDown(now);
      selectAll(now);
      sortRows(now);
    }
    this.refresh(part, twice);
  }

  // Add rows; return how many are of keys that are there: a server may find one twice.
  add(body, rows) {
    const known = new Set([...body.rows].map(nameOf));
    const fresh = rows.filter((row) => !known.has(nameOf(row)));
    if (fresh.length) {
      body.append(...fresh);
      countDown(...fresh);
      body.closest("table").dispatchEvent(new Event("rows"));
    }
    return rows.length - fresh.length;
  }

  // Say how far it came, and where it goes on. The button stays the one that may be pressed just now.
  refresh(part, twice) {
    const { section } = this;
    for (const name of STATE) {
      delete section.dataset[name];
    }
    Object.assign(section.dataset, part.dataset, { shown: Number(part.dataset.shown) - twice });
    for (const notice of section.querySelectorAll(":scope > .cx-alert")) {
      notice.remove();
    }
    section.prepend(...part.querySelectorAll(":scope > .cx-alert"));
    section.querySelector(".cx-progress").replaceWith(part.querySelector(".cx-progress"));
    section.querySelector("[data-count]").textContent = format(section.dataset.shown);
  }

  // How fast it goes, and how long it will take.
  tell() {
    const { examined, total, autoContinue } = this.section.dataset;
    const pace = this.section.querySelector(".cx-rate");
    if (!pace || autoContinue === undefined) {
      return;
    }
    const seconds = (performance.now() - this.began) / 1000;
    const rate = (Number(examined) - this.before) / seconds;
    if (rate < 1) {
      return;
    }
    const parts = [pace.dataset.rate.replace("%s", format(rate, { maximumSignificantDigits: 2 }))];
    if (total !== undefined) {
      const units = document.querySelector("[data-units]").dataset.units.split(" ");
      const left = Math.ceil((Number(total) - Number(examined)) / rate);
      parts.push(pace.dataset.left.replace("%s", words(Math.max(1, left), units)));
    }
    pace.textContent = parts.map((text) => ` · ${text}`).join("");
  }

  offerStop() {
    this.section.dataset.running = "";
    const button = this.section.querySelector("[data-stop]");
    button.hidden = false;
    button.onclick = () => this.stop();
  }
}

function nameOf(row) {
  const cell = row.querySelector(".cx-key");
  const control = cell.querySelector("a, button");
  // The names of sessions are masked: two of them may look alike.
  return control ? control.getAttribute("href") ?? control.value : row;
}

function format(number, options) {
  return new Intl.NumberFormat(document.documentElement.lang || undefined, options).format(number);
}
