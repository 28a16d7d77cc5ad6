"""The page in a real browser, driven as people do: mouse, keyboard, phone, dark mode, and texts that mean harm."""

from __future__ import annotations

import json
import os
import re
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from rag_servers import MIXED, PMID, QUESTION, TRUE_QUOTE, Gated, running, sample_index, scripted

from indexes import Index, build
from rag import Assistant
from rag.answer import Conflict, Quote
from rag.caveats import collect_caveats
from rag.citing import markdown
from rag.events import Found
from rag.server import Access
from rag.server.streams import page_event

playwright = pytest.importorskip("playwright.sync_api", reason="Playwright is missing: pip install -e '.[dev]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
SHOTS = os.environ.get("CLINRAG_SCREENSHOTS")  # a folder to look at


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def mixed() -> Iterator[str]:
    with running(scripted(MIXED)) as address:
        yield address


@contextmanager
def opened(browser: Any, address: str, **options: Any) -> Iterator[Any]:
    """Open the page; afterwards nothing was fetched from elsewhere, blocked, or complained about."""
    context = browser.new_context(**{"viewport": {"width": 1280, "height": 900}, **options})
    context.set_default_timeout(8000)
    page = context.new_page()
    fetched: list[str] = []
    complaints: list[str] = []
    page.on("request", lambda request: fetched.append(request.url))
    page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("dialog", lambda dialog: (complaints.append(dialog.message), dialog.dismiss()))
    page.goto(address)
    try:
        yield page
        if SHOTS:
            page.screenshot(path=Path(SHOTS) / f"{len(list(Path(SHOTS).glob('*.png')))}.png")
    finally:
        context.close()
    assert [url for url in fetched if not url.startswith(f"{address}/")] == []
    assert [c for c in complaints if not c.startswith("Failed to load resource")] == []


def ask(page: Any, question: str = QUESTION) -> None:
    page.get_by_label("Your clinical question").fill(question)
    page.get_by_role("button", name="Ask").click()
    page.locator("#copy").wait_for()


def test_citation_shows_its_quotation_in_the_abstract(browser: Any, mixed: str) -> None:
    with opened(browser, mixed) as page:
        ask(page)
        assert page.get_by_role("status").inner_text() == "1 sentence verified, 4 struck."
        page.locator("#sentences .cite").click()
        assert page.locator("mark.now").all_inner_texts() == [TRUE_QUOTE]
        assert page.locator("mark.now").is_visible()
        paper = page.locator(".paper.now")
        assert paper.get_by_role("link").get_attribute("href") == f"https://pubmed.ncbi.nlm.nih.gov/{PMID}/"
        assert "Not" not in page.locator(".notice").inner_text()
        assert "not medical advice" in page.locator(".notice").inner_text()


def test_struck_sentences_are_shown_with_the_check_that_failed(browser: Any, mixed: str) -> None:
    with opened(browser, mixed) as page:
        ask(page)
        assert page.locator("#sentences del").count() == 0
        struck = page.locator("#struck .sentence")
        assert struck.locator("del").all_inner_texts()[0] == "It was seen in 44% of patients."
        assert "44% does not stand" in struck.nth(0).inner_text()
        struck.nth(0).locator("summary").click()
        failed = struck.nth(0).locator("li.missed").all_inner_texts()
        assert failed[0] == "✗ failed: its numbers stand in the cited abstracts, or follow from theirs"
        assert struck.nth(0).locator("li.passed").count() == 5


def test_markup_in_answers_stays_text(browser: Any, mixed: str) -> None:
    with opened(browser, mixed) as page:
        ask(page, "<img src=x onerror=alert(1)> cardrenidine <script>alert(2)</script>")
        assert "<b>everyone</b>" in page.locator("#struck").inner_text()
        assert page.locator("#asked").inner_text().startswith("<img src=x onerror")
        assert page.locator("main img, main b, main script").count() == 0


def test_everything_works_by_keyboard(browser: Any, mixed: str) -> None:
    with opened(browser, mixed) as page:

        def focused() -> str:
            return str(page.evaluate("(document.activeElement.id || document.activeElement.className)"))

        for _ in range(3):
            page.keyboard.press("Tab")
            if focused() == "question":
                break
        assert focused() == "question"
        page.keyboard.type(QUESTION)
        page.keyboard.press("Enter")
        page.locator("#copy").wait_for()
        for _ in range(10):
            page.keyboard.press("Tab")
            if focused() == "cite":
                break
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.closest('.paper').id") == f"paper-{PMID}"
        for _ in range(5):
            page.keyboard.press("Tab")
            if focused() == "back":
                break
        page.keyboard.press("Enter")
        assert focused() == "cite"
        names = page.locator("button:visible, input:visible, textarea:visible").evaluate_all(
            "all => all.filter(e => !(e.labels?.length || e.ariaLabel || e.textContent.trim())).length"
        )
        assert names == 0  # nothing to operate is without a name


CONTRAST = """() => {
  const rgb = c => c.match(/[\\d.]+/g).map(Number);
  const linear = v => (v /= 255) <= .04045 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4;
  const light = c => { const [r, g, b] = rgb(c).map(linear); return .2126 * r + .7152 * g + .0722 * b; };
  const ground = e => {
    for (; e; e = e.parentElement) {
      const c = getComputedStyle(e).backgroundColor;
      if (rgb(c)[3] !== 0) return c;
    }
  };
  const has_text = e => e.offsetParent && [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
  return [...document.querySelectorAll('body *')].filter(has_text).map(e => {
    const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
    return [(a + .05) / (b + .05), e.outerHTML.slice(0, 80)];
  }).sort((x, y) => x[0] - y[0])[0];
}"""


def test_contrast_and_width(browser: Any, mixed: str) -> None:
    """WCAG 2.2: text has a contrast of 4.5 to its ground (1.4.3) and nothing scrolls sideways (1.4.10)."""
    with opened(browser, mixed) as page:
        ask(page)
        page.get_by_text("Filters").click()
        page.locator("#sentences .cite").click()
        for scheme, ground in (("light", "rgb(246, 247, 248)"), ("dark", "rgb(18, 23, 28)")):
            for width in (1280, 360):
                page.emulate_media(color_scheme=scheme)
                page.set_viewport_size({"width": width, "height": 740})
                assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground
                worst, where = page.evaluate(CONTRAST)
                assert worst >= 4.5, (scheme, where)
                assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_notes_and_conflicts_are_shown_with_their_sources(browser: Any, mixed: str) -> None:
    with Index(sample_index()) as index:
        answer = Assistant(index).ask(QUESTION)
        first, second = (Quote(e.pmid, e.text[:30], 0, 30) for e in answer.evidence[1:3])
        conflict = Conflict(first, second)
        (said,) = collect_caveats((), (), conflicts=(conflict,))
        answer = replace(answer, warnings=("Mind <this>.", said), conflicts=(conflict,))
        body = page_event(Found(answer.evidence), index) + page_event(answer, index)
    with opened(browser, mixed) as page:
        page.route("**/api/ask", lambda route: route.fulfill(body=body, content_type="text/event-stream"))
        ask(page)
        notes = page.locator("#notes")
        assert notes.locator("p").all_inner_texts() == ["Note: Mind <this>.", f"Note: {said}"]
        assert notes.locator("li").all_inner_texts() == [f"“{first.text}” [2]", f"“{second.text}” [3]"]
        notes.locator(".cite").nth(1).click()
        assert page.locator(".paper.now").get_attribute("id") == f"paper-{second.pmid}"
        assert page.locator(".paper.now .text").is_visible()
    text = " ".join(markdown(answer).split())
    assert "Note: Mind \\<this\\>." in text
    assert f"- [2] “{first.text}” - [3] “{second.text}”" in text


def test_filters_limit_the_evidence(browser: Any) -> None:
    with running() as address, opened(browser, address) as page:
        page.get_by_text("Filters").click()
        page.get_by_label("from").fill("2015")
        page.get_by_label("randomized controlled trial", exact=True).check()
        ask(page)
        facts = page.locator(".paper > p.quiet").all_inner_texts()
        assert facts
        assert all("Randomized Controlled Trial" in f for f in facts)
        assert all(int(re.findall(r"\b(?:19|20)\d\d\b", f)[0]) >= 2015 for f in facts)
        page.get_by_label("cited only").check()
        shown = page.locator(".paper:visible")
        assert 0 < shown.count() == page.locator(".badge.cited").count()


def test_copies_what_the_server_exports(browser: Any, mixed: str) -> None:
    with opened(browser, mixed, permissions=["clipboard-read", "clipboard-write"]) as page:
        ask(page)
        for name, start in (("Markdown", "**Does card"), ("BibTeX", f"@article{{pmid{PMID},"), ("RIS", "TY  - JOUR")):
            page.get_by_role("button", name=name).click()
            page.get_by_text(f"Copied as {name}.").wait_for()
            assert page.evaluate("navigator.clipboard.readText()").startswith(start)


def test_quotation_after_characters_beyond_the_basic_plane(browser: Any, tmp_path: Path) -> None:
    """Null: offsets in characters are taken for offsets in UTF-16 units."""
    quote = "Pain fell by 12 points."
    record = {
        "pmid": "7",
        "title": "𝛼-blocker for pain 🩺",
        "abstract": f"𝛽𝛽𝛽 was given. {quote} Nausea was rare.",
        "year": 2020,
    }
    (tmp_path / "a.jsonl").write_text(json.dumps(record))
    build(tmp_path / "index", [tmp_path / "a.jsonl"], encoder="hashing", workers=1)
    model = scripted(f'{quote} [7]\n> 7: "{quote}"')
    with running(model, folder=tmp_path / "index") as address, opened(browser, address) as page:
        ask(page, "Does it help pain?")
        assert page.locator("mark").all_inner_texts() == [quote]


def test_key_is_asked_for_and_used(browser: Any) -> None:
    key = "k" * 24
    with running(access=Access(key=key)) as address, opened(browser, address) as page:
        page.get_by_label("This server asks for a key").fill(key)
        page.keyboard.press("Tab")
        page.get_by_text("PubMed abstracts (").wait_for()
        ask(page)
        assert page.locator(".sentence").count() > 0


def test_stop_ends_the_wait_and_the_next_question_is_answered(browser: Any) -> None:
    gate = threading.Event()
    with running(Gated(gate=gate)) as address, opened(browser, address) as page:
        page.get_by_label("Your clinical question").fill(QUESTION)
        page.keyboard.press("Enter")
        page.locator(".paper").first.wait_for()  # evidence is shown while the model still writes
        page.get_by_role("button", name="Stop").click()
        assert page.get_by_role("status").inner_text() == "Stopped."
        gate.set()
        ask(page)
        assert "No answer. gated" in page.locator("#sentences").inner_text()


def test_follow_up_and_new_conversation(browser: Any) -> None:
    with running() as address, opened(browser, address) as page:
        ask(page)
        ask_again = page.get_by_label("Your clinical question")
        ask_again.fill("What about its dose?")
        page.get_by_role("button", name="Ask").click()
        page.get_by_text(f"Understood as: {QUESTION} What about its dose?").wait_for()
        page.get_by_role("button", name="New conversation").click()
        assert page.locator("#answer").is_hidden()
        ask(page, "What about its dose?")
        assert page.locator("#understood").is_hidden()


def test_private_question_is_sent_only_on_request(browser: Any) -> None:
    gate = threading.Event()
    gate.set()
    with running(Gated(gate=gate)) as address, opened(browser, address) as page:
        page.get_by_label("Your clinical question").fill("Patient John Miller, born 03.04.1956: is cardrenidine safe?")
        page.keyboard.press("Enter")
        page.get_by_role("status").get_by_text("may identify a patient").wait_for()
        page.get_by_role("button", name="Send it as it is").click()
        page.get_by_text("No answer. gated").wait_for()


def test_what_goes_wrong_is_said_where_it_is_seen_and_heard(browser: Any, mixed: str) -> None:
    with opened(browser, mixed) as page:
        page.get_by_text("PubMed abstracts (").wait_for()
        busy = {"status": 429, "json": {"error": {"message": "too many at once"}}}
        answers = iter([lambda route: route.fulfill(**busy), lambda route: route.abort()])
        page.route("**/api/ask", lambda route: next(answers)(route))
        for said in ("too many at once", "The server does not answer"):
            page.get_by_label("Your clinical question").fill(QUESTION)
            page.keyboard.press("Enter")
            page.get_by_role("status").get_by_text(said).wait_for()
