// Returns the focused element within main, or null: its name, whether it is in view and shows its focus.
() => {
  const element = document.activeElement;
  if (!element.closest("main, .cx-breadcrumbs") || element.localName === "main") {
    return null;
  }
  document.getAnimations().forEach((animation) => animation.finish());
  const look = (one) => {
    const style = getComputedStyle(one);
    const outline = style.outlineStyle === "none" ? "" : `${style.outlineWidth} ${style.outlineColor}`;
    return [outline, style.boxShadow, style.borderColor, style.backgroundColor].join(" | ");
  };
  // A field may leave it to the frame around it.
  const looks = () => look(element) + look(element.parentElement);
  const box = element.getBoundingClientRect();
  const focused = looks();
  element.blur();
  document.getAnimations().forEach((animation) => animation.finish());
  const unfocused = looks();
  element.focus({ focusVisible: true, preventScroll: true });
  return {
    name: `<${element.localName}> ${(element.ariaLabel || element.textContent || element.name || "").trim().slice(0, 40)}`,
    visible: box.width > 0 && box.bottom > 0 && box.top < innerHeight,
    shown: focused !== unfocused,
  };
};
