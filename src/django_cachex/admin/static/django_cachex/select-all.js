// The checkbox in a table's header selects every row, including rows that are added later.
export function enableSelectAll(root) {
  for (const label of root.querySelectorAll(".cx-select-all")) {
    const all = label.querySelector("input");
    const table = label.closest("table");
    const boxes = () => [...table.querySelectorAll("tbody input[type=checkbox]")];
    const update = () => {
      const current = boxes();
      const checkedCount = current.filter((box) => box.checked).length;
      label.hidden = !current.length;
      all.checked = checkedCount > 0 && checkedCount === current.length;
      all.indeterminate = checkedCount > 0 && checkedCount < current.length;
    };
    all.addEventListener("change", () => {
      for (const box of boxes()) {
        box.checked = all.checked;
      }
      update();
    });
    table.tBodies[0].addEventListener("change", update);
    table.addEventListener("rows", update);
    update();
  }
}
