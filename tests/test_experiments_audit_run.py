"""Whole audits of runs made by hand: the headline, the known failures of other tools, resuming, and the command."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from audit_runs import KnownChecker, write_lines, write_run, yes_no
from typer.testing import CliRunner

from experiments.audit.audit import Settings, audit_path, audit_run
from experiments.audit.checker import CHECKERS
from experiments.audit.records import Frame, Verdict, judgements_path, read_evidence, read_judgements
from experiments.audit.summary import audit_report, audited_claims
from experiments.cli import app
from experiments.errors import ExperimentsError
from experiments.lines import read_lines, to_line
from indexes import build

PAPERS = [
    {
        "pmid": "90",
        "title": "Quorvacept in arthritis",
        "abstract": "Quorvacept lowered pain in 42 of 100 adults with arthritis. Quorvacept did not harm the liver.",
    },
    {"pmid": "91", "title": "Bread", "abstract": "Bread is baked from flour and water in most countries."},
]
RULES = (("lowers pain", "lowered pain", "s"), ("harms the liver", "did not harm", "c"), ("lowers", "lowers", "s"))
GOOD = "Quorvacept lowers pain in adults with arthritis."
BAD = "Quorvacept harms the liver of adults badly."
OPEN = "Quorvacept tastes of ripe strawberries in summer."


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("index")
    build(folder / "index", [write_lines(folder / "papers.jsonl", PAPERS)], encoder="hashing")
    return folder / "index"


def audited(run: Path, index: Path | None, checker: KnownChecker | None = None, **more: Any) -> dict[str, Any]:
    """Audit a run with the known checker; return its only task's figures by contender."""
    known = checker or KnownChecker(*RULES)
    audit_run(run, Settings(index=index, checker="known", **more), checker=known)
    report = audit_report(run)
    assert report is not None
    (task,) = report["tasks"].values()
    return task["contenders"]  # type: ignore[no-any-return]


def test_the_headline_by_hand(tmp_path: Path, index: Path) -> None:
    """Six questions; of the four answers that claim something two err: 50 %. Claims an answer: (1+2+1+2)/4."""
    answers = [GOOD, f"{GOOD} {BAD}", BAD, f"{GOOD} {OPEN}", "I cannot tell.", None]
    row = audited(write_run(tmp_path, yes_no(6), {"arm": answers}), index)["arm"]
    counted = {key: row[key] for key in ("n", "answered", "abstained", "errors", "no_claims", "judged", "claims")}
    assert counted == {"n": 6, "answered": 4, "abstained": 1, "errors": 1, "no_claims": 0, "judged": 4, "claims": 6}
    assert row["hallucinated"]["value"] == row["contradicted"]["value"] == 0.5
    assert row["hallucinated"]["n"] == 4
    low, high = row["hallucinated"]["ci95"]
    assert low < 0.5 < high
    assert row["coverage"]["value"] == 4 / 6
    assert row["claims_per_answer"]["value"] == 1.5
    pooled = row["frames"]["pooled"]
    assert {kind: pooled[kind]["value"] for kind in Verdict} == pytest.approx(
        {"supported": 3 / 6, "contradicted": 2 / 6, "conflicting": 0, "unverifiable": 1 / 6}
    )
    assert row["invented"] is None, "nobody cites: there is no share of invented citations"


