"""Reports: figures against hand-made ones, GPT-3.5's published numbers, and pages that nothing can break out of."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from scipy.stats import ttest_rel
from statsmodels.stats.contingency_tables import mcnemar

from experiments.errors import ReadingError, RecordsError
from experiments.imports import import_predictions
from experiments.lines import read_lines, to_line
from experiments.page import page
from experiments.records import read_records
from experiments.report import build_report
from experiments.report_text import markdown
from experiments.runs import records_path

SHARED = Path(__file__).parents[1].parent / "shared" / "data"
BENCHMARK = SHARED / "tasks" / "mirage" / "benchmark.json"
GPT = SHARED / "predictions" / "mirage_gpt-3.5"
HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> | A"


def write_run(folder: Path, answers: dict[str, str], *, question: str = "Question {n}?", n: int = 0) -> Path:
    """Import answers as letters, one character a sample: A and B are read, ? abstains, ! is unparsed, x failed."""
    size = n or len(next(iter(answers.values())))
    task = folder / "task.jsonl"
    rows = [
        {"id": str(i), "question": question.format(n=i), "options": {"A": "yes", "B": HOSTILE}, "answer": "A"}
        for i in range(size)
    ]
    task.write_text("".join(json.dumps(row) + "\n" for row in rows))
    said = {"A": "A", "B": "B", "?": "I cannot tell.", "!": f"hm {HOSTILE}", "x": None}
    for name, letters in answers.items():
        lines = [{"id": str(i), "output": said[letter]} for i, letter in enumerate(letters) if letter != " "]
        path = folder / "predictions.jsonl"
        path.write_text("".join(json.dumps(line) + "\n" for line in lines))
        import_predictions("jsonl", path, name=name, out=folder / "run", task=f"jsonl:{task}")
    return folder / "run"


def only_task(report: dict[str, Any]) -> dict[str, Any]:
    (task,) = report["tasks"].values()
    return task  # type: ignore[no-any-return]


def test_the_five_outcomes_and_what_follows(tmp_path: Path) -> None:
    report = build_report(write_run(tmp_path, {"one": "AAAABB?!x ", "two": "AAAAAAAAAA"}))
    assert report["contenders"] == ["one", "two"]
    row = only_task(report)["contenders"]["one"]
    counted = {k: row[k] for k in ("n", "correct", "wrong", "abstained", "unparsed", "error", "missing")}
    assert counted == {"n": 9, "correct": 4, "wrong": 2, "abstained": 1, "unparsed": 1, "error": 1, "missing": 1}
    assert row["accuracy"] == pytest.approx(4 / 9)
    assert row["coverage"] == pytest.approx(6 / 9)
    # Wilson's interval for 4 of 9, from Agresti & Coull's formula by hand
    z2, p = 1.959964**2, 4 / 9
    centre = (p + z2 / 18) / (1 + z2 / 9)
    reach = (z2 * (p * (1 - p) / 9 + z2 / 324)) ** 0.5 / (1 + z2 / 9)
    assert row["ci95"] == pytest.approx([centre - reach, centre + reach], abs=1e-6)


def test_comparisons_are_paired_on_what_both_answered(tmp_path: Path) -> None:
    one, two = "AAAABBBBAB" * 8, "AAABAAAAAA" * 7 + " " * 10
    (row,) = only_task(build_report(write_run(tmp_path, {"one": one, "two": two})))["comparisons"]
    assert (row["a"], row["b"], row["n"]) == ("two", "one", 70)
    x, y = [[float(letter == "A") for letter in letters[:70]] for letters in (two, one)]
    only_two = sum(a > b for a, b in zip(x, y, strict=True))
    only_one = sum(a < b for a, b in zip(x, y, strict=True))
    assert row["discordant"] == [only_two, only_one]
    assert row["difference"] == pytest.approx((only_two - only_one) / 70)
    test = ttest_rel(x, y)
    assert row["p_t"] == pytest.approx(test.pvalue)
    assert row["ci95"] == pytest.approx(list(test.confidence_interval()))
    exact = mcnemar([[0, only_two], [only_one, 0]], exact=True).pvalue
    assert row["p"] < exact < row["p"] * 2  # mid-p lies below the exact p
    assert row["p_holm"] == row["p"]  # a family of one
    assert {"test", "smallest_detectable"} <= row.keys()


def test_holm_corrects_over_all_comparisons(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"one": "AB" * 20, "two": "AAAB" * 10, "three": "A" * 40})
    rows = only_task(build_report(run))["comparisons"]
    assert [(row["a"], row["b"]) for row in rows] == [("two", "one"), ("three", "one"), ("three", "two")]
    ordered = sorted(rows, key=lambda row: row["p"])
    stepwise, running = [], 0.0
    for rank, row in enumerate(ordered):
        running = max(running, min(1.0, (3 - rank) * row["p"]))
        stepwise.append(running)
    assert [row["p_holm"] for row in ordered] == pytest.approx(stepwise)


def test_nothing_is_claimed_without_samples_in_common(tmp_path: Path) -> None:
    task = only_task(build_report(write_run(tmp_path, {"one": "AAA   ", "two": "   AAA"})))
    assert task["comparisons"] == []


def test_an_unknown_run_or_reading_is_said(tmp_path: Path) -> None:
    with pytest.raises(RecordsError, match=r"no run\.json"):
        build_report(tmp_path)
    with pytest.raises(ReadingError, match="there are strict"):
        build_report(write_run(tmp_path, {"one": "A"}), reading="lax")


class Tags(HTMLParser):
    """Collect tags with their attributes, and the content of scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "script":
            self.scripts.append("")

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script":
            self.scripts[-1] += data


