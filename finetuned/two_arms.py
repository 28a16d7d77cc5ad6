"""Write evidence that states both arms' numbers, a ratio, or an interval: what trials do and statements seldom do."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence

from .claims import DIRECTIONS
from .examples import Example, Finding, from_statements, prepare
from .marking import CONTROL
from .verifier_data import ABSTRACTS, TRIALS, Corpus, part_of, training_examples
from .wordings import FLIP, TRAINING, Wordings, word

_NUMBERS = (
    "{o} was {x}{u} in the {a} group and {y}{u} in the {b} group ({sig}).",
    "{o} was {x}{u} with {a} versus {y}{u} with {b} ({sig}).",
    "{o} was {y}{u} for the {b} group, compared to {x}{u} for {a} ({sig}).",
    "{o} in the {b} group was {y} ± {s}, against {x} ± {s} in the {a} group ({sig}).",
    "Mean {o} was {x} ± {s} in {a} patients compared with {y} ± {s} in {b} patients ({sig}).",
    "{o}: {b}, {y}{u}; {a}, {x}{u} ({sig} versus {b}).",
    "{o} was {y}{u} [{n} of 101 patients; {b} group] and {x}{u} [{m} of 99 patients; {a} group], {sig}.",
    "The {a} group had {o} of {x}{u} and the {b} group of {y}{u}; {sig}.",
    "In the {a} and {b} groups, {o} was {x}{u} and {y}{u}, respectively ({sig}).",
    "Median {o} was {y} with {b} and {x} with {a} ({sig}).",
    "{other} was similar, while {o} was {x}{u} for {a} vs. {y}{u} for {b} ({sig}).",
)
_RATIOS = (
    "The odds ratio of {o} with {a} versus {b} was {r} (95% CI {l} to {h}).",
    "{o}: {a} against {b}, RR {r}; 95% CI {l}–{h}.",
    "Compared with {b}, {a} had a hazard ratio of {r} for {o} (95% confidence interval {l} to {h}).",
)
_WORDS = {
    "up": (
        "{b} was significantly more effective than {a} in reducing {o} ({sig}).",
        "The reduction in {o} was more pronounced in the {b} group than in the {a} group ({sig}).",
        "{o} fell significantly in the {b} group but not in the {a} group ({sig}).",
        "{o} was significantly lower in the {b} group than in the {a} group ({sig}).",
        "{other} was lower with {a} than with {b}, whereas {o} was higher ({sig}).",
    ),
    "same": (
        "{other} was significantly higher with {a} than with {b} (p = 0.01), whereas {o} was not ({sig}).",
        "{o} was slightly higher with {a} than with {b} (mean difference 0.{n}, 95% CI -1.{n} to 2.{m}).",
        "{o} was lower in the {a} group; however, this was not statistically significant ({sig}).",
        "There was a trend towards lower {o} with {b} than with {a} ({sig}).",
        "{other} fell with {a} (p = 0.002), but {o} did not differ between the groups ({sig}).",
        "There were no differences in {other} and {o}.",
    ),
}
_WORDS["down"] = (
    *(t.replace("{a}", "{z}").replace("{b}", "{a}").replace("{z}", "{b}") for t in _WORDS["up"][:4]),
    "{other} was higher with {a} than with {b}, whereas {o} was lower ({sig}).",
)
OTHERS, STATED = 9000, 2500  # examples that are not made of trials, and of these with two arms' numbers


def on_trials(found: Sequence[Finding], corpus: Corpus, seed: int) -> list[Example]:
    """Make the examples of a leg: all of the training trials, two arms' numbers, and a part of the others."""
    rng = random.Random(seed)
    examples = training_examples(found, corpus, seed)
    own = [e for e in examples if e.kind.startswith("trial")]
    chosen = own + [e for e in examples if not e.kind.startswith("trial")][:OTHERS]
    mine = [f for f in found if part_of(f.pmid, TRIALS) == "train"]
    stated = [s for s in corpus.statements if part_of(s.pmid, ABSTRACTS) == "train" and s.b]
    for _ in range(4):
        chosen += two_arm_examples(mine, TRAINING, rng)
    chosen += list(two_arm_examples(from_statements(stated, rng), TRAINING, rng))[:STATED]
    rng.shuffle(chosen)
    return chosen


