// Escape hides an explanation that is shown on hover or focus.
export function enableHints(root) {
  for (const hint of root.querySelectorAll(".cx-hint")) {
    const restore = () => hint.removeAttribute("data-dismissed");
    hint.addEventListener("mouseleave", restore);
    hint.addEventListener("blur", restore);
  }
}

addEventListener("keydown", (event) => {
  const shown = document.querySelectorAll(".cx-hint:is(:hover, :focus):not([data-dismissed])");
  if (event.key === "Escape" && shown.length) {
    event.stopImmediatePropagation();
    for (const hint of shown) {
      hint.setAttribute("data-dismissed", "");
    }
  }
}, { capture: true });
