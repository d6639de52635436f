// Buttons that copy the text in their data-copy, where the browser lets them.
const SHOWN_FOR = 1500;

export function copyButtons(root) {
  if (!navigator.clipboard) {
    return;
  }
  for (const button of root.querySelectorAll("[data-copy]")) {
    const words = button.firstChild; // What follows says to whom cannot see it what is copied.
    const label = words.textContent;
    button.hidden = false;
    button.addEventListener("click", async () => {
      await navigator.clipboard.writeText(button.dataset.copy);
      words.textContent = button.dataset.copied;
      setTimeout(() => {
        words.textContent = label;
      }, SHOWN_FOR);
    });
  }
}
