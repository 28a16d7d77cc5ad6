"""Make the shipped verifier again: examples, training, calibration, figures; one call per step."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .adapters import load_shipped
from .claims import DIRECTIONS
from .errors import ShippedModelError
from .examples import Example
from .logistic import fit
from .pair_model import PairModel, encode_pairs, load_minilm
from .pair_training import LoraRecipe, continue_from, freeze_lowest, save_adapter, train, with_lora
from .two_arms import on_trials
from .verifier import AGREEMENT, LABELS, RELEVANCE, Verifier
from .verifier_calibration import SUPPORTED, UNVERIFIABLE, Judged, judged_findings, judged_sentences
from .verifier_data import ABSTRACTS, TRIALS, Corpus, Part, part_of, read_corpus, read_jsonl, training_examples, trials
from .wordings import TRAINING, UNSEEN

Progress = Callable[[str], None]
SENTENCE_CLAIMS = 150  # sentences that claims are made of, beside those of trials: more draw the heads away from trials
LEGS = (
    LoraRecipe(),
    LoraRecipe(seed=1, learning_rate=7e-4, head_rate=1e-3, frozen=2),
    LoraRecipe(seed=2, learning_rate=5e-4, head_rate=7e-4, frozen=2),
    LoraRecipe(seed=3, learning_rate=5e-4, head_rate=5e-4, frozen=2, minutes=12.0),
)
ON_TRIALS = 3  # from this leg on, trials and two arms' numbers are what most examples are made of
FIT_SEEDS = (0, 1)  # the head is fitted on every claim of the calibration part in as many wordings


def make_verifier(
    data: Path, out: Path, *, legs: Sequence[LoraRecipe] = LEGS, limit: int | None = None, say: Progress
) -> None:
    """Train the adapter in legs, then fit the calibration; it all ends up in `out`. `limit`: of the abstracts read."""
    corpus, found = read_corpus(data, limit=limit), trials(data)
    for number, leg in enumerate(legs):
        examples = (training_examples if number < ON_TRIALS else on_trials)(found, corpus, leg.seed)
        if limit is not None:
            examples = examples[: 4 * limit]
        say(
            f"leg {number + 1}: {len(examples)} examples from {len(corpus.sentences)} abstracts and {len(found)} "
            f"findings"
        )
        train_adapter(examples, len(DIRECTIONS), out, leg, start=out if number else None, say=say)
    judged = [j for seed in FIT_SEEDS for j in judged_claims(data, found, corpus, "calibration", seed=seed)]
    calibrate(out, judged)
    say(f"calibrated on {len(judged)} claims")


def train_adapter(
    examples: Sequence[Example], outputs: int, out: Path, recipe: LoraRecipe, *, start: Path | None, say: Progress
) -> list[float]:
    """Train one leg and save adapter and head to `out`; `start` is the folder of a model to go on from."""
    encoder, tokenizer = load_minilm()
    model = with_lora(PairModel(encoder, outputs), recipe, tokenizer)
    if start is not None:
        continue_from(model, start)
    freeze_lowest(model, recipe.frozen)
    losses = train(
        model,
        encode_pairs(tokenizer, [(e.claim, e.evidence) for e in examples], max_tokens=recipe.max_tokens),
        [e.label for e in examples],
        recipe,
        progress=lambda step, steps, loss, seconds: say(f"step {step}/{steps}  loss {loss:.3f}  {seconds:.0f} s"),
    )
    save_adapter(model, out)
    return losses


def judged_claims(data: Path, found: list[Any], corpus: Corpus, part: Part, *, seed: int) -> list[Judged]:
    """Return judged claims of one part: trials by marked stretch and by abstract, and sentences of abstracts.

    Those for testing are worded in ways that nothing was trained or fitted on.
    """
    rng = random.Random(f"{seed} {part}")
    wordings = UNSEEN if part == "test" else TRAINING
    mine = one_each([f for f in found if part_of(f.pmid, TRIALS) == part])
    texts = abstracts_of(data, {f.pmid for f in mine})
    own = {p: s for p, s in corpus.sentences.items() if part_of(p, ABSTRACTS) == part}
    judged = list(judged_findings(mine, wordings, rng))
    judged += [j._replace(kind=f"{j.kind}, abstract") for j in judged_findings(mine, wordings, rng, abstracts=texts)]
    return judged + list(judged_sentences(own, rng, count=SENTENCE_CLAIMS))


def one_each(found: list[Any]) -> list[Any]:
    """Keep one finding for each question."""
    return list({(*f.arms, f.pmid): f for f in reversed(found)}.values())[::-1]


def abstracts_of(data: Path, pmids: set[str]) -> Mapping[str, str]:
    """Return the abstracts of these papers, as far as the corpus has them."""
    paths = sorted((data / "pubmed").glob("abstracts-*.jsonl.gz"))
    return {r["pmid"]: r["abstract"] for path in paths for r in read_jsonl(path) if r["pmid"] in pmids}


def calibrate(folder: Path, judged: list[Judged]) -> None:
    """Fit the logistic head on the features of judged claims and write it to `calibration.json`."""
    if not judged:
        raise ShippedModelError("nothing to calibrate on: the data folder has no trial or abstract of that part")
    blank = {"weights": [0.0], "bias": 0.0}
    unfitted = {"relevance": blank, "agreement": blank, "without evidence": [0.0, 0.0, 1.0]}
    (folder / "calibration.json").write_text(json.dumps(unfitted), encoding="utf-8")
    verifier = Verifier(load_shipped(folder))
    relevance, agreement, numbers = verifier.features([(j.claim, j.evidence) for j in judged])
    labels = np.array([j.label for j in judged])
    said = labels[numbers] != UNVERIFIABLE
    unread = np.bincount(np.delete(labels, numbers), minlength=3) + np.array([0.1, 0.1, 1.0])
    wrong = (unread[:UNVERIFIABLE] / unread.sum()).round(5).tolist()
    document = {
        "labels": list(LABELS),
        "relevance": _binary(RELEVANCE, relevance, ~said, balance=0.0),
        "agreement": _binary(AGREEMENT, agreement[said], labels[numbers][said] == SUPPORTED, balance=1.0),
        "without evidence": [*wrong, round(1 - sum(wrong), 5)],
    }
    (folder / "calibration.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")


def _binary(
    names: Sequence[str], rows: NDArray[np.float64], positive: NDArray[np.bool_], *, balance: float
) -> dict[str, Any]:
    """Fit one logistic head."""
    fitted = fit(rows, positive.astype(np.int64), 2, balance=balance)
    weights, bias = fitted.weights[1] - fitted.weights[0], fitted.bias[1] - fitted.bias[0]
    return {"features": list(names), "weights": weights.round(5).tolist(), "bias": round(float(bias), 5)}
