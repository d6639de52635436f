// Replace the content of a page so that what a person points at, or has the focus on, stays there.
const LISTS = ".cx-table, .cx-bar-chart";

const getRows = (list) => [...(list.tBodies?.[0].rows ?? list.children)];
const getControls = (row) => [...row.querySelectorAll("a, button, input, summary")];
const getRowId = (row) => row.querySelector("a[href]")?.getAttribute("href") ?? "";
const isInUse = (element) => element.matches(":hover") || element.contains(document.activeElement);

// Replace `oldContent` with `newContent`, which is in the document afterwards.
export function replaceSteadily(oldContent, newContent) {
  const oldLists = [...oldContent.querySelectorAll(LISTS)];
  const position = oldLists.findIndex(isInUse);
  const oldList = oldLists[position] ?? oldLists.find(isOnScreen);
  const oldRows = position < 0 ? [] : getRows(oldList);
  const oldRow = oldRows.find(isInUse);
  const control = oldRow ? getControls(oldRow).indexOf(document.activeElement) : -1;
  const top = (oldRow ?? oldList)?.getBoundingClientRect().top;

  oldContent.replaceWith(newContent);

  const list = newContent.querySelectorAll(LISTS)[oldLists.indexOf(oldList)];
  if (!list) {
    return;
  }
  if (position >= 0) {
    holdOrder(list, oldRows.map(getRowId));
  }
  const row = oldRow && getRows(list).find((one) => getRowId(one) === getRowId(oldRow));
  if (row) {
    getControls(row)[control]?.focus({ preventScroll: true });
  }
  scroll(list, (row ?? list).getBoundingClientRect().top - top);
}

function isOnScreen(element) {
  const { top, bottom } = element.getBoundingClientRect();
  return top < innerHeight && bottom > 0;
}

// Keep the rows in their old order, with new ones after them, until the list is left.
function holdOrder(list, oldIds) {
  const rows = getRows(list);
  const place = (row) => {
    const index = oldIds.indexOf(getRowId(row));
    return index < 0 ? oldIds.length : index;
  };
  const parent = rows[0]?.parentNode;
  parent?.append(...rows.slice().sort((one, other) => place(one) - place(other)));
  const release = (event) => {
    const isLeft = !list.contains(event.relatedTarget);
    if (isLeft && !(event.type === "focusout" ? list.matches(":hover") : isInUse(list))) {
      parent?.append(...rows);
    }
  };
  list.addEventListener("mouseleave", release);
  list.addEventListener("focusout", release);
}

// Scroll what contains `element`: the window, or an element of the host's page.
function scroll(element, distance) {
  let scroller = element.parentElement;
  while (scroller && !/auto|scroll/.test(getComputedStyle(scroller).overflowY)) {
    scroller = scroller.parentElement;
  }
  (scroller ?? document.scrollingElement).scrollTop += distance;
}
