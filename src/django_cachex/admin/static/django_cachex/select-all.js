// The checkbox in a table's head ticks every row of this page.
export function selectAll(root) {
  for (const all of root.querySelectorAll(".cx-all")) {
    const boxes = [...all.closest("table").querySelectorAll("tbody input[type=checkbox]")];
    all.hidden = !boxes.length;
    const show = () => {
      const ticked = boxes.filter((box) => box.checked).length;
      all.checked = ticked > 0 && ticked === boxes.length;
      all.indeterminate = ticked > 0 && ticked < boxes.length;
    };
    all.addEventListener("change", () => {
      for (const box of boxes) {
        box.checked = all.checked;
      }
      show();
    });
    for (const box of boxes) {
      box.addEventListener("change", show);
    }
    show();
  }
}
