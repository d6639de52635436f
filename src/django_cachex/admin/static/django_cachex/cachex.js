// Conveniences on top of pages that work without them: each finds its elements and leaves the rest.
import { focusLate } from "./autofocus.js";
import { copyButtons } from "./copy.js";
import { countDown } from "./countdown.js";
import { liveSearch } from "./live-search.js";
import { livePreviews } from "./preview.js";
import { selectAll } from "./select-all.js";
import { sortRows } from "./sorting.js";
import { carryOn } from "./working.js";

function enhance(root) {
  focusLate(root);
  copyButtons(root);
  countDown(root);
  livePreviews(root);
  selectAll(root);
  sortRows(root);
  liveSearch(root);
  carryOn(root, enhance);
}

enhance(document);
