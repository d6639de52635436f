// A job that continues by itself: presses the continue button, one request at a time, until the
// job is complete, Stop is pressed, or the user leaves the page.
import { replaceSteadily } from "./steady.js";

const RUNNING_JOB = "[data-job][data-auto-continue]";

// Submit a form and return the page in the response.
async function submitForm(form, button, signal) {
  const body = new FormData(form, button);
  const response = await fetch(form.action || location.href, { method: "POST", body, signal });
  if (!response.ok) {
    throw new Error(`${response.status}`);
  }
  return new DOMParser().parseFromString(await response.text(), "text/html");
}

// Browsers ask in their own words before they leave the page.
function askBeforeLeaving(event) {
  event.preventDefault();
}

function showStopped(job, hasFailed) {
  removeEventListener("beforeunload", askBeforeLeaving);
  job.removeAttribute("data-auto-continue");
  job.querySelector("[data-stop]").hidden = true;
  for (const button of job.querySelectorAll("button[type=submit]")) {
    button.hidden = false;
  }
  job.querySelector("[data-connection-lost]").hidden = !hasFailed;
}

// Replace the page and enhance it. If Stop had the focus, it or the next button keeps it.
function replacePage(page, enhance) {
  const newContent = page.querySelector(".cx");
  const hadFocus = document.activeElement?.matches("[data-stop]");
  replaceSteadily(document.querySelector(".cx"), document.adoptNode(newContent));
  enhance(newContent);
  if (hadFocus) {
    newContent.querySelector("[data-job] button:not([hidden])")?.focus();
  }
}

export function continueJob(root, enhance) {
  const resume = root.querySelector("[data-resume]");
  if (resume) {
    history.replaceState(null, "", resume.dataset.resume);
  }
  removeEventListener("beforeunload", askBeforeLeaving);
  const job = root.querySelector(RUNNING_JOB);
  if (!job) {
    return;
  }
  if (job.hasAttribute("data-warn-on-leave")) {
    addEventListener("beforeunload", askBeforeLeaving);
  }
  const form = job.querySelector("form");
  const [next, ...others] = form.querySelectorAll("button[type=submit]");
  const stop = job.querySelector("[data-stop]");
  const controller = new AbortController();
  const abort = () => controller.abort();
  for (const button of [next, ...others]) {
    button.hidden = true;
  }
  stop.hidden = false;
  let isStopping = false;
  stop.addEventListener("click", () => {
    isStopping = true;
    stop.setAttribute("aria-disabled", "true"); // The disabled attribute would lose the focus.
  });
  addEventListener("pagehide", abort);
  submitForm(form, next, controller.signal)
    .then((page) => {
      const nextJob = page.querySelector("[data-job]");
      if (!nextJob) {
        throw new Error("another page");
      }
      if (isStopping) {
        nextJob.removeAttribute("data-auto-continue");
      }
      replacePage(page, enhance);
    })
    .catch(() => showStopped(job, !controller.signal.aborted))
    .finally(() => removeEventListener("pagehide", abort));
}
