"""Which claims people read: so many of every contender and verdict, in random order, without saying whose they are.

OUT/sheet.csv, OUT/sheet.html    for the readers: question, claim, evidence; no contender, no verdict
RUN/audit/review.json            whose claims they are and how many there were of each kind; not for the readers
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import orjson

from experiments.audit.records import Judgement, read_evidence
from experiments.audit.summary import audited_claims
from experiments.errors import RecordsError
from experiments.lines import read_document, write_document
from experiments.runs import run_samples

SHOWN = 3  # pieces of evidence beside a claim, the most telling first


@dataclass(frozen=True, slots=True)
class Item:
    """A claim as a reader sees it. `telling` is the stretch of the evidence that the checker relied on."""

    id: str
    question: str
    claim: str
    evidence: tuple[str, ...]
    telling: str


@dataclass(frozen=True, slots=True)
class Drawn:
    """What the readers are not told about an item."""

    contender: str
    verdict: str
    judgement: str


@dataclass(frozen=True, slots=True)
class Key:
    """A draw: the items, and how many claims each contender has of each verdict (the strata)."""

    seed: int
    n: int
    items: dict[str, Drawn]
    strata: dict[str, dict[str, int]]


def draw(run: Path, *, n: int = 100, seed: int = 0) -> list[Item]:
    """Draw `n` claims, keep the key in the run, and return the items in the order in which they are shown.

    Every stratum (contender × verdict, pooled evidence) gets the same number, as far as it has so many.

    Raises:
        RecordsError: the run was not audited, or another draw is there, whose labels would lose their key.
    """
    judgements = audited_claims(run)
    if not judgements:
        raise RecordsError(f"{run} has no audited claims to review: clinrag experiment audit {run}")
    strata: dict[tuple[str, str], list[Judgement]] = {}
    for one in sorted(judgements, key=lambda j: j.key):
        strata.setdefault((one.contender, str(one.verdict)), []).append(one)
    generator = np.random.default_rng(seed)
    sizes = allocate({name: len(members) for name, members in strata.items()}, n)
    drawn = [
        members[place]
        for name, members in sorted(strata.items())
        for place in generator.choice(len(members), sizes[name], replace=False).tolist()
    ]
    chosen = [drawn[place] for place in generator.permutation(len(drawn)).tolist()]
    ids = {one.key: f"R{number:03}" for number, one in enumerate(chosen, 1)}
    counts: dict[str, dict[str, int]] = {}
    for (contender, verdict), members in sorted(strata.items()):
        counts.setdefault(contender, {})[verdict] = len(members)
    _keep(run, Key(seed, n, {ids[j.key]: Drawn(j.contender, str(j.verdict), j.key) for j in chosen}, counts))
    samples, texts = run_samples(run), read_evidence(run)
    return [_item(ids[j.key], j, samples[j.task][j.sample].question, texts) for j in chosen]


def allocate(sizes: Mapping[tuple[str, str], int], n: int) -> dict[tuple[str, str], int]:
    """Return how many of each stratum are read: equally many, what small ones lack going to the others."""
    given = dict.fromkeys(sizes, 0)
    left = min(n, sum(sizes.values()))
    while left:
        hungry = sorted((name for name in sizes if given[name] < sizes[name]), key=lambda name: (given[name], name))
        for name in hungry[:left]:
            given[name] += 1
        left -= min(left, len(hungry))
    return given


def key_path(run: Path) -> Path:
    return run / "audit" / "review.json"


def read_key(run: Path) -> Key:
    """Return a run's draw.

    Raises:
        RecordsError: nothing was drawn.
    """
    path = key_path(run)
    if not path.is_file():
        raise RecordsError(f"nothing of {run} was drawn for review: clinrag experiment review {run} --out DIR")
    raw = read_document(path, f"delete it and draw again with the same --n and --seed: experiment review {run}")
    return Key(raw["seed"], raw["n"], {id: Drawn(**drawn) for id, drawn in raw["items"].items()}, raw["strata"])


def _keep(run: Path, key: Key) -> None:
    path = key_path(run)
    if path.is_file() and read_key(run) != key:
        raise RecordsError(
            f"{path} holds another draw (of other judgements, --n or --seed): move it away first, or the labels of its "
            "sheets can no longer be read"
        )
    write_document(path, asdict(key), option=orjson.OPT_INDENT_2)


def _item(id: str, one: Judgement, question: str, texts: Mapping[str, str]) -> Item:
    shown: Sequence[str] = one.evidence[:SHOWN]
    return Item(id, question, one.text, tuple(texts[name] for name in shown), one.chunk)
