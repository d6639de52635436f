// The checkbox in a table's head ticks every row of this page, those that come later included.
export function selectAll(root) {
  for (const label of root.querySelectorAll(".cx-select-all")) {
    const all = label.querySelector("input");
    const table = label.closest("table");
    const boxes = () => [...table.querySelectorAll("tbody input[type=checkbox]")];
    const show = () => {
      const found = boxes();
      const ticked = found.filter((box) => box.checked).length;
      label.hidden = !found.length;
      all.checked = ticked > 0 && ticked === found.length;
      all.indeterminate = ticked > 0 && ticked < found.length;
    };
    all.addEventListener("change", () => {
      for (const box of boxes()) {
        box.checked = all.checked;
      }
      show();
    });
    table.tBodies[0].addEventListener("change", show);
    table.addEventListener("rows", show);
    show();
  }
}
