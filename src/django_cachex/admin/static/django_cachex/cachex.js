// Enhancements of pages that work without scripts. Each function finds its own elements.
import { restoreAutofocus } from "./autofocus.js";
import { enableCopyButtons } from "./copy.js";
import { startCountdowns } from "./countdown.js";
import { replaceHistoryEntry } from "./history.js";
import { continueJob } from "./job.js";
import { startLiveSearch } from "./live-search.js";
import { enablePreviews } from "./preview.js";
import { enableSelectAll } from "./select-all.js";
import { enableSorting } from "./sorting.js";

function enhance(root) {
  replaceHistoryEntry();
  restoreAutofocus(root);
  enableCopyButtons(root);
  startCountdowns(root);
  enablePreviews(root);
  enableSelectAll(root);
  enableSorting(root);
  startLiveSearch(root);
  continueJob(root, enhance);
}

enhance(document);
