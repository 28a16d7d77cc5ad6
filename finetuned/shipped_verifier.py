"""Make the shipped verifier again: examples, training, calibration, figures; one call per step."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .adapters import load_shipped
from .claims import DIRECTIONS
from .errors import ShippedModelError
from .logistic import fit
from .pair_model import PairModel, encode_pairs, load_minilm
from .pair_training import LoraRecipe, save_adapter, train, with_lora
from .verifier import FEATURES, LABELS, Verifier
from .verifier_calibration import Judged, judged_findings, judged_sentences
from .verifier_data import ABSTRACTS, TRIALS, Corpus, Part, part_of, read_corpus, read_jsonl, training_examples, trials
from .wordings import TRAINING, UNSEEN

RECIPE = LoraRecipe()
Progress = Callable[[str], None]


def make_verifier(data: Path, out: Path, *, recipe: LoraRecipe = RECIPE, limit: int | None = None, say: Progress) -> None:
    """Train the adapter, then fit the calibration; both end up in `out`. `limit`: read that many abstracts only."""
    corpus, found = read_corpus(data, limit=limit), trials(data)
    examples = training_examples(found, corpus, recipe.seed)
    if limit is not None:
        examples = examples[: 4 * limit]
    say(f"{len(examples)} examples from {len(corpus.sentences)} abstracts and {len(found)} marked stretches of trials")
    encoder, tokenizer = load_minilm()
    model = with_lora(PairModel(encoder, len(DIRECTIONS)), recipe, tokenizer)
    encoded = encode_pairs(tokenizer, [(e.claim, e.evidence) for e in examples], max_tokens=recipe.max_tokens)
    losses = train(
        model,
        encoded,
        [e.label for e in examples],
        recipe,
        progress=lambda step, steps, loss, seconds: say(f"step {step}/{steps}  loss {loss:.3f}  {seconds:.0f} s"),
    )
    save_adapter(model, out)
    blank = {"weights": [[0.0] * len(FEATURES)] * 3, "bias": [0.0] * 3, "without evidence": [0.01, 0.01, 0.98]}
    (out / "calibration.json").write_text(json.dumps(blank), encoding="utf-8")
    judged = judged_claims(data, found, corpus, "calibration", seed=recipe.seed)
    calibrate(out, judged)
    say(f"trained for {len(losses)} steps, calibrated on {len(judged)} claims")


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
    return judged + list(judged_sentences(own, rng, count=700))


def one_each(found: list[Any]) -> list[Any]:
    """Keep one finding for each question."""
    return list({f.arms + (f.pmid,): f for f in reversed(found)}.values())[::-1]


def abstracts_of(data: Path, pmids: set[str]) -> Mapping[str, str]:
    """Return the abstracts of these papers, as far as the corpus has them."""
    paths = sorted((data / "pubmed").glob("abstracts-*.jsonl.gz"))
    return {r["pmid"]: r["abstract"] for path in paths for r in read_jsonl(path) if r["pmid"] in pmids}


def calibrate(folder: Path, judged: list[Judged]) -> None:
    """Fit the logistic head on the features of judged claims and write it to `calibration.json`."""
    if not judged:
        raise ShippedModelError("nothing to calibrate on: the data folder has no trial or abstract of that part")
    verifier = Verifier(load_shipped(folder))
    rows, numbers = verifier.features([(j.claim, j.evidence) for j in judged])
    labels = np.array([j.label for j in judged])
    fitted = fit(rows, labels[numbers], len(LABELS), balanced=True)
    unread = np.bincount(np.delete(labels, numbers), minlength=3) + np.array([0.1, 0.1, 1.0])
    document = {
        "features": list(FEATURES),
        "labels": list(LABELS),
        "weights": fitted.weights.round(5).tolist(),
        "bias": fitted.bias.round(5).tolist(),
        "without evidence": (unread / unread.sum()).round(5).tolist(),
    }
    (folder / "calibration.json").write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
