// Returns how an element looks, by property: what is computed of it, colours as they are on the screen.
(element, focused) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  // Any CSS colours, one painted on the other, as red, green, blue and alpha, each 0 to 255.
  const painted = (...colours) => {
    canvas.clearRect(0, 0, 1, 1);
    for (const colour of colours) {
      canvas.fillStyle = colour;
      canvas.fillRect(0, 0, 1, 1);
    }
    return [...canvas.getImageData(0, 0, 1, 1).data].join(" ");
  };

  const background = () => {
    const layers = ["white"];
    for (let at = element; at; at = at.parentElement) {
      layers.splice(1, 0, getComputedStyle(at).backgroundColor);
    }
    return painted(...layers);
  };

  if (focused) {
    element.focus({ focusVisible: true });
  }
  document.getAnimations().forEach((animation) => animation.finish());
  const style = getComputedStyle(element);
  const border = (side) => {
    const width = style[`border${side}Width`];
    return width === "0px" ? "none" : `${width} ${painted(style[`border${side}Color`])}`;
  };
  const outline =
    style.outlineStyle === "none" || style.outlineWidth === "0px"
      ? "none"
      : `${style.outlineWidth} ${style.outlineStyle} ${painted(style.outlineColor)} at ${style.outlineOffset}`;
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
    "border above": border("Top"),
    "border beside": `${border("Left")}, ${border("Right")}`,
    "border beneath": border("Bottom"),
    radius: style.borderRadius,
    shadow: style.boxShadow.includes(" 1px") ? "small" : style.boxShadow,
    outline,
    height: `${element.offsetHeight}px`,
  };
};
