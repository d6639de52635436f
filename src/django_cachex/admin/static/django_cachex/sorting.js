// The heads of a table that can be sorted: what the page has is put in order where it is.
export function sortRows(root) {
  for (const table of root.querySelectorAll("table:has(.cx-sort)")) {
    for (const link of table.querySelectorAll(".cx-sort")) {
      link.addEventListener("click", (event) => {
        if (event.ctrlKey || event.metaKey || event.shiftKey) {
          return;
        }
        event.preventDefault();
        turn(table, link);
      });
    }
    table.addEventListener("rows", () => order(table));
  }
}

// Sort by a column; the other way round where it is sorted by that already.
function turn(table, link) {
  const head = link.closest("th");
  const before = head.ariaSort;
  const url = new URL(link.href, location.href);
  const first = url.searchParams.get("sort");
  const name = first.replace(/^-/, "");
  const direction = before
    ? before === "ascending" ? "descending" : "ascending"
    : first.startsWith("-") ? "descending" : "ascending";
  for (const other of table.querySelectorAll("th[aria-sort]")) {
    other.removeAttribute("aria-sort");
  }
  head.ariaSort = direction;
  order(table);
  url.searchParams.set("sort", direction === "descending" ? `-${name}` : name);
  const here = new URL(location.href);
  here.searchParams.set("sort", url.searchParams.get("sort"));
  history.replaceState(history.state, "", here);
  const said = table.closest(".cx-results")?.querySelector(".cx-sort-note");
  if (said) {
    said.textContent = said.dataset.text.replace("%s", head.textContent.trim());
    said.hidden = false;
  }
}

// Put the rows in the order that the heads show; what is not known comes last.
function order(table) {
  const head = table.querySelector("th[aria-sort]");
  if (!head) {
    return;
  }
  const place = [...head.parentNode.cells].indexOf(head);
  const sign = head.ariaSort === "descending" ? -1 : 1;
  const keyed = [...table.tBodies[0].rows].map((row) => [orderOf(row.cells[place]), row]);
  keyed.sort(([one], [other]) => {
    if (!one || !other) {
      return (one ? 0 : 1) - (other ? 0 : 1);
    }
    return sign * (one < other ? -1 : one > other ? 1 : 0);
  });
  table.tBodies[0].append(...keyed.map(([, row]) => row));
}

function orderOf(cell) {
  return cell.dataset.order ?? (cell.matches(".cx-key") ? cell.textContent.trim() : "");
}
