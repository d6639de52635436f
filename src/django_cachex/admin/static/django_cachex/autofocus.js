// Focus the element with autofocus again: a host may hide the page until its scripts ran.
export function restoreAutofocus(root) {
  const element = root.querySelector("[autofocus]");
  const focus = () => {
    if (document.activeElement === document.body) {
      element.focus();
    }
  };
  if (element) {
    document.addEventListener("alpine:initialized", () => requestAnimationFrame(focus));
    requestAnimationFrame(focus);
  }
}
