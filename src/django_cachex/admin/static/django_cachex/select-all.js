// The checkbox in a table's head ticks every row of this page.
export function selectAll(root) {
  for (const label of root.querySelectorAll(".cx-all")) {
    const all = label.querySelector("input");
    const boxes = [...label.closest("table").querySelectorAll("tbody input[type=checkbox]")];
    label.hidden = !boxes.length;
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
