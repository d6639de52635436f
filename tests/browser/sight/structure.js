// Returns what a screen reader would stumble over: names, headings, landmarks, tables, ids.
() => {
  const problems = [];
  const exposed = (element) => element.checkVisibility();
  const labelled = (element) =>
    (element.getAttribute("aria-labelledby") ?? "")
      .split(" ")
      .map((id) => document.getElementById(id)?.textContent ?? "")
      .join(" ")
      .trim();
  const name = (element) => element.ariaLabel?.trim() || labelled(element);

  for (const field of document.querySelectorAll("main :is(input, select, textarea)")) {
    const label = [...(field.labels ?? [])].map((one) => one.textContent.trim()).join("");
    if (field.type !== "hidden" && exposed(field) && !label && !name(field)) {
      problems.push(`no label: ${field.outerHTML.slice(0, 80)}`);
    }
  }
  for (const control of document.querySelectorAll("main :is(a, button)")) {
    if (exposed(control) && !control.textContent.trim() && !name(control)) {
      problems.push(`no name: ${control.outerHTML.slice(0, 80)}`);
    }
  }

  // Hosts draw headings of their own around ours, in an order of their own.
  const headings = [
    ...document.querySelectorAll("h1, main :is(h2, h3, h4, h5, h6)"),
  ].filter(exposed);
  const levels = headings.map((heading) => Number(heading.localName[1]));
  if (levels.filter((level) => level === 1).length !== 1) {
    problems.push(`not one h1: ${levels}`);
  }
  if (levels[0] !== 1 || levels.some((level, index) => level > (levels[index - 1] ?? 0) + 1)) {
    problems.push(`headings out of order: ${levels}`);
  }
  for (const heading of headings.filter((one) => !one.textContent.trim())) {
    problems.push(`empty heading: ${heading.outerHTML.slice(0, 80)}`);
  }

  if (document.querySelectorAll("main").length !== 1) {
    problems.push("not one main landmark");
  }
  const navigations = [...document.querySelectorAll("main nav, .cx-breadcrumbs")].filter(exposed).map(name);
  if (!navigations.length || navigations.includes("")) {
    problems.push(`navigation without a name: ${navigations}`);
  }
  if (new Set(navigations).size !== navigations.length) {
    problems.push(`two navigations of one name: ${navigations}`);
  }

  for (const table of document.querySelectorAll("main table")) {
    if (!table.caption?.textContent.trim()) {
      problems.push("table without a caption");
    }
    if ([...table.querySelectorAll("th")].some((head) => !head.scope)) {
      problems.push("table head without a scope");
    }
  }
  const ids = [...document.querySelectorAll("main [id]")].map((element) => element.id);
  for (const id of new Set(ids.filter((one, index) => ids.indexOf(one) !== index))) {
    problems.push(`two elements have the id ${id}`);
  }
  for (const element of document.querySelectorAll("main [aria-describedby]")) {
    for (const id of element.getAttribute("aria-describedby").split(" ")) {
      if (!document.getElementById(id)) {
        problems.push(`described by ${id}, which is not there`);
      }
    }
  }
  if (!document.documentElement.lang || !document.title.trim()) {
    problems.push("no language or no title");
  }
  return problems;
};
