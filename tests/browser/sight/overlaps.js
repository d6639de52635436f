// Returns the controls within main that lie on one another or on a text that is not theirs.
() => {
  const describe = (element) =>
    `<${element.localName}> ${(element.ariaLabel || element.textContent).trim().slice(0, 40)}`;
  const meet = (one, two) =>
    one.left < two.right - 1 &&
    two.left < one.right - 1 &&
    one.top < two.bottom - 1 &&
    two.top < one.bottom - 1;

  // The part of a box that its scrolling or hiding ancestors let through, nothing if none.
  const through = (element, box) => {
    let { left, right, top, bottom } = box;
    for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
      if (getComputedStyle(at).overflowY !== "visible") {
        const room = at.getBoundingClientRect();
        [left, right] = [Math.max(left, room.left), Math.min(right, room.right)];
        [top, bottom] = [Math.max(top, room.top), Math.min(bottom, room.bottom)];
      }
    }
    return left < right && top < bottom ? [{ left, right, top, bottom }] : [];
  };
  const parts = (element, boxes) => [...boxes].flatMap((box) => through(element, box));

  const controls = [...document.querySelectorAll(":is(main, .cx-breadcrumbs) :is(a, button, input, select, textarea)")]
    .filter(seen)
    .map((element) => [element, parts(element, element.getClientRects())]);
  const boxes = [...controls];
  const range = document.createRange();
  const texts = document.createTreeWalker(document.querySelector("main"), NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const parent = texts.currentNode.parentElement;
    if (texts.currentNode.data.trim() && seen(parent) && !parent.closest("a, button, select, textarea, pre")) {
      range.selectNodeContents(texts.currentNode);
      boxes.push([parent, parts(texts.currentNode, range.getClientRects())]);
    }
  }
  const problems = [];
  for (const [index, [control, ours]] of controls.entries()) {
    for (const [other, theirs] of boxes.slice(index + 1)) {
      if (!control.contains(other) && ours.some((one) => theirs.some((two) => meet(one, two)))) {
        problems.push(`${describe(control)} lies on ${describe(other)}`);
      }
    }
  }
  return problems;
};
