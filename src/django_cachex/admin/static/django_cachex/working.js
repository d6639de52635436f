// Long work that goes on by itself: presses the button that carries it on, one request at a time,
// until it is done, until Stop, or until the page is left.
const REPEATS = "[data-job][data-auto-continue]";

// Return the page that a form leads to, which another request for it may cancel.
async function submitted(form, button, signal) {
  const body = new FormData(form, button);
  const response = await fetch(form.action || location.href, { method: "POST", body, signal });
  if (!response.ok) {
    throw new Error(`${response.status}`);
  }
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

function stopped(working, hasFailed) {
  working.removeAttribute("data-auto-continue");
  working.querySelector("[data-stop]").hidden = true;
  for (const button of working.querySelectorAll("button[type=submit]")) {
    button.hidden = false;
  }
  working.querySelector("[data-connection-lost]").hidden = !hasFailed;
}

// The page under a new state: whatever `enhance` adds to a page, it adds to this one, too.
// Whoever had the focus on Stop keeps it, or has it on what is there instead.
function shown(page, enhance) {
  const fresh = page.querySelector(".cx");
  const hadFocus = document.activeElement?.matches("[data-stop]");
  document.querySelector(".cx").replaceWith(document.adoptNode(fresh));
  enhance(fresh);
  if (hadFocus) {
    fresh.querySelector("[data-job] button:not([hidden])")?.focus();
  }
}

export function carryOn(root, enhance) {
  const resume = root.querySelector("[data-resume]");
  if (resume) {
    history.replaceState(null, "", resume.dataset.resume);
  }
  const working = root.querySelector(REPEATS);
  if (!working) {
    return;
  }
  const form = working.querySelector("form");
  const [next, ...others] = form.querySelectorAll("button[type=submit]");
  const stop = working.querySelector("[data-stop]");
  const leaving = new AbortController();
  const leave = () => leaving.abort();
  for (const button of [next, ...others]) {
    button.hidden = true;
  }
  stop.hidden = false;
  let isStopping = false;
  stop.addEventListener("click", () => {
    isStopping = true;
    stop.setAttribute("aria-disabled", "true"); // Disabled outright, it would lose the focus.
  });
  addEventListener("pagehide", leave);
  submitted(form, next, leaving.signal)
    .then((page) => {
      const again = page.querySelector("[data-job]");
      if (!again) {
        throw new Error("another page");
      }
      if (isStopping) {
        again.removeAttribute("data-auto-continue");
      }
      shown(page, enhance);
    })
    .catch(() => stopped(working, !leaving.signal.aborted))
    .finally(() => removeEventListener("pagehide", leave));
}
