// Says while a form is filled in what sending it would do: the server's own words for it.
const PAUSE = 400;

async function ask(form, shown, signal) {
  const data = new FormData(form);
  data.set("preview", "1");
  const answer = await fetch(form.action, { method: "POST", body: data, signal });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  shown.textContent = page.querySelector(".cx-preview")?.textContent.trim() ?? "";
}

export function livePreviews(root) {
  for (const shown of root.querySelectorAll(".cx-preview")) {
    const form = shown.closest("form");
    let asking = new AbortController();
    let pause;
    form.querySelector("[name=preview]").hidden = true;
    form.addEventListener("input", () => {
      clearTimeout(pause);
      asking.abort();
      asking = new AbortController();
      pause = setTimeout(() => {
        // One that fails or is overtaken leaves the words as they are.
        ask(form, shown, asking.signal).catch(() => {});
      }, PAUSE);
    });
  }
}
