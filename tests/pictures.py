"""`make pictures`: draw the architecture, and photograph the page, the chat and a report on the synthetic sample."""

from __future__ import annotations

import io
import shutil
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import architecture
from conftest import SAMPLE
from PIL import Image
from playwright.sync_api import sync_playwright
from rag_servers import running
from rich.console import Console

from experiments.config import parse_config
from experiments.page import page as report_page
from experiments.report import build_report
from experiments.runner import run_experiment
from indexes import Index, build
from rag import Assistant
from rag.chat import Chat

OUT = architecture.PICTURE.parent
QUESTION = "Do Brackley low-carbohydrate meals lower the number of migraine days?"
TALK = (QUESTION, "/open 1", "How often should children see a dentist?")
CONFIG = {
    "index": "trials",
    "tasks": ["sample"],
    "contenders": [
        {"name": "most frequent answer", "model": "baseline:majority"},
        {"name": "closed book (rules)", "model": "extractive", "strategy": "rules"},
        {"name": "RAG (rules)", "model": "extractive", "strategy": "rules", "retrieval": {"k": 5}},
        {
            "name": "RAG without gold (rules)",
            "model": "extractive",
            "strategy": "rules",
            "retrieval": {"k": 5, "exclude_gold": True},
        },
        {"name": "gold given (rules)", "model": "extractive", "strategy": "rules", "retrieval": "oracle"},
    ],
    "compare": [
        ["RAG (rules)", "most frequent answer"],
        ["RAG (rules)", "closed book (rules)"],
        ["RAG (rules)", "RAG without gold (rules)"],
        ["gold given (rules)", "RAG (rules)"],
    ],
}


@contextmanager
def opened_page(*, width: int, height: int) -> Iterator[Any]:
    """Open an empty page in Chromium, drawn at 1.5 times its size so that text is sharp on any screen."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("Chromium is missing, so only the architecture was drawn: apt-get install chromium")
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=1.5)
        yield page
        browser.close()


def photograph_page(index: Path) -> None:
    with running(folder=index) as address, opened_page(width=1100, height=880) as page:
        page.goto(address)
        page.get_by_label("Your clinical question").fill(QUESTION)
        page.get_by_role("button", name="Ask").click()
        page.locator("#copy").wait_for()
        page.locator("#sentences .cite").first.click()
        page.locator("mark.now").scroll_into_view_if_needed()
        page.evaluate("scrollTo(0, 0)")
        save(page, "page")


def photograph_chat(index: Path) -> None:
    """Hold a conversation in a console that records itself, and photograph what it drew."""
    console = Console(record=True, width=100, file=io.StringIO(), color_system="truecolor")
    with Index(index) as opened:
        chat = Chat(Assistant(opened), console=console, errors=console)
        for line in TALK:
            console.print(f"[bold]>[/] {line}", highlight=False)
            chat.run(iter([line]))
            console.print()
    drawn = console.export_svg(title="clinrag chat trials/")
    with opened_page(width=1000, height=700) as page:
        page.set_content(f"<body style='margin:0;width:900px'>{drawn}")
        save(page.locator("svg").first, "chat")


def photograph_report() -> None:
    config, run = parse_config(CONFIG), Path("run")
    run_experiment(config, run)
    file = run / "report.html"
    file.write_text(report_page(run, build_report(run)), encoding="utf-8")
    with opened_page(width=1000, height=1000) as page:
        page.goto(file.absolute().as_uri())
        save(page, "report")
        save(page.locator("svg:has(.interval)").first, "forest")


def save(shown: Any, name: str) -> None:
    """Write what is shown as a PNG of 128 colours, less than half the size.

    MAXCOVERAGE keeps colours apart that few pixels have; the default makes one of a legend's green and blue.
    """
    picture = Image.open(io.BytesIO(shown.screenshot())).convert("RGB")
    picture.quantize(128, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(OUT / f"{name}.png", optimize=True)


def main() -> None:
    """Work in a folder of its own, so that no picture shows whose machine it was made on."""
    architecture.PICTURE.write_text(architecture.draw(architecture.read_imports()), encoding="utf-8")
    with TemporaryDirectory() as folder, chdir(folder):
        index = Path("trials")
        build(index, [SAMPLE])
        photograph_page(index)
        photograph_chat(index)
        photograph_report()
    for picture in sorted(OUT.iterdir()):
        print(f"{picture.stat().st_size // 1000:4} kB  {picture.relative_to(architecture.ROOT)}")


if __name__ == "__main__":
    main()
