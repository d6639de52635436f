// Focus the element with autofocus, or else the messages about the last change. The browser may
// have tried in vain: a host may hide the page until its scripts ran.
export function restoreAutofocus(root) {
  const element = root.querySelector("[autofocus]") ?? root.querySelector(".cx-messages");
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
