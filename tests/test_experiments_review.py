"""The review sheet: who wrote what cannot be told, spreadsheets may mangle it, and the corrected rates hold."""

from __future__ import annotations

import csv
import io
import shutil
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.metrics import cohen_kappa_score
from statsmodels.stats.inter_rater import cohens_kappa as reference
from typer.testing import CliRunner

from clinrag import app
from experiments.audit.records import Frame, Judgement, Verdict, evidence_path, judgements_path, read_judgements
from experiments.errors import ConfigError, DataFormatError, RecordsError
from experiments.lines import append_lines
from experiments.metrics.agreement import cohens_kappa
from experiments.records import Sample, fingerprint, write_samples
from experiments.review.agreement import review_rates
from experiments.review.command import markdown, read_review, write_review
from experiments.review.drawing import Drawn, Key, allocate, draw, key_path, read_key
from experiments.review.page import sheet_page
from experiments.review.sheets import COLUMNS, read_sheet, write_sheet
from experiments.runs import samples_path, save_run

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
EVIL = '=HYPERLINK("http://x","<script>alert(1)</script>")'
NAMES = ("gpt-secret", "llama-secret")
VERDICTS = [Verdict.SUPPORTED] * 5 + [Verdict.UNVERIFIABLE] * 4 + [Verdict.CONTRADICTED] * 2 + [Verdict.CONFLICTING]


def audited(run: Path, count: int = 240) -> Path:
    samples = [
        Sample(str(n), f"Does drug {n} help?" if n else EVIL, "A", {"A": "yes", "B": "no"}) for n in range(count)
    ]
    entry = {"title": "T", "kind": "choice", "licence": "x", "source": "x", "version": "1", "metrics": [], "ask": ""}
    entry["sha256"] = fingerprint(*samples)
    save_run(run, {"format": 1, "created": "2026-01-01", "tasks": {"t": entry}, "contenders": {}})
    write_samples(samples_path(run, "t"), samples)
    append_lines(
        evidence_path(run), [{"id": str(n), "text": f"Before. Drug {n} did it. <b>After</b>"} for n in range(count)]
    )
    rows = [
        Judgement(
            f"{name}{n}{frame}", "t", str(n), name, "r", 0, f"Drug {n} helps." if n else EVIL, "answer", frame, "x",
            VERDICTS[(n + 3 * k) % len(VERDICTS)], evidence=(str(n),), chunk=f"Drug {n} did it.",
        )
        for k, name in enumerate(NAMES) for n in range(count) for frame in (Frame.POOLED, Frame.OWN)
    ]  # fmt: skip
    append_lines(judgements_path(run), rows)
    return run


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return audited(tmp_path_factory.mktemp("review") / "run")


