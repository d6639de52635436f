// Returns how an element looks, by property: colours as red, green, blue and alpha, each 0 to 255.
(element, focused) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  const painted = (...layers) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of layers) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].join(" ");
  };

  // What is seen behind its text, whichever element paints it.
  const background = () => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.unshift(getComputedStyle(at).backgroundColor);
    }
    return painted("white", ...layers);
  };

  if (focused) {
    element.focus({ focusVisible: true });
  }
  document.getAnimations().forEach((animation) => animation.finish());
  const style = getComputedStyle(element);
  const line = (name) =>
    style[`${name}Style`] === "none" || style[`${name}Width`] === "0px"
      ? "none"
      : `${style[`${name}Width`]} ${style[`${name}Style`]} ${painted(style[`${name}Color`])}`;
  const offset = line("outline") === "none" ? "" : ` at ${style.outlineOffset}`;
  // An empty shadow stands in for each that Tailwind might add.
  const shadows = style.boxShadow.split(/, (?=rgb|oklch|oklab|color)/);

  return {
    "font family": style.fontFamily,
    "font size": style.fontSize,
    "font weight": style.fontWeight,
    "line height": style.lineHeight,
    "letter spacing": style.letterSpacing,
    "letter case": style.textTransform,
    colour: painted(style.color),
    background: background(),
    padding: style.padding,
    "border above": line("borderTop"),
    "border beneath": line("borderBottom"),
    "border at the sides": `${line("borderLeft")} | ${line("borderRight")}`,
    radius: style.borderRadius,
    shadow: shadows.filter((shadow) => !shadow.endsWith(" 0px 0px 0px 0px")).join(", ") || "none",
    outline: line("outline") + offset,
    height: `${element.offsetHeight}px`,
  };
};
