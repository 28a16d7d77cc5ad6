"""The audit in the report: the same words and colours as the assistant's, in a real browser, and nothing breaks out."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from audit_runs import KnownChecker, write_lines, write_run, yes_no

from experiments.audit.audit import Settings, audit_run
from experiments.page import page
from experiments.report import build_report
from experiments.report_text import markdown
from rag.verdicts import VERDICTS

ROOT = Path(__file__).parents[1]
HOSTILE = "</table><script>alert(1)</script><img src=x onerror=alert(2)>"
GOOD = "Quorvacept lowers pain in adults with arthritis"
BAD = "Quorvacept harms the liver of adults badly."
PAPER = {
    "pmid": "90",
    "abstract": "Quorvacept lowered pain in 42 of 100 adults with arthritis. It did not harm the liver.",
}
RULES = (("lowers pain", "lowered pain", "s"), ("harms the liver", "did not harm", "c"))


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audited")
    arms = {
        "closed book": [f"{GOOD}. {BAD}", f"{BAD} {HOSTILE}", f"{GOOD}.", "I cannot tell."],
        "RAG": [{"output": f"{GOOD}, 57 of 100 (PMID: 90).", "passages": ["90"]}] * 3 + ["A"],
    }
    made = write_run(folder, yes_no(4), arms)  # type: ignore[arg-type]
    settings = Settings(papers=write_lines(folder / "papers.jsonl", [PAPER]), checker=f"known {HOSTILE}")
    audit_run(made, settings, checker=KnownChecker(*RULES))
    return made


def tones(css: str) -> list[dict[str, str]]:
    """Return the colours of a style sheet's tones, light and dark."""
    found = re.findall(r"--(good|bad|warn|quiet): (#\w+)", css)
    return [dict(found[:4]), dict(found[4:8])]


def test_colours_are_those_of_the_assistants_page() -> None:
    ours = (ROOT / "experiments" / "page.css").read_text()
    theirs = (ROOT / "rag" / "server" / "static" / "page.css").read_text()
    wanted = re.findall(r"--(quiet|good|bad|warn): (#\w+)", theirs)
    light, dark = dict(wanted[:4]), dict(wanted[4:])
    assert tones(ours) == [light, dark]


def test_the_same_rows_stand_in_markdown_and_json(run: Path) -> None:
    report = build_report(run)
    text = markdown(report)
    assert "## What is invented" in text
    for shown in VERDICTS.values():
        assert shown.words in text
    (task,) = report["audit"]["tasks"].values()
    assert task["contenders"]["RAG"]["altered"]["value"] == 1
    assert "| gives another number than the source | 0 | 3 |" in text
    assert "closed book on" in text
    assert "1 abstained" in text


def test_a_run_that_was_not_audited_has_no_section(tmp_path: Path) -> None:
    report = build_report(write_run(tmp_path, yes_no(2), {"arm": ["A", "B"]}))
    assert report["audit"] is None
    assert "What is invented" not in markdown(report)


def test_in_a_browser(run: Path, tmp_path: Path) -> None:
    driver = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install -e '.[dev]'")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no Chromium here: apt-get install chromium")
    file = tmp_path / "report.html"
    file.write_text(page(run, build_report(run)), encoding="utf-8")
    with driver.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        shown = browser.new_page(viewport={"width": 1100, "height": 900}, color_scheme="light")
        complaints: list[str] = []
        fetched: list[str] = []
        shown.on("console", lambda message: complaints.append(message.text))
        shown.on("pageerror", lambda error: complaints.append(str(error)))
        shown.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
        shown.on("request", lambda request: fetched.append(request.url))
        shown.goto(file.as_uri())
        assert shown.locator("#audit").inner_text() == "What is invented"
        piece = shown.locator(".bar .tone.bad").first
        assert piece.get_attribute("title") == "contradicted by the evidence: 40.0 %"
        assert piece.evaluate("node => getComputedStyle(node).backgroundColor") == "rgb(166, 27, 27)"
        assert shown.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        assert "known </table><script>" in shown.locator("body").inner_text()
        browser.close()
    assert complaints == []
    assert [address for address in fetched if not address.startswith("file:")] == []
