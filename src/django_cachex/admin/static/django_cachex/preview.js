// Shows what a form would do while it is filled in, in the words of the server.
const DELAY = 400;

async function fetchPreview(form, output, signal) {
  const data = new FormData(form);
  data.set("preview", "1");
  for (const { name } of form.querySelectorAll("textarea")) {
    data.delete(name); // Previews are of expiries, and a value may be large.
  }
  const response = await fetch(form.action, { method: "POST", body: data, signal });
  const page = new DOMParser().parseFromString(await response.text(), "text/html");
  output.textContent = page.querySelector(".cx-preview")?.textContent.trim() ?? "";
}

export function enablePreviews(root) {
  for (const output of root.querySelectorAll(".cx-preview")) {
    const form = output.closest("form");
    let controller = new AbortController();
    let timer;
    form.querySelector("[name=preview]").hidden = true;
    form.addEventListener("input", (event) => {
      if (event.target.matches("textarea")) {
        return;
      }
      clearTimeout(timer);
      controller.abort();
      controller = new AbortController();
      timer = setTimeout(() => {
        // A request that fails or is aborted leaves the preview unchanged.
        fetchPreview(form, output, controller.signal).catch(() => {});
      }, DELAY);
    });
  }
}
