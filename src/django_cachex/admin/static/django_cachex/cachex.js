// Enhancements of pages that work without scripts. Each function finds its own elements.
import { restoreAutofocus } from "./autofocus.js";
import { enableCopyButtons } from "./copy.js";
import { startCountdowns } from "./countdown.js";
import { enableHints } from "./hints.js";
import { replaceHistoryEntry } from "./history.js";
import { continueJob } from "./job.js";
import { enableKeyboard } from "./keyboard.js";
import { startLiveSearch } from "./live-search.js";
import { enablePreviews } from "./preview.js";
import { enableSelectAll } from "./select-all.js";
import { enableSorting } from "./sorting.js";
import { showSelectedFormat } from "./value-format.js";

function enhance(root) {
  replaceHistoryEntry();
  restoreAutofocus(root);
  enableCopyButtons(root);
  startCountdowns(root);
  enableHints(root);
  enablePreviews(root);
  enableSelectAll(root);
  enableSorting(root);
  showSelectedFormat(root);
  startLiveSearch(root);
  continueJob(root, enhance);
}

enhance(document);
enableKeyboard();
