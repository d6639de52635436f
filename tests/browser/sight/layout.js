// Returns what scrolls sideways, and what ends beyond the edges of the page's column or of its box.
() => {
  const page = document.documentElement;
  const problems = [];
  if (page.scrollWidth > page.clientWidth) {
    problems.push(`the page is ${page.scrollWidth} pixels wide, not ${page.clientWidth}`);
  }

  // The inside of the nearest box that hides or scrolls what does not fit in it, or of the column.
  const column = document.querySelector(".cx")?.getBoundingClientRect();
  const room = (element) => {
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== "visible") {
        return at.getBoundingClientRect();
      }
    }
    return element.closest(".cx") ? column : { left: 0, right: page.clientWidth };
  };
  const outside = (element, boxes) => {
    const { left, right } = room(element);
    return [...boxes].some((box) => box.width && (box.right > right + 1 || box.left < left - 1));
  };

  // Blanks may hang over an edge unseen: where a text does, only its words count.
  const range = document.createRange();
  const isCut = (text) => {
    range.selectNodeContents(text);
    return (
      outside(text.parentElement, range.getClientRects()) &&
      [...text.data.matchAll(/\S+/g)].some((word) => {
        range.setStart(text, word.index);
        range.setEnd(text, word.index + word[0].length);
        return outside(text.parentElement, range.getClientRects());
      })
    );
  };

  const report = (element, text) =>
    problems.push(
      `cut off: <${element.localName} class="${element.className}"> ${text.trim().slice(0, 40)}`,
    );
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    const parent = text.parentElement;
    if (text.data.trim() && seen(parent) && !parent.closest("option, textarea") && isCut(text)) {
      report(parent, text.data);
    }
  }
  for (const control of document.querySelectorAll("main :is(a, button, input, select, textarea)")) {
    if (seen(control) && outside(control.parentElement, control.getClientRects())) {
      report(control, control.textContent || control.name);
    }
  }
  return problems;
};