def two_arm_examples(findings: Sequence[Finding], wordings: Wordings, rng: random.Random) -> Iterator[Example]:
    """Make one example of each finding with two arms; its direction is drawn, as its evidence is written for it."""
    for finding in findings:
        if not finding.b:
            continue
        direction = rng.choice(("up", "down", "same"))
        other = findings[rng.randrange(len(findings))].outcome
        evidence = two_arm_evidence(finding, direction, other, rng)
        swap = rng.random() < 0.35
        claim, marked = prepare(
            word(wordings, rng.choice(("up", "down", "same")), finding.arms, rng, swap=swap), evidence
        )
        yield Example(claim, marked, DIRECTIONS.index(FLIP[direction] if swap else direction), "two arms")


def two_arm_evidence(finding: Finding, direction: str, other: str, rng: random.Random) -> str:
    """Write evidence for a direction, arms named in short or as intervention and control."""
    roll = rng.random()
    forms = _NUMBERS if roll < 0.5 else _RATIOS if roll < 0.65 else _WORDS[direction]
    low, high = sorted(rng.uniform(1, 90) for _ in range(2))
    if direction == "same" and rng.random() < 0.6:
        high = low * rng.uniform(1.01, 1.1)
    x, y = (high, low) if direction == "up" or (direction == "same" and rng.random() < 0.5) else (low, high)
    places = rng.choice((0, 1, 1, 2))
    if f"{x:.{places}f}" == f"{y:.{places}f}":
        places = 2
    ratio, spread = rng.uniform(1.15, 4), rng.uniform(1.02, 1.12)
    low, high = {"up": (ratio / spread, ratio * spread), "down": (1 / (ratio * spread), spread / ratio)}.get(
        direction, (1 / ratio, ratio * spread)
    )
    a, b = named(finding, rng)
    return rng.choice(forms).format(
        o=finding.outcome.strip(" ."),
        a=a,
        b=b,
        other=other.strip(" ."),
        x=f"{x:.{places}f}",
        y=f"{y:.{places}f}",
        u=rng.choice(("%", "", "", " mm", " days")),
        s=f"{rng.uniform(0.5, 20):.1f}",
        n=rng.randint(10, 99),
        m=rng.randint(10, 99),
        r=f"{(low * high) ** 0.5:.2f}",
        l=f"{low:.2f}",
        h=f"{high:.2f}",
        sig=rng.choice(_CHANCE if direction == "same" else _SMALL).format(n=rng.randint(11, 94)),
    )


_SMALL = ("p < 0.05", "P<0.001", "p = 0.00{n}", "p < 0.01", "P=0.02", "p = 0.013", "p<0.0001")
_CHANCE = ("p = 0.{n}", "P = 0.{n}", "p > 0.05", "NS", "P=0.{n}", "not significant", "P = NS", "p = 0.06")


def named(finding: Finding, rng: random.Random) -> tuple[str, str]:
    """Return how evidence may name the two arms: in full, in short, or by their part in the trial."""
    if CONTROL.search(finding.b) and not CONTROL.search(finding.a) and rng.random() < 0.4:
        return rng.choice(("intervention", "treatment", "experimental")), rng.choice(("control", "control", "placebo"))
    if rng.random() < 0.5:
        a, b = short(finding.a), short(finding.b)
        if a.lower() != b.lower():
            return a, b
    return finding.a.strip(" ."), finding.b.strip(" .")


def short(arm: str) -> str:
    """Return an arm's abbreviation in brackets, or its first words."""
    if letters := re.search(r"\(([A-Z][A-Za-z0-9+/-]{1,9})\)", arm):
        return letters[1]
    return " ".join(re.sub(r"\s*\([^)]*\)?", "", arm).split()[:3]).strip(" ,.")
