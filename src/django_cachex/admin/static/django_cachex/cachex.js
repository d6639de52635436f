// Conveniences on top of pages that work without them: each finds its elements and leaves the rest.
import { copyButtons } from "./copy.js";
import { countDown } from "./countdown.js";
import { selectAll } from "./select-all.js";

copyButtons(document);
countDown(document);
selectAll(document);
