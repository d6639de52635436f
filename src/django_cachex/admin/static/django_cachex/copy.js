// Buttons that copy the text in data-copy, if the browser supports it.
const COPIED_DURATION = 1500;

export function enableCopyButtons(root) {
  if (!navigator.clipboard) {
    return;
  }
  for (const button of root.querySelectorAll("[data-copy]")) {
    const text = button.firstChild; // The rest of the label is for screen readers.
    const label = text.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      text.textContent = button.dataset.copied;
      setTimeout(() => {
        text.textContent = label;
      }, COPIED_DURATION);
    });
  }
}
