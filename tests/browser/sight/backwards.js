// The texts in Latin letters whose characters are not drawn from left to right, and the fields for
// names, values and figures that are written from right to left.
() => {
  const found = [];
  const root = document.querySelector(".cx");
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const text = node.data;
    if (!text.trim() || /[\u0590-\u08ff]/.test(text) || !seen(node.parentElement)) {
      continue;
    }
    const drawn = [];
    const range = document.createRange();
    for (let at = 0; at < text.length; at += 1) {
      range.setStart(node, at);
      range.setEnd(node, at + 1);
      const box = range.getClientRects()[0];
      if (box?.width && text[at].trim()) {
        drawn.push({ at, top: Math.round(box.top), left: box.left });
      }
    }
    const isBackwards = drawn.some((one, index) => {
      const before = drawn[index - 1];
      return before && before.top === one.top && before.left > one.left;
    });
    if (isBackwards) {
      found.push(text.trim().slice(0, 60));
    }
  }
  for (const field of root.querySelectorAll('textarea, input[type="text"], input[type="search"]')) {
    if (getComputedStyle(field).direction !== "ltr") {
      found.push(`field ${field.name}`);
    }
  }
  for (const box of root.querySelectorAll("pre, code, .cx-collapsible, .cx-preserve-spaces, td.cx-key > :is(a:not(.cx-more), button, bdi)")) {
    const style = getComputedStyle(box);
    if (style.direction !== "ltr" || style.unicodeBidi !== "isolate") {
      found.push(`${box.localName} ${box.textContent.trim().slice(0, 40)}`);
    }
  }
  return found;
};
