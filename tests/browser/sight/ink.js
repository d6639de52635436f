// Returns the colours that an element's text has and stands on, as channels, and how bold it is.
(element) => {
  const { color, fontWeight } = getComputedStyle(element);
  return { ink: colours.channels(color), ground: colours.behind(element), weight: fontWeight };
};