@pytest.fixture
def run(kept: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A run with judgements, taken for an audited one, of which nothing was drawn."""
    pooled = [one for one in read_judgements(kept) if one.frame == Frame.POOLED]
    monkeypatch.setattr("experiments.review.drawing.audited_claims", lambda run: pooled if run == kept else [])
    yield kept
    key_path(kept).unlink(missing_ok=True)


def test_the_sheets_say_neither_contender_nor_verdict(run: Path, tmp_path: Path) -> None:
    files = write_review(run, tmp_path, n=60, seed=0)
    texts = [path.read_text(encoding="utf-8") for path in files]
    for text in texts:
        assert not any(name in text for name in (*NAMES, "pooled"))
    rows = list(csv.DictReader(io.StringIO(texts[0].lstrip("\ufeff"))))
    assert {row["label"] for row in rows} == {""}
    assert {p.name for p in tmp_path.iterdir()} == {"sheet.csv", "sheet.html"}
    key = read_key(run)
    assert [row["id"] for row in rows] == [f"R{n:03}" for n in range(1, 61)] == list(key.items)
    order = [key.items[row["id"]].contender for row in rows]
    assert 15 < sum(a != b for a, b in pairwise(order)) < 45  # neither sorted nor in turn
    again = write_review(run, tmp_path / "again", n=60, seed=0)
    assert [path.read_text(encoding="utf-8") for path in again] == texts
    with pytest.raises(RecordsError, match="holds another draw"):
        write_review(run, tmp_path, n=60, seed=1)


def test_every_contender_and_verdict_is_read_as_often_as_it_can(run: Path) -> None:
    draw(run, n=100)
    key = read_key(run)
    assert key.strata == {
        name: {"conflicting": 20, "contradicted": 40, "supported": 100, "unverifiable": 80} for name in NAMES
    }
    counted = Counter((drawn.contender, drawn.verdict) for drawn in key.items.values())
    assert set(counted.values()) == {12, 13}
    assert sum(counted.values()) == 100
    assert allocate({("a", "x"): 2, ("a", "y"): 50}, 20) == {("a", "x"): 2, ("a", "y"): 18}
    assert allocate({("a", "x"): 2, ("a", "y"): 5}, 100) == {("a", "x"): 2, ("a", "y"): 5}


def filled(ids: list[str], label: Callable[[str], str] = lambda id: "supported") -> list[list[str]]:
    return [["id", "label"], *([id, label(id)] for id in ids)]


def text_of(rows: list[list[str]], delimiter: str = ",") -> str:
    stream = io.StringIO()
    csv.writer(stream, delimiter=delimiter).writerows(rows)
    return stream.getvalue()


IDS = [f"R{n:03}" for n in range(1, 6)]
MOVED = [["Comment", "LABEL ", " Id", ""], *(["caf\xe9", " Supported", i.lower(), ""] for i in IDS[::-1])]


@pytest.mark.parametrize(
    "content",
    [
        text_of(filled(IDS)).encode(),
        b"\xef\xbb\xbf" + text_of(filled(IDS)).encode(),
        text_of(filled(IDS), ";").encode(),
        text_of(filled(IDS), "\t").encode("utf-16"),
        text_of(MOVED).encode("cp1252"),
        text_of([*filled(IDS), ["", ""], []]).encode(),
        text_of([[f"'{cell}" if cell == "R001" else cell for cell in row] for row in filled(IDS)]).encode(),
    ],
    ids=["plain", "mark", "semicolons", "utf-16 tabs", "windows, moved columns, case", "blank rows", "apostrophe"],
)  # fmt: skip
def test_a_sheet_is_read_however_a_spreadsheet_saved_it(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert read_sheet(path, IDS) == dict.fromkeys(IDS, "supported")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([["id", "verdict"], ["R001", "supported"]], "line 1: no column 'label' among id, verdict"),
        (filled(IDS[:3]), "rows are missing: R004, R005"),
        (
            filled(IDS, lambda id: "yes" if id == "R003" else "supported"),
            "line 4: label 'yes' is none of supported, contra",
        ),
        (filled(IDS, lambda id: "" if id == "R002" else "supported"), "line 3: R002 has no label"),
        ([*filled(IDS), ["R002", "supported"]], "line 7: id 'R002' occurs twice"),
        ([*filled(IDS), ["R999", "supported"]], "line 7: id 'R999' is not in this run's draw"),
        ([], "line 1: no column 'id' among none"),
    ],
)
def test_what_is_wrong_with_a_sheet_is_named_with_line_and_value(
    tmp_path: Path, rows: list[list[str]], message: str
) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text_of(rows))
    with pytest.raises(DataFormatError, match=message) as error:
        read_sheet(path, IDS)
    assert str(path) in str(error.value)


def test_no_cell_is_a_formula_and_quotes_come_back(run: Path, tmp_path: Path) -> None:
    items = draw(run, n=480)
    write_sheet(tmp_path / "s.csv", items)
    rows = list(csv.reader(io.StringIO((tmp_path / "s.csv").read_text(encoding="utf-8-sig"))))
    assert tuple(rows[0]) == COLUMNS
    cells = [cell for row in rows for cell in row]
    assert not [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r")]
    assert f"'{EVIL}" in cells
    page = sheet_page(items)
    assert "<script>alert" not in page
    assert "<mark>Drug 7 did it.</mark> &lt;b&gt;After&lt;/b&gt;" in page
    assert "http" not in page.replace("http-equiv", "").replace("http://x", "")


@pytest.mark.parametrize("seed", range(4))
def test_kappa_is_sklearns_and_its_interval_statsmodels(seed: int) -> None:
    rng = np.random.default_rng(seed)
    names = ["supported", "contradicted", "unverifiable", "conflicting"][: 2 + seed % 3]
    first = rng.choice(names, 120)
    second = np.where(rng.random(120) < 0.7, first, rng.choice(names, 120))
    got = cohens_kappa(first.tolist(), second.tolist())
    assert got.value == pytest.approx(cohen_kappa_score(first, second))
    table = np.array([[np.sum((first == a) & (second == b)) for b in sorted(names)] for a in sorted(names)])
    known = reference(table)
    assert got.ci95 == pytest.approx((known.kappa_low, known.kappa_upp), abs=1e-6)


def test_kappa_of_readers_who_gave_one_label_is_undefined() -> None:
    got = cohens_kappa(["supported"] * 9, ["supported"] * 9)
    assert (got.agreed, got.value, got.ci95) == (1.0, None, None)


@pytest.mark.parametrize("second", [[], ["supported"]])
def test_kappa_needs_the_same_items(second: list[str]) -> None:
    with pytest.raises(ValueError, match="same items"):
        cohens_kappa(["supported"] * 2 * len(second), second)


def key_of(sizes: dict[str, int], read: dict[str, int]) -> Key:
    items = {f"{verdict}{n}": Drawn("a", verdict, "") for verdict, count in read.items() for n in range(count)}
    return Key(0, len(items), items, {"a": sizes})


def test_rates_weigh_each_verdict_by_its_share_of_all_claims() -> None:
    key = key_of({"supported": 900, "contradicted": 100}, {"supported": 10, "contradicted": 10})
    first = {
        id: "contradicted" if id in ("supported0", *(f"contradicted{n}" for n in range(8))) else "supported"
        for id in key.items
    }
    got = review_rates(key, [first])["a"]
    assert (got.audit, got.read, got.claims) == (0.1, 20, 1000)
    assert got.value == pytest.approx(0.9 * 0.1 + 0.1 * 0.8)
    second = first | {"supported0": "supported"}
    assert review_rates(key, [first, second])["a"].value == pytest.approx(0.9 * 0.05 + 0.1 * 0.8)
    census = key_of({"supported": 10, "contradicted": 10}, {"supported": 10, "contradicted": 10})
    whole = review_rates(census, [first])["a"]
    assert whole.ci95 == (whole.value, whole.value) == (0.45, 0.45)


def test_the_interval_of_the_corrected_rate_covers_the_truth() -> None:
    rng = np.random.default_rng(5)
    sizes, read = (
        {"supported": 800, "unverifiable": 600, "contradicted": 200},
        {"supported": 20, "unverifiable": 20, "contradicted": 20},
    )
    truth = {verdict: rng.random(size) < p for (verdict, size), p in zip(sizes.items(), (0.04, 0.1, 0.7), strict=True)}
    rate = sum(t.sum() for t in truth.values()) / 1600
    key = key_of(sizes, read)
    covered, values = 0, []
    for _ in range(800):
        labels = {}
        for verdict, count in read.items():
            drawn = rng.choice(truth[verdict], count, replace=False)
            labels |= {f"{verdict}{n}": "contradicted" if hit else "supported" for n, hit in enumerate(drawn)}
        got = review_rates(key, [labels])["a"]
        covered += got.ci95[0] <= rate <= got.ci95[1]
        values.append(got.value)
    assert np.mean(values) == pytest.approx(rate, abs=0.005)  # unbiased
    assert 0.93 <= covered / 800 <= 1


def test_the_command_writes_reads_and_refuses(run: Path, tmp_path: Path) -> None:
    invoke = CliRunner().invoke
    said = invoke(app, ["experiment", "review", str(run), "--out", str(tmp_path), "--n", "40"])
    assert said.exit_code == 0, said.output
    rows = list(csv.reader(io.StringIO((tmp_path / "sheet.csv").read_text(encoding="utf-8-sig"))))
    for name, other in (("A", "supported"), ("B", "unverifiable")):
        labelled = [rows[0], *([*row[:4], "contradicted" if n % 4 else other, ""] for n, row in enumerate(rows[1:]))]
        (tmp_path / f"{name}.csv").write_text(text_of(labelled, ";"), encoding="utf-8")
    sheets = [str(tmp_path / "A.csv"), str(tmp_path / "B.csv")]
    read = invoke(app, ["experiment", "review", str(run), "--read", *sheets])
    assert read.exit_code == 0, read.output
    assert "The readers agree on 75.0 %; Cohen's kappa" in read.stdout
    assert all(name in read.stdout for name in NAMES)
    found = read_review(run, [Path(sheet) for sheet in sheets])
    assert markdown(found) in read.stdout
    for arguments in (["--read"], ["--read", *sheets, sheets[0]], []):
        wrong = invoke(app, ["experiment", "review", str(run), *arguments])
        assert isinstance(wrong.exception, ConfigError)
    with pytest.raises(RecordsError, match="no audited claims"):
        draw(tmp_path)
    key_path(run).unlink()
    with pytest.raises(RecordsError, match="nothing of"):
        read_key(run)


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: apt-get install chromium")
def test_a_reader_labels_on_the_page_and_hands_in_its_csv(run: Path, tmp_path: Path) -> None:
    playwright: Any = pytest.importorskip(
        "playwright.sync_api", reason="Playwright is missing: pip install -e '.[dev]'"
    )
    files = write_review(run, tmp_path, n=40, seed=0)
    ids = list(read_key(run).items)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 420, "height": 800})
        complaints: list[str] = []
        page.on("console", lambda m: complaints.append(m.text) if m.type in {"error", "warning"} else None)
        page.on("dialog", lambda d: (complaints.append(d.message), d.dismiss()))
        page.goto(files[1].as_uri())
        assert page.locator("output").inner_text() == "40 of 40 left"
        assert page.evaluate("document.documentElement.scrollWidth") <= 420
        page.locator("#R001").get_by_label("contradicted").check()
        page.locator("#R002").get_by_label("Comment").fill("=1+1")
        page.wait_for_timeout(300)  # a browser writes what it keeps a little later
        page.reload()
        assert page.locator("#R001").get_by_label("contradicted").is_checked()
        page.evaluate("document.querySelectorAll('input[value=supported]').forEach((i) => i.checked || i.click())")
        page.locator("#R001").get_by_label("contradicted").check()
        assert page.locator("output").inner_text() == "all labelled"
        with page.expect_download() as download:
            page.get_by_role("button", name="Save labels as CSV").click()
        download.value.save_as(tmp_path / "labels.csv")
        page.screenshot(path=tmp_path / "sheet.png")
        browser.close()
    assert complaints == []
    assert read_sheet(tmp_path / "labels.csv", ids) == dict.fromkeys(ids, "supported") | {"R001": "contradicted"}
    assert '"\'=1+1"' in (tmp_path / "labels.csv").read_text(encoding="utf-8")