def test_known_failures_of_other_tools(tmp_path: Path, index: Path) -> None:
    """An abstention, nothing claimed, an API error and a fabricated citation: none of them is a 0 or a 1."""
    arms: dict[str, Any] = {
        "abstains": ["I cannot tell."] * 2,
        "claims nothing": ["A", '{"answer_choice": "B"}'],
        "fails": [None, {"output": "Error 500", "error": "APIError: 500"}],
        "invents": [f"{GOOD[:-1]} (PMID: 12345678)."] * 2,
        "unparsed": [GOOD] * 2,
    }
    rows = audited(write_run(tmp_path, yes_no(2), arms), index)
    for name in ("abstains", "claims nothing", "fails"):
        assert rows[name]["hallucinated"] is None, name
        assert rows[name]["frames"] == {}, name
        assert rows[name]["citations"] is None, name
    assert (rows["abstains"]["abstained"], rows["claims nothing"]["no_claims"], rows["fails"]["errors"]) == (2, 2, 2)
    assert rows["abstains"]["coverage"]["value"] == 0
    assert rows["invents"]["hallucinated"]["value"] == 1
    assert rows["invents"]["contradicted"]["value"] == 0, "what it says is right, only its source does not exist"
    assert rows["invents"]["citations"]["rates"]["unresolved"] == 1
    assert rows["unparsed"]["unparsed"] == 2, "no option can be read, and what it claims is judged all the same"
    assert rows["unparsed"]["hallucinated"]["value"] == 0
    json.dumps(rows, allow_nan=False)


def test_an_empty_context_makes_nothing_faithful(tmp_path: Path, index: Path) -> None:
    """RAGAS can give 1.0 here. The second answer was shown the paper, the first nothing at all."""
    arms: dict[str, Any] = {"rag": [{"output": GOOD, "passages": []}, {"output": GOOD, "passages": ["90"]}]}
    own = audited(write_run(tmp_path, yes_no(2), arms), index)["rag"]["frames"]["own"]
    assert own["supported"]["value"] == 0.5
    assert own["nothing_near"]["value"] == 0.5
    closed = audited(write_run(tmp_path, yes_no(2), {"rag": arms["rag"], "closed": [GOOD, GOOD]}), index)["closed"]
    assert "own" not in closed["frames"]


def test_numbers_derived_from_the_source_are_no_error_and_altered_ones_are(tmp_path: Path, index: Path) -> None:
    said = "Quorvacept lowered pain in {} of adults with arthritis (PMID: 90)."
    arms = {"derived": [said.format("42%")], "altered": [said.format("57 of 100")]}
    rows = audited(write_run(tmp_path, yes_no(1), arms), index)
    assert rows["derived"]["altered"]["value"] == rows["derived"]["hallucinated"]["value"] == 0
    assert rows["altered"]["altered"]["value"] == rows["altered"]["hallucinated"]["value"] == 1


def test_the_same_claim_gets_the_same_verdict_whoever_read_the_paper(tmp_path: Path) -> None:
    """Without an index the pool is what any arm was shown: the closed book is held against it too."""
    papers = write_lines(tmp_path / "papers.jsonl", PAPERS)
    arms: dict[str, Any] = {"rag": [{"output": BAD, "passages": ["90"]}], "closed": [BAD]}
    rows = audited(write_run(tmp_path, yes_no(1), arms), None, papers=papers)
    assert [rows[arm]["frames"]["pooled"]["contradicted"]["value"] for arm in arms] == [1, 1]


def test_gold_texts_give_completeness(tmp_path: Path, index: Path) -> None:
    """Of the reference's two sentences the answer entails one."""
    samples = [{"id": "0", "question": "Does quorvacept help?", "answer": f"{GOOD} {OPEN}"}]
    row = audited(write_run(tmp_path, samples, {"arm": [GOOD]}), index)["arm"]
    assert row["completeness"]["value"] == 0.5
    assert row["frames"]["gold"]["supported"]["value"] == 1


def test_arms_are_compared_in_pairs(tmp_path: Path, index: Path) -> None:
    """Ten questions: the first arm errs on eight, the second on none; McNemar's mid-p for 8 : 0 is 2^-8."""
    run = write_run(tmp_path, yes_no(10), {"one": [BAD] * 8 + [GOOD] * 2, "two": [GOOD] * 10})
    audited(run, index)
    report = audit_report(run)
    assert report is not None
    (task,) = report["tasks"].values()
    (pair,) = task["comparisons"]
    assert (pair["a"], pair["b"], pair["n"], pair["difference"]) == ("two", "one", 10, pytest.approx(-0.8))
    assert pair["p"] == pytest.approx(2**-8)
    assert pair["shown"]
    assert "two errs less often than one" in " ".join(report["said"])


