// Returns the texts and fields within main whose contrast with what is behind them is below a ratio.
(least) => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  // Any CSS colour as red, green, blue and alpha, each 0 to 1.
  const channels = (colour) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = colour;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data].map((value) => value / 255);
  };

  const over = ([r, g, b, alpha], under) =>
    [r, g, b].map((value, index) => value * alpha + under[index] * (1 - alpha));

  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      layers.unshift(channels(getComputedStyle(at).backgroundColor));
    }
    return layers.reduce((under, layer) => over(layer, under), [1, 1, 1]);
  };

  const luminance = (colour) => {
    const [r, g, b] = colour.map((value) =>
      value <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4,
    );
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };

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
    const found = ratio(element, pseudo);
    if (found < least) {
      low.push(`${found.toFixed(2)}: <${element.localName} class="${element.className}"> ${text.trim().slice(0, 40)}`);
    }
  };
  for (const element of document.querySelectorAll("main *")) {
    if (!seen(element)) {
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