def test_the_page_asks_nothing_of_the_network_and_escapes_everything(tmp_path: Path) -> None:
    name = '<b onclick="x()">one'
    run = write_run(tmp_path, {name: "AAB?!x", "two": "AAAAAA"}, question="Is {n} " + HOSTILE)
    html = page(run, build_report(run))
    read = Tags()
    read.feed(html)
    assert not [tag for tag, _ in read.tags if tag in ("img", "b", "link", "iframe", "object", "base")]
    loading = {"src", "srcset", "data", "action", "xlink:href", "background"}
    assert not [attributes for _, attributes in read.tags if loading & attributes.keys()]
    assert not [a for _, a in read.tags if any(key.startswith("on") for key in a)]
    assert all((a.get("href") or "#").startswith("#") for _, a in read.tags)
    assert "url(" not in html.split("</style>")[0]
    assert "@import" not in html
    data, script = read.scripts
    parsed = json.loads(data)
    assert parsed["contenders"] == [name, "two"]
    first = next(iter(parsed["tasks"].values()))["samples"][0]
    assert HOSTILE in first["question"]  # whole, and as text
    policy = next(a["content"] for tag, a in read.tags if tag == "meta" and "http-equiv" in a)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in str(policy)
    assert "default-src 'none'" in str(policy)
    assert not re.search(r"innerHTML|insertAdjacentHTML|document\.write|eval\(", script)


def test_samples_on_which_contenders_differ_come_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.browser.SAMPLES", 2)
    run = write_run(tmp_path, {"one": "AAAAAAAB", "two": "AABAAAAA"})
    read = Tags()
    read.feed(page(run, build_report(run)))
    task = next(iter(json.loads(read.scripts[0])["tasks"].values()))
    assert task["n"] == 8
    assert {sample["id"] for sample in task["samples"]} == {"2", "7"}


def test_markdown_holds_the_verdict_and_breaks_no_table(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"a|b": "A" * 30, "two": "AB" * 15})
    text = markdown(build_report(run))
    assert "two" in text
    assert "a\\|b is better than two by 50.0 points" in text
    for row in (line for line in text.splitlines() if line.startswith("|")):
        assert len(re.split(r"(?<!\\)\|", row)) in (14, 10, 4)


def test_calibration_is_reported_where_there_are_probabilities(tmp_path: Path) -> None:
    run = write_run(tmp_path, {"one": "AABB"})
    path = records_path(run, "one")
    records = [record for _, record in read_lines(path)]
    for record, sure in zip(records, (0.9, 0.8, 0.7, 0.6), strict=True):
        letter = record["answer"]
        record["probabilities"] = {letter: sure, "A" if letter == "B" else "B": 1 - sure}
    path.write_bytes(b"".join(map(to_line, records)))
    row = only_task(build_report(run))["contenders"]["one"]
    assert row["brier"] == pytest.approx((0.1**2 + 0.2**2 + 0.7**2 + 0.6**2) / 4)
    assert row["auroc"] == 1.0
    assert "How far its confidence can be trusted" in page(run, build_report(run))
    assert len(list(read_records(path))) == 4


@pytest.fixture(scope="module")
def gpt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not GPT.exists():
        pytest.skip("../shared/data/predictions/mirage_gpt-3.5 is not there")
    run = tmp_path_factory.mktemp("gpt") / "run"
    for name in ("cot", "rag32"):
        import_predictions("mirage", GPT / f"{name}.jsonl.gz", benchmark=BENCHMARK, name=name, out=run)
    return run


def test_published_numbers_reproduce(gpt: Path) -> None:
    report = build_report(gpt, reading="published")
    published = {
        "mirage-medmcqa": (55.1, 58.0),
        "mirage-pubmedqa": (36.0, 67.4),
        "mirage-bioasq": (74.1, 90.3),
    }
    for task, (cot, rag) in published.items():
        rows = report["tasks"][task]["contenders"]
        assert 100 * rows["cot"]["accuracy"] == pytest.approx(cot, abs=0.15)
        assert 100 * rows["rag32"]["accuracy"] == pytest.approx(rag, abs=0.15)
    means = report["averages"]["contenders"]
    assert 100 * means["cot"] == pytest.approx(60.6, abs=0.15)
    assert 100 * means["rag32"] == pytest.approx(71.6, abs=0.15)
    (row,) = report["tasks"]["mirage-medmcqa"]["comparisons"]
    assert row["shown"]


def test_read_strictly_medmcqas_gain_is_not_there(gpt: Path) -> None:
    report = build_report(gpt)
    task = report["tasks"]["mirage-medmcqa"]
    assert 100 * task["contenders"]["cot"]["accuracy"] == pytest.approx(53.6, abs=0.15)
    assert 100 * task["contenders"]["rag32"]["accuracy"] == pytest.approx(53.5, abs=0.15)
    (row,) = task["comparisons"]
    assert not row["shown"]
    assert row["p_mcnemar"] > 0.5
    assert row["p_t"] == pytest.approx(row["p_mcnemar"], abs=0.02)
    assert "agree" in row["agreement"]
    (said,) = [line for line in report["verdict"] if "is not there under the strict reading" in line]
    assert said.startswith("MedMCQA (dev): the gain of rag32")
    assert "12.6 % of rag32's" in said
    assert "agree" in said
    assert said in markdown(report).replace("\\|", "|")
