// What a colour is, and what is behind an element: channels from 0 to 1.
(() => {
  const canvas = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });

  // Any CSS colour as red, green, blue and alpha.
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

  return { channels, over, behind, luminance };
})();
