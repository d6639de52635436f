// Back must not return to a page that answered a POST request: it is not cached, so that the browser
// would have to send the form again. A page that GET can show takes its place in the history.
export function replaceHistoryEntry() {
  const url = document.querySelector("[data-history-url]")?.dataset.historyUrl;
  if (url) {
    history.replaceState(history.state, "", url);
  }
}
