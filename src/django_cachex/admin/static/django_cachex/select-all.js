// The checkbox in a table's header selects every row, including rows that are added later. A click
// with Shift selects all rows since the last click. A bar tells how many rows are selected.
export function enableSelectAll(root) {
  for (const label of root.querySelectorAll(".cx-select-all")) {
    new Selection(label);
  }
}

class Selection {
  constructor(label) {
    this.label = label;
    this.all = label.querySelector("input");
    this.table = label.closest("table");
    this.bar = this.table.closest("form")?.querySelector(".cx-selection-bar");
    this.all.addEventListener("change", () => this.set(this.boxes, this.all.checked));
    const [body] = this.table.tBodies;
    body.addEventListener("click", (event) => this.selectRange(event));
    body.addEventListener("change", () => this.update());
    this.table.addEventListener("rows", () => this.update());
    // The browser restores checkboxes after it has run scripts.
    addEventListener("pageshow", () => this.update());
    this.update();
    this.reportHeight();
  }

  get boxes() {
    return [...this.table.querySelectorAll("tbody input[type=checkbox]")];
  }

  set(boxes, checked) {
    for (const box of boxes) {
      box.checked = checked;
    }
    this.update();
  }

  selectRange(event) {
    const box = event.target.closest("input[type=checkbox]");
    if (!box) {
      return;
    }
    const { boxes } = this;
    const ends = [boxes.indexOf(this.last), boxes.indexOf(box)].sort((one, other) => one - other);
    if (event.shiftKey && ends[0] >= 0) {
      this.set(boxes.slice(ends[0], ends[1] + 1), box.checked);
    }
    this.last = box;
  }

  update() {
    const { boxes, all, label } = this;
    const selected = boxes.filter((box) => box.checked).length;
    label.hidden = !boxes.length;
    all.checked = selected > 0 && selected === boxes.length;
    all.indeterminate = selected > 0 && selected < boxes.length;
    const count = this.bar?.querySelector(".cx-selection-count");
    if (count) {
      count.hidden = !boxes.length;
      count.textContent = count.dataset.text
        .replace("%(selected)s", formatNumber(selected))
        .replace("%(count)s", formatNumber(boxes.length));
    }
  }

  // The bar stays in sight, and headers that do so as well are below it.
  reportHeight() {
    if (this.bar) {
      new ResizeObserver(() => {
        this.table.style.setProperty("--cx-bar-height", `${this.bar.offsetHeight}px`);
      }).observe(this.bar);
    }
  }
}

function formatNumber(number) {
  return new Intl.NumberFormat(document.documentElement.lang || undefined).format(number);
}
