const FILTERS = "_changelist_filters";

// Links to this page itself, with other parameters.
const PAGE_LINKS = '[data-action="refresh"], [data-action="help"], [data-action="close-help"]';

// Sort the rows of a table when one of its column headers is clicked.
export function enableSorting(root) {
  for (const table of root.querySelectorAll("table:has(.cx-sort)")) {
    for (const link of table.querySelectorAll(".cx-sort")) {
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) {
          return;
        }
        event.preventDefault();
        toggleSort(table, link);
      });
    }
    table.addEventListener("rows", () => {
      sortTable(table);
      keepFilters(table);
    });
  }
}

// Sort by a column, or reverse the order if the table is sorted by it.
function toggleSort(table, link) {
  const header = link.closest("th");
  const current = header.ariaSort;
  const url = new URL(link.href, location.href);
  const first = url.searchParams.get("sort");
  const name = first.replace(/^-/, "");
  const direction = current
    ? current === "ascending" ? "descending" : "ascending"
    : first.startsWith("-") ? "descending" : "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) {
    other.removeAttribute("aria-sort");
  }
  header.ariaSort = direction;
  sortTable(table);
  keepSort(table.closest(".cx-results"), direction === "descending" ? `-${name}` : name);
  keepFilters(table);
  const note = table.closest(".cx-results")?.querySelector(".cx-sort-note");
  if (note) {
    note.textContent = note.dataset.text.replace("%s", header.textContent.trim());
    note.hidden = false;
  }
}

// Keep the order in the address, and on the pages that links and forms of this page lead to.
function keepSort(results, sort) {
  const sorted = (href) => {
    const url = new URL(href, location.href);
    url.searchParams.set("sort", sort);
    return url.href;
  };
  history.replaceState(history.state, "", sorted(location.href));
  for (const link of document.querySelectorAll(`.cx-pager a, ${PAGE_LINKS}`)) {
    link.href = sorted(link.href);
  }
  for (const input of document.querySelectorAll('.cx-search-area input[name="sort"]')) {
    Object.assign(input, { value: sort, disabled: false });
  }
  if (results?.dataset.nextUrl) {
    results.dataset.nextUrl = sorted(results.dataset.nextUrl);
  }
}

// Let the pages of the keys lead back to the list in its current order.
function keepFilters(table) {
  const sort = new URL(location.href).searchParams.get("sort");
  for (const control of table.querySelectorAll("tbody [data-action=open]")) {
    const attribute = control.matches("a") ? "href" : "formaction";
    const url = new URL(control.getAttribute(attribute), location.href);
    const filters = new URLSearchParams(url.searchParams.get(FILTERS) ?? "");
    if (sort && filters.get("sort") !== sort) {
      filters.set("sort", sort);
      url.searchParams.set(FILTERS, filters);
      control.setAttribute(attribute, url.pathname + url.search);
    }
  }
}

// Sort the rows by the column whose header has aria-sort. Unknown values come last.
function sortTable(table) {
  const header = table.querySelector("th[aria-sort]");
  if (!header) {
    return;
  }
  const index = [...header.parentNode.cells].indexOf(header);
  const sign = header.ariaSort === "descending" ? -1 : 1;
  const keyed = [...table.tBodies[0].rows].map((row) => [getSortKey(row.cells[index]), row]);
  keyed.sort(([one], [other]) => {
    if (!one || !other) {
      return (one ? 0 : 1) - (other ? 0 : 1);
    }
    return sign * (one < other ? -1 : one > other ? 1 : 0);
  });
  table.tBodies[0].append(...keyed.map(([, row]) => row));
}

function getSortKey(cell) {
  return cell.dataset.order ?? (cell.matches(".cx-key") ? cell.textContent.trim() : "");
}
