// Sentences with their citations and the checks each one passed or failed.

import { $, element } from "./dom.js";
import { point } from "./evidence.js";

const CHECKS = {
  cited: "cites a source",
  citations_in_context: "cites only papers that were found",
  quotes_verbatim: "quotes them word for word",
  numbers: "its numbers stand in the cited abstracts, or follow from theirs",
  not_retracted: "no source is retracted",
  direction: "does not say the opposite of its source",
};

export function clear(question) {
  $("answer").hidden = false;
  $("asked").textContent = question;
  $("sentences").replaceChildren();
  $("notes").replaceChildren();
  $("struck").replaceChildren();
  $("understood").hidden = true;
  $("made").textContent = "";
  $("copy").hidden = true;
}

export function addSentence(sentence, number, papers) {
  if (sentence.checks.passed) {
    $("sentences").append(block(sentence, number, papers));
    return;
  }
  if (!$("struck").children.length) $("struck").append(element("h3", {}, "Struck, because a check failed"));
  $("struck").append(block(sentence, number, papers));
}

export function addUnderstood(query) {
  $("understood").hidden = query === $("asked").textContent;
  $("understood").textContent = `Understood as: ${query}`;
}

export function addNotes({ warnings, conflicts }, papers) {
  const quoted = (quote) => {
    const at = papers.findIndex((paper) => paper.pmid === quote.pmid);
    const line = element("li", {}, `“${quote.text}” `);
    if (at >= 0) line.append(source(at, papers, () => point(quote.pmid, -1, line.lastChild)));
    return line;
  };
  const pairs = conflicts.flatMap((conflict) => [conflict.effect, conflict.no_effect]);
  $("notes").replaceChildren(...warnings.map((warning) => element("p", { className: "note" }, element("strong", {}, "Note: "), warning)));
  if (pairs.length) $("notes").append(element("ul", {}, ...pairs.map(quoted)));
}

export function addAbstention(reason) {
  $("sentences").append(element("p", {}, element("strong", {}, "No answer. "), reason));
}

function block(sentence, number, papers) {
  const passed = sentence.checks.passed;
  const made = element("div", { className: passed ? "sentence" : "sentence failed" });
  const mended = sentence.attempt === 2 ? " at the second attempt" : "";
  const text = passed ? sentence.text : element("del", {}, sentence.text);
  made.append(
    element("p", {}, text, ...sentence.citations.map((pmid) => citation(pmid, number, papers, made))),
    checks(sentence.checks, mended),
  );
  return made;
}

function citation(pmid, number, papers, sentence) {
  const at = papers.findIndex((paper) => paper.pmid === pmid);
  if (at < 0) return element("span", { className: "missed" }, ` [PMID ${pmid}: not found]`);
  const button = source(at, papers, () => {
    for (const other of document.querySelectorAll(".sentence")) other.classList.toggle("now", other === sentence);
    point(pmid, number, button);
  });
  return button;
}

function source(at, papers, show) {
  const button = element("button", { type: "button", className: "cite" }, `[${at + 1}]`);
  button.setAttribute("aria-label", `Source ${at + 1}, ${papers[at].title}: show it`);
  button.addEventListener("click", show);
  return button;
}

function checks(found, mended) {
  const items = Object.entries(CHECKS).map(([name, text]) =>
    element("li", { className: found[name] ? "passed" : "missed" }, `${found[name] ? "✓ passed" : "✗ failed"}: ${text}`),
  );
  const problems = found.problems.map((problem) => element("li", { className: "missed" }, problem));
  const notes = found.flags.filter((flag) => flag.severity !== "error" && !found.problems.includes(flag.why));
  const noted = notes.map((flag) => element("li", { className: flag.severity }, `${flag.words}: ${flag.why}`));
  const summary = found.passed ? element("span", { className: "passed" }, `✓ all checks passed${mended}${told(notes)}`) : element("span", { className: "missed" }, `✗ ${found.problems.join("; ")}`);
  return element("details", { className: "checks" }, element("summary", {}, summary), element("ul", {}, ...items, ...problems, ...noted));
}

function told(notes) {
  return notes.length ? `; ${notes.length} ${notes.length === 1 ? "note" : "notes"}` : "";
}
