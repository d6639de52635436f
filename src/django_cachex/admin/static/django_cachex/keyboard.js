// Keys that work wherever nothing is being typed: / to search, ? to list the keys. In a form,
// Escape cancels and Ctrl+Enter saves.
const TYPING = "input:not([type=checkbox]), textarea, select, [contenteditable]";
const SEARCH = ".cx [role=search] input:not([type=hidden])";
const FORM = ":is(.cx-form, .cx-confirm)";

function hasChanged(field) {
  if (field.type === "checkbox") {
    return field.checked !== field.defaultChecked;
  }
  if (field instanceof HTMLSelectElement) {
    const selected = [...field.options].findIndex((option) => option.defaultSelected);
    return field.selectedIndex !== Math.max(selected, 0);
  }
  return field.value !== field.defaultValue;
}

// Whether cancelling would lose what was entered.
function hasInput(form) {
  const fields = form.querySelectorAll("input:not([type=hidden]), textarea, select");
  return fields.length > 0 && ("unsaved" in form.dataset || [...fields].some(hasChanged));
}

function cancel() {
  const form = document.querySelector(`.cx ${FORM}:has([data-action=cancel])`);
  if (form && (!hasInput(form) || confirm(form.dataset.discard))) {
    form.querySelector("[data-action=cancel]").click();
  }
}

function showShortcuts() {
  const template = document.querySelector("#cx-shortcuts");
  const dialog = template.content.firstElementChild.cloneNode(true);
  dialog.addEventListener("close", () => dialog.remove());
  document.querySelector(".cx").append(dialog);
  dialog.showModal();
}

// Return what a key does here, or undefined.
function findCommand({ key, target, ctrlKey, metaKey, altKey }) {
  const field = target.closest(TYPING);
  if (key === "Enter" && (ctrlKey || metaKey)) {
    const form = field?.closest(".cx-form");
    return form && (() => form.requestSubmit(form.querySelector("[type=submit]:not([name])")));
  }
  if (ctrlKey || metaKey || altKey) {
    return undefined;
  }
  if (key === "Escape") {
    return !field || field.closest(FORM) ? cancel : undefined;
  }
  const search = document.querySelector(SEARCH);
  if (key === "/" && !field && search) {
    return () => search.select();
  }
  return key === "?" && !field ? showShortcuts : undefined;
}

export function enableKeyboard() {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || event.repeat) {
      return; // The host, an input method or a first press has dealt with it.
    }
    const command = document.querySelector("dialog[open]") ? undefined : findCommand(event);
    if (command) {
      event.preventDefault();
      command();
    }
  });
}