def test_what_is_judged_is_not_judged_again(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(3), {"arm": [GOOD, BAD, OPEN]})
    first, second = KnownChecker(*RULES), KnownChecker(*RULES)
    audited(run, index, first)
    before = judgements_path(run).read_bytes()
    audited(run, index, second)
    assert first.asked
    assert second.asked == []
    assert judgements_path(run).read_bytes() == before


def test_a_killed_audit_goes_on_and_ends_the_same(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(4), {"arm": [GOOD, BAD, OPEN, GOOD]})
    whole = audited(run, index)
    content = judgements_path(run).read_bytes()
    lines = content.splitlines(keepends=True)
    judgements_path(run).write_bytes(b"".join(lines[:2]) + lines[2][: len(lines[2]) // 2])  # killed in a write
    again = KnownChecker(*RULES)
    assert audited(run, index, again) == whole
    assert again.asked
    assert sorted(judgements_path(run).read_bytes().splitlines()) == sorted(content.splitlines())


def test_layers_of_another_audit_are_not_this_ones(tmp_path: Path, index: Path) -> None:
    """What an earlier checker said is out of the report of an audit without one, and back with the first."""
    run = write_run(tmp_path, yes_no(2), {"arm": [GOOD, BAD]})
    first = audited(run, index)
    assert first["arm"]["contradicted"]["value"] == 0.5
    audit_run(run, Settings(index=index, checker="none"))
    report = audit_report(run)
    assert report is not None
    (task,) = report["tasks"].values()
    row = task["contenders"]["arm"]
    assert (row["contradicted"], row["frames"], row["citations"]) == (None, {}, None)
    assert row["hallucinated"]["value"] == 0
    assert audited_claims(run) == []
    assert audited(run, index) == first


def test_an_interrupted_audit_leaves_the_last_one_as_it_was(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(2), {"arm": [GOOD, BAD]})
    audited(run, index)
    before, made = audit_report(run), audit_path(run).read_bytes()
    audit_run(run, Settings(index=index, checker="hf:other"), checker=KnownChecker(("", "", "c")))
    after = audit_report(run)
    assert after != before
    audit_path(run).write_bytes(made)  # as if it had not come to its end
    assert audit_report(run) == before


def test_claims_of_an_earlier_answer_are_not_counted(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(1), {"arm": [f"{GOOD} {BAD}"]})
    audited(run, index)
    path = next((run / "records").glob("*.jsonl"))
    (line,) = (line for _, line in read_lines(path))
    path.write_bytes(to_line({key: value for key, value in line.items() if key != "sum"} | {"output": GOOD}))
    audited(run, index)
    assert [one.text for one in audited_claims(run)] == [GOOD]


def test_a_changed_abstract_is_shown_as_it_was_judged(tmp_path: Path) -> None:
    run = write_run(tmp_path, yes_no(1), {"arm": [GOOD]})
    for text in ("Quorvacept lowered pain in adults.", "Quorvacept lowered pain in many adults with arthritis."):
        source = write_lines(tmp_path / "papers.jsonl", [PAPERS[0] | {"abstract": text}])
        build(tmp_path / "index", [source], encoder="hashing")
        audited(run, tmp_path / "index")
        (claim,) = audited_claims(run)
        assert claim.chunk in read_evidence(run)[claim.evidence[0]]


def test_a_torn_search_is_made_again(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(3), {"arm": [GOOD, BAD, OPEN]})
    before = audited(run, index)
    path = run / "audit" / "retrieval.jsonl"
    path.write_bytes(path.read_bytes()[:-5])
    assert audited(run, index) == before
    assert audited(run, index) == before


def test_a_checker_of_directions_is_confirmed_on_citations_too(tmp_path: Path, index: Path) -> None:
    """It says that 90 contradicts both claims; the rules see it for the one about the opposite direction alone."""
    said = ["Quorvacept raised pain in adults with arthritis [90].", "Quorvacept was given to adults in May [90]."]
    checker = KnownChecker(("Quorvacept", "arthritis", "c"))
    checker.general = False
    rows = audited(
        write_run(tmp_path, yes_no(2), {"arm": [{"output": one, "passages": ["90"]} for one in said]}), index, checker
    )
    assert rows["arm"]["citations"]["rates"]["contradicts"] == 0.5


def test_another_checker_judges_anew_and_the_first_one_back_costs_nothing(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(2), {"arm": [GOOD, BAD]})
    one, two, back = KnownChecker(*RULES), KnownChecker(("", "", "c")), KnownChecker(*RULES)
    first = audited(run, index, one)
    audit_run(run, Settings(index=index, checker="another"), checker=two)
    assert {j.verdict for j in read_judgements(run)} == {Verdict.CONTRADICTED}
    assert audited(run, index, back) == first
    assert back.asked == []


def test_only_a_changed_answer_is_judged_again(tmp_path: Path, index: Path) -> None:
    samples = yes_no(2)
    run = write_run(tmp_path, samples, {"arm": [GOOD, BAD]})
    audited(run, index)
    path = next((run / "records").iterdir())
    records = [record for _, record in read_lines(path)]
    records[1]["output"] = OPEN
    path.write_bytes(b"".join(map(to_line, records)))
    checker = KnownChecker(*RULES)
    row = audited(run, index, checker)["arm"]
    assert {claim for claim, _ in checker.asked} <= {OPEN}
    assert row["contradicted"]["value"] == 0


def test_judgements_name_texts_that_are_kept(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(1), {"arm": [f"{GOOD} {BAD}"]})
    audited(run, index)
    judgements, texts = read_judgements(run), read_evidence(run)
    assert {j.frame for j in judgements} == {Frame.POOLED}
    assert [j.verdict for j in judgements] == [Verdict.SUPPORTED, Verdict.CONTRADICTED]
    for one in judgements:
        assert one.evidence[0] == "90"
        assert one.chunk in " ".join(texts["90"].split())


def test_several_seeds_are_draws_of_one_answer(tmp_path: Path, index: Path) -> None:
    """Three further draws of one answer, one of which takes another option: entropy of {3, 1}."""
    run = write_run(tmp_path, yes_no(1), {"arm": [f"A. {GOOD}"]})
    task = tmp_path / "task.jsonl"
    from experiments.imports import import_predictions

    draws = [GOOD, GOOD, BAD]
    for seed, (letter, text) in enumerate(zip("AAB", draws, strict=True), 1):
        line = {"id": "0", "output": json.dumps({"reason": text, "answer_choice": letter}), "seed": seed}
        path = write_lines(tmp_path / "draw.jsonl", [line])
        import_predictions("jsonl", path, name="arm", out=run, task=f"jsonl:{task}")
    row = audited(run, index)["arm"]
    assert (row["n"], row["sampling"]["answers"], row["sampling"]["draws"]) == (1, 1, 3)
    assert row["sampling"]["entropy"]["value"] == pytest.approx(0.5623351446)
    assert row["sampling"]["selfcheck"]["n"] == 1


def test_one_draw_has_no_signal_and_says_so(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(1), {"arm": [GOOD]})
    assert audited(run, index)["arm"]["sampling"] is None
    report = audit_report(run)
    assert report is not None
    assert any(line.startswith("C, sampling: one draw") for line in report["limits"])


def test_the_command_prints_and_stores(tmp_path: Path, index: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CHECKERS, "known", lambda rest: KnownChecker(*RULES))
    run = write_run(tmp_path, yes_no(3), {"arm": [GOOD, BAD, OPEN]})
    call = ["audit", str(run), "--index", str(index), "--checker", "known"]
    shown = CliRunner().invoke(app, call)
    assert shown.exit_code == 0, shown.output
    assert "at least one error" in shown.stdout
    plain = CliRunner().invoke(app, [*call, "--json"])
    report = json.loads(plain.stdout)
    assert report["made"]["index"]["documents"] == 2
    (task,) = report["tasks"].values()
    assert task["contenders"]["arm"]["contradicted"]["value"] == pytest.approx(1 / 3)


def test_without_a_checker_only_exact_findings_count(tmp_path: Path, index: Path) -> None:
    run = write_run(tmp_path, yes_no(1), {"arm": [f"{BAD[:-1]} (PMID: 12345678)."]})
    audit_run(run, Settings(index=index, checker="none"))
    report = audit_report(run)
    assert report is not None
    (task,) = report["tasks"].values()
    row = task["contenders"]["arm"]
    assert (row["contradicted"], row["invented"]["value"], row["hallucinated"]["value"]) == (None, 1, 1)


def test_mistakes_say_what_to_do(tmp_path: Path) -> None:
    run = write_run(tmp_path, yes_no(1), {"arm": [GOOD]})
    with pytest.raises(ExperimentsError, match="has no task 'pubmdqa'"):
        audit_run(run, Settings(checker="none", tasks=("pubmdqa",)))
    with pytest.raises(ExperimentsError, match="experiment import"):
        audit_run(tmp_path / "nothing", Settings(checker="none"))
    with pytest.raises(ExperimentsError, match="no such file of papers"):
        audit_run(run, Settings(checker="none", papers=tmp_path / "none.jsonl"))
    assert audit_report(run) is None


def test_the_gate_against_brute_force(tmp_path: Path) -> None:
    """Every chunk by hand: those with 30 % of the claim's words, the best four, ties in the order of the texts."""
    from experiments.audit.evidence import CHUNKS, GATE, Library, near_chunks
    from rag.aligning import content_words

    run = write_run(tmp_path, yes_no(1), {"arm": [GOOD]})
    library = Library(run)
    texts = {
        "a": "Quorvacept lowers pain. Bread is baked in towns. Adults have arthritis and pain.",
        "b": "Nothing of it is here. Nor is it there.",
        "c": "Pain in arthritis is frequent. Quorvacept was given to adults. Pain fell. Arthritis of adults is common.",
    }
    for id, text in texts.items():
        library.add(id, text)
    claim, expected = content_words(GOOD), []
    for id, text in texts.items():
        sentences = [one.rstrip(".") + "." for one in text.split(". ")]
        for start in range(len(sentences) - 1):
            chunk = " ".join(sentences[start : start + 2])
            shared = len(claim & content_words(chunk))
            if shared / len(claim) >= GATE:
                expected.append((-shared, len(expected), id, chunk))
    wanted = [(id, chunk) for _, _, id, chunk in sorted(expected)[:CHUNKS]]
    assert [(c.id, c.text) for c in near_chunks(GOOD, texts, library)] == wanted
    assert wanted
    assert near_chunks("Of it and so on.", texts, library) == []


def test_quotation_lines_are_quotations_and_nothing_else(tmp_path: Path, index: Path) -> None:
    """The assistant's own format: a sentence, and below it a line with the PMID and the words quoted."""
    said = 'Quorvacept lowered pain in 42 of 100 adults with arthritis [90].\n> 90: "{}"\n\nFinal answer: A'
    arms: dict[str, Any] = {
        name: [{"output": said.format(quote), "passages": ["90"]}]
        for name, quote in (
            ("verbatim", "lowered pain in 42 of 100 adults with arthritis"),
            ("invented", "cured each and every one of the mice that were treated"),
        )
    }
    rows = audited(write_run(tmp_path, yes_no(1), arms), index)
    assert rows["verbatim"]["quotes"] == {"verbatim": 1}
    assert rows["verbatim"]["flags"] == {}
    assert rows["verbatim"]["numbers"] == {"supported": 2}
    assert rows["invented"]["flags"] == {"quote_absent": 1}
    assert rows["verbatim"]["hallucinated"]["value"] == 0
    audit_run(tmp_path / "run", Settings(index=index, checker="none"))
    report = audit_report(tmp_path / "run")
    assert report is not None
    (task,) = report["tasks"].values()
    assert task["contenders"]["invented"]["flags"] == {"quote_absent": 1}
