// Shows how to write a value of the selected type only, with an example in the empty field.
export function showSelectedFormat(root) {
  for (const select of root.querySelectorAll("select[name=type]")) {
    const field = select.form.elements.value;
    const formats = [...select.form.querySelectorAll("[data-type]")];
    if (!field || !formats.length) {
      continue;
    }
    const update = () => {
      for (const format of formats) {
        format.hidden = format.dataset.type !== select.value;
        if (!format.hidden) {
          field.placeholder = format.dataset.example;
        }
      }
    };
    select.addEventListener("change", update);
    update();
  }
}
