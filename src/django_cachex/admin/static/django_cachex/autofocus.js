// Focus where the page wants it, although a host hid the page until its own scripts had run.
export function focusLate(root) {
  const wanted = root.querySelector("[autofocus]");
  const focus = () => {
    if (document.activeElement === document.body) {
      wanted.focus();
    }
  };
  if (wanted) {
    document.addEventListener("alpine:initialized", () => requestAnimationFrame(focus));
    requestAnimationFrame(focus);
  }
}
