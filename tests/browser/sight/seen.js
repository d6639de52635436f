// Whether an element is drawn: not hidden, nor clipped to nothing for the sake of screen readers.
(element) => {
  if (!element.checkVisibility() || element.getBoundingClientRect().width <= 1) {
    return false;
  }
  for (let at = element; at; at = at.parentElement) {
    if (getComputedStyle(at).clipPath === "inset(50%)") {
      return false;
    }
  }
  return true;
};
