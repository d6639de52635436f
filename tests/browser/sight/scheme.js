// Whether the page stands on a "light" or on a "dark" ground, as it is asked.
(scheme) => {
  document.getAnimations().forEach((animation) => animation.finish());
  const ground = colours.luminance(colours.behind(document.getElementById("main")));
  return scheme === "dark" ? ground < 0.05 : ground > 0.9;
};
