"""The detector's card: figures against sklearn, a plain bootstrap, simulation; detectors that work and that cheat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from clinrag import app
from experiments.audit.records import Frame, Judgement, Verdict
from experiments.detector.accuracy import accuracy, auroc_area, best_threshold
from experiments.detector.card import card, correct_audit
from experiments.detector.correction import Share, corrected_rate
from experiments.detector.labelled import CONTRADICTED, SUPPORTED, UNSUPPORTED, UNVERIFIABLE, Labelled, read_set
from experiments.detector.text import markdown
from experiments.errors import ConfigError, RecordsError
from experiments.estimates import wilson


class Ideal:
    """Knows the labels of claims beside their own evidence, but for every `wrong`-th; else says unverifiable."""

    general = True

    def __init__(self, items: Sequence[Labelled], wrong: int = 0) -> None:
        self.known = {(item.claim, item.evidence): (n, item.label) for n, item in enumerate(items)}
        self.wrong = wrong

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        columns = {SUPPORTED: 0, CONTRADICTED: 1, UNVERIFIABLE: 2, UNSUPPORTED: 2}
        found = np.full((len(pairs), 3), 0.1, np.float32)
        for row, pair in enumerate(pairs):
            n, label = self.known.get(pair, (1, UNVERIFIABLE))
            column = columns[label]
            found[row, (column + 1) % 3 if self.wrong and n % self.wrong == 0 else column] = 0.8
        return found


class Style:
    """A cheat: judges by the claim alone."""

    general = True

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        return np.array([[0.1, 0.9, 0] if "never" in claim else [0.9, 0.1, 0] for claim, _ in pairs], np.float32)


def claims(count: int = 60) -> list[Labelled]:
    words = {SUPPORTED: "helps", CONTRADICTED: "never helps", UNVERIFIABLE: "may help"}
    labels = [SUPPORTED, CONTRADICTED, UNVERIFIABLE]
    return [
        Labelled(
            str(n),
            f"Drug {n} {words[labels[n % 3]]}.",
            f"Some drug helps in trial {n // 2}.",
            labels[n % 3],
            f"paper {n // 2}",
        )
        for n in range(count)
    ]


def test_a_detector_that_knows_all_and_one_that_errs_are_counted_by_hand() -> None:
    items = claims()
    found = card(Ideal(items), {"scifact": items})["sets"]["scifact"]
    for target in ("contradicted", "unsupported"):
        assert found["targets"][target]["sensitivity"]["value"] == found["targets"][target]["specificity"]["value"] == 1
        assert found["targets"][target]["auroc"] == {"value": 1.0, "ci95": None}
    assert found["labels"] == {SUPPORTED: 20, CONTRADICTED: 20, UNVERIFIABLE: 20}
    # every fifth is called by the next label of supported, contradicted, unverifiable
    erring = card(Ideal(items, wrong=5), {"scifact": items})["sets"]["scifact"]["targets"]
    missed = sum(n % 5 == 0 for n in range(60) if n % 3 == 1)
    false = sum(n % 5 == 0 for n in range(60) if n % 3 == 0)
    assert erring["contradicted"]["sensitivity"]["value"] == pytest.approx(1 - missed / 20)
    assert erring["contradicted"]["specificity"]["value"] == pytest.approx(1 - false / 40)
    assert erring["unsupported"]["specificity"]["value"] == pytest.approx(1 - false / 20)


def test_evidence_withheld_unmasks_a_detector_that_reads_the_claim_alone() -> None:
    items = claims()
    honest = card(Ideal(items), {"scifact": items})["sets"]["scifact"]["withheld"]
    cheat = card(Style(), {"scifact": items})["sets"]["scifact"]
    assert (honest["called contradicted"]["value"], honest["called supported"]["value"]) == (0, 0)
    assert honest["auroc"]["value"] == 0.5
    assert cheat["targets"]["contradicted"]["sensitivity"]["value"] == 1  # and yet
    assert cheat["withheld"]["called contradicted"]["value"] == pytest.approx(1 / 3)
    assert cheat["withheld"]["auroc"]["value"] == pytest.approx(0.75)


def test_where_labels_do_not_say_contradicted_that_is_not_reported() -> None:
    items = [Labelled(str(n), f"c{n}", f"e{n}", UNSUPPORTED if n % 2 else SUPPORTED, f"{n}") for n in range(40)]
    found = card(Ideal(items), {"medhallu": items})["sets"]["medhallu"]
    assert list(found["targets"]) == ["unsupported"]
    assert found["chosen_here"]["target"] == "unsupported"


def test_the_area_equals_sklearns_and_its_interval_a_bootstrap_of_clusters() -> None:
    rng = np.random.default_rng(0)
    clusters = np.repeat(np.arange(60), 4)
    truth = rng.random(240) < 0.4
    scores = np.round(truth + rng.normal(0, 1.2, 240) + np.repeat(rng.normal(0, 0.8, 60), 4), 1)
    found = auroc_area(scores, truth, clusters)
    assert found.value == pytest.approx(roc_auc_score(truth, scores))
    drawn = []
    for _ in range(1000):
        which = np.concatenate([np.arange(4) + 4 * c for c in rng.integers(60, size=60)])
        ones, rest = scores[which][truth[which]], scores[which][~truth[which]]
        drawn.append(np.mean((ones[:, None] > rest) + 0.5 * (ones[:, None] == rest)))
    assert found.ci95 == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=0.02)


def test_the_areas_interval_is_delongs_where_samples_are_independent() -> None:
    rng = np.random.default_rng(1)
    ones, others = rng.normal(1, 1, 80), rng.normal(0, 1, 120)
    above = np.array([np.mean(others < x) for x in ones])
    below = np.array([np.mean(ones > x) for x in others])
    se = np.sqrt(above.var(ddof=1) / 80 + below.var(ddof=1) / 120)
    found = auroc_area(np.concatenate([ones, others]), [True] * 80 + [False] * 120)
    value, logit = found.value, np.log(found.value / (1 - found.value))
    assert value == pytest.approx(above.mean())
    assert found.ci95 is not None
    reach = (np.log(found.ci95[1] / (1 - found.ci95[1])) - logit) / 1.959964 * value * (1 - value)
    assert reach == pytest.approx(se, rel=0.01)


def test_rates_are_wilsons_and_sides_without_claims_have_none() -> None:
    names = [str(n) for n in range(10)]
    found = accuracy([True] * 8 + [False] * 2, [True] * 6 + [False] * 4, list(range(10)), names)
    assert found.sensitivity is not None
    assert (found.sensitivity.value, found.sensitivity.ci95) == (0.75, pytest.approx(wilson(6, 8)))
    assert found.specificity is not None
    assert found.specificity.value == 1
    empty = accuracy([True], [True], [1.0], ["a"])
    assert (empty.specificity, empty.auroc) == (None, None)


def test_the_best_threshold_is_the_best_of_all() -> None:
    rng = np.random.default_rng(2)
    truth = rng.random(200) < 0.3
    scores = np.round(truth * 0.5 + rng.random(200), 1)
    gains = {t: np.mean(scores[truth] >= t) - np.mean(scores[~truth] >= t) for t in set(scores.tolist())}
    assert gains[best_threshold(scores, truth)] == pytest.approx(max(gains.values()))


def test_a_rate_is_corrected_by_rogan_and_gladens_formula() -> None:
    got = corrected_rate(Share(30, 100), Share(80, 100), Share(90, 100))
    assert got.value == pytest.approx((0.3 + 0.9 - 1) / (0.8 + 0.9 - 1))
    assert got.ci95 is not None
    assert got.ci95[0] < 2 / 7 < got.ci95[1]
    known = corrected_rate(Share(300_000, 1_000_000), Share(8e8, 1e9), Share(9e8, 1e9)).ci95  # nothing but sampling
    assert known == pytest.approx([(x - 0.1) / 0.7 for x in wilson(300_000, 1_000_000)], abs=1e-6)
    assert corrected_rate(Share(5, 100), Share(80, 100), Share(90, 100)).value == 0  # fewer than false alarms alone


def test_a_detector_near_chance_corrects_nothing() -> None:
    for se, sp in ((0.5, 0.5), (0.3, 0.75), (0.2, 0.7)):
        got = corrected_rate(Share(30, 100), Share(100 * se, 100), Share(100 * sp, 100))
        assert (got.value, got.ci95) == (None, None)
        assert "not estimable: sensitivity + specificity − 1 is" in got.why
    small = corrected_rate(Share(30, 100), Share(6, 8), Share(6, 8))  # may be good, but eight claims cannot tell
    assert small.value is None
    with pytest.raises(ValueError, match="a share needs n > 0"):
        corrected_rate(Share(0, 0), Share(1, 2), Share(1, 2))


@pytest.mark.parametrize(
    ("prevalence", "se", "sp"), [(0.05, 0.8, 0.95), (0.3, 0.7, 0.9), (0.6, 0.9, 0.8), (0.02, 0.95, 0.98)]
)
def test_the_corrected_interval_covers_the_truth_as_often_as_it_says(prevalence: float, se: float, sp: float) -> None:
    rng = np.random.default_rng(3)
    n, n_se, n_sp, draws = 400, 150, 250, 3000
    reported = rng.binomial(n, prevalence * se + (1 - prevalence) * (1 - sp), draws)
    right, cleared = rng.binomial(n_se, se, draws), rng.binomial(n_sp, sp, draws)
    covered, widths, plain = 0, [], 0
    for k, a, b in zip(reported, right, cleared, strict=True):
        got = corrected_rate(Share(int(k), n), Share(int(a), n_se), Share(int(b), n_sp)).ci95
        assert got is not None
        covered += got[0] <= prevalence <= got[1]
        widths.append(got[1] - got[0])
        low, high = ((x + b / n_sp - 1) / (a / n_se + b / n_sp - 1) for x in wilson(int(k), n))
        plain += low <= prevalence <= high
    assert 0.935 <= covered / draws <= 0.99
    assert plain / draws < covered / draws  # the detector's own uncertainty cannot be left out
    assert np.mean(widths) < 0.35


def judgement(n: int, contender: str, verdict: Verdict, frame: Frame = Frame.POOLED) -> Judgement:
    return Judgement(
        f"{contender}{n}{frame}", "t", str(n // 2), contender, "r", n, "claim", "answer", frame, "x", verdict
    )


def test_an_audits_rates_are_corrected_by_contender(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    items = claims(600)
    found = card(Ideal(items, wrong=5), {"scifact": items})
    rows = [judgement(n, "a", Verdict.CONTRADICTED if n % 4 == 0 else Verdict.SUPPORTED) for n in range(400)]
    rows += [judgement(n, "b", Verdict.CONFLICTING if n % 2 == 0 else Verdict.UNVERIFIABLE) for n in range(400)]
    monkeypatch.setattr("experiments.detector.card.audited_claims", lambda run: rows if run == tmp_path else [])
    found["checker"] = "x"
    got = correct_audit(tmp_path, found, "scifact")["contenders"]
    target = found["sets"]["scifact"]["targets"]["contradicted"]
    se, sp = target["sensitivity"]["value"], target["specificity"]["value"]
    assert (got["a"]["reported"], got["b"]["reported"]) == (0.25, 0.5)
    assert got["a"]["value"] == pytest.approx((0.25 + sp - 1) / (se + sp - 1))
    assert "25.0" in markdown({**found, "corrected": correct_audit(tmp_path, found, "scifact")})
    with pytest.raises(RecordsError, match="was not audited"):
        correct_audit(tmp_path / "none", found, "scifact")
    with pytest.raises(ConfigError, match="audited by x, and the card is of y"):
        correct_audit(tmp_path, found | {"checker": "y"}, "scifact")
    useless = {"checker": "x"} | card(
        Style(), {"scifact": [Labelled(c.id, "drug helps", c.evidence, c.label, c.cluster) for c in items]}
    )
    assert "not estimable" in correct_audit(tmp_path, useless, "scifact")["contenders"]["a"]["why"]


def test_the_bundled_claims_are_turned_and_moved_by_rule() -> None:
    items = read_set("planted", Path())
    by_label = {label: [i for i in items if i.label == label] for label in (SUPPORTED, CONTRADICTED, UNVERIFIABLE)}
    assert len({len(found) for found in by_label.values()}) == 1
    assert len(by_label[SUPPORTED]) > 100
    for true, turned, elsewhere in zip(*by_label.values(), strict=True):
        assert true.claim in true.evidence
        assert turned.claim not in turned.evidence == true.evidence
        assert true.claim == elsewhere.claim
        assert elsewhere.evidence != true.evidence


def test_the_command_prints_a_card_as_text_and_as_json() -> None:
    said = CliRunner().invoke(app, ["experiment", "detector", "--model", "lexical", "--json"])
    assert said.exit_code == 0, said.output
    found = json.loads(said.stdout)
    assert found["sets"]["planted"]["targets"]["unsupported"]["auroc"]["value"] > 0.6
    text = markdown(found)
    assert "# Detector card: lexical" in text
    assert "| planted | contradicted |" in text
    wrong = CliRunner().invoke(app, ["experiment", "detector", "--only", "scifakt"])
    assert isinstance(wrong.exception, ConfigError)
    assert "did you mean scifact?" in str(wrong.exception)
