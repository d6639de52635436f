// Returns what scrolls sideways or has text beyond the right edge of the page or of its own box.
() => {
  const width = document.documentElement.clientWidth;
  const problems = [];
  const describe = (element, text) =>
    `<${element.localName} class="${element.className}"> ${text.trim().slice(0, 40)}`;

  if (document.documentElement.scrollWidth > width) {
    problems.push(`the page is ${document.documentElement.scrollWidth} pixels wide, not ${width}`);
  }

  // The inside of the nearest box that hides or scrolls what does not fit in it sideways.
  const room = (element) => {
    for (let at = element; at && at !== document.body; at = at.parentElement) {
      if (getComputedStyle(at).overflowX !== "visible") {
        const box = at.getBoundingClientRect();
        return [box.left, box.right];
      }
    }
    return [0, width];
  };

  const seen = (element) => element.checkVisibility() && element.getBoundingClientRect().width > 1;
  const range = document.createRange();
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const text = texts.currentNode;
    if (!text.data.trim() || !seen(text.parentElement)) {
      continue;
    }
    if (text.parentElement.closest("option, textarea")) {
      continue;
    }
    range.selectNodeContents(text);
    const [left, right] = room(text.parentElement);
    const cut = [...range.getClientRects()].some(
      (box) => box.width && (box.right > Math.min(right, width) + 1 || box.left < Math.max(left, 0) - 1),
    );
    if (cut) {
      problems.push(`cut off: ${describe(text.parentElement, text.data)}`);
    }
  }
  for (const element of document.querySelectorAll("main :is(button, input, select, textarea)")) {
    const box = element.getBoundingClientRect();
    if (seen(element) && (box.right > width + 1 || box.left < -1)) {
      problems.push(`cut off: ${describe(element, element.textContent || element.name)}`);
    }
  }
  return problems;
};
