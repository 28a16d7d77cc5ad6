"""The audit's own cost per claim, without a model, against peers' parts that need none: python tests/bench_audit.py

Ours: the whole of `experiment audit` (claims, retrieval in the sample index, exact checks, the gate, writing) with a
checker that answers at once. RAGAS: `Faithfulness` with a language model that answers at once with the same claims.
SelfCheckGPT: `SelfCheckNgram` (unigrams, 5 draws; with spaCy's blank English, which is faster than the model it loads
by default), against our layer C with word overlap as checker. Peers are run in the Python of $CLINRAG_PEERS, where they
are installed; without it, or without them, they are left out and named.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parent))

from audit_runs import write_run, yes_no

from experiments.audit.audit import Settings, audit_run
from experiments.audit.checker import load_checker
from experiments.audit.judging import score_pairs
from experiments.audit.sampling import selfcheck, selfcheck_pairs
from indexes import build

SAMPLE = Path(__file__).parents[1] / "indexes" / "sample"
ANSWERS, RUNS, DRAWS = 40, 3, 5
CLAIMS = (
    "Cardrenidine lowers the risk of atrial fibrillation after cardiac surgery.",
    "Quorvacept reduces swelling of joints in 42% of adults with arthritis.",
    "Brackley low-carbohydrate meals do not change the number of migraine days.",
    "Gestavorin is given before 14 weeks to women at high risk of pre-eclampsia.",
    "Bradycardia was seen more often with the highest dose of cardrenidine.",
)
RAGAS = """
import asyncio, json, sys, time
from langchain_core.outputs import Generation, LLMResult
from ragas.dataset_schema import SingleTurnSample
from ragas.llms.base import BaseRagasLLM
from ragas.metrics import Faithfulness
claims, answers = json.loads(sys.argv[1]), int(sys.argv[2])
STATEMENTS = json.dumps({"statements": claims})
VERDICTS = json.dumps({"statements": [{"statement": c, "reason": "r", "verdict": 1} for c in claims]})
class Instant(BaseRagasLLM):
    def said(self, prompt):
        text = VERDICTS if "verdict" in prompt.to_string().split("examples")[0].lower() else STATEMENTS
        return LLMResult(generations=[[Generation(text=text)]])
    def generate_text(self, prompt, *args, **kwargs): return self.said(prompt)
    async def agenerate_text(self, prompt, *args, **kwargs): return self.said(prompt)
    def is_finished(self, response): return True
metric = Faithfulness(llm=Instant())
text = " ".join(claims)
samples = [SingleTurnSample(user_input=f"q {n}", response=text, retrieved_contexts=claims) for n in range(answers)]
async def every():
    for sample in samples: assert await metric.single_turn_ascore(sample) == 1.0
started = time.process_time(); asyncio.run(every()); print(time.process_time() - started)
"""
SELFCHECK = """
import json, sys, time
import spacy
blank = spacy.blank("en"); blank.add_pipe("sentencizer"); spacy.load = lambda name: blank
from selfcheckgpt.modeling_selfcheck import SelfCheckNgram
claims, answers, draws = json.loads(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
text = " ".join(claims); check = SelfCheckNgram(n=1)
started = time.process_time()
for _ in range(answers): check.predict(sentences=claims, passage=text, sampled_passages=[text] * draws)
print(time.process_time() - started)
"""


class Instant:
    """A checker that answers at once."""

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        return np.tile(np.array([[0.8, 0.1, 0.1]], dtype=np.float32), (len(pairs), 1))


def ours_audit(folder: Path, index: Path) -> float:
    """Return the CPU seconds of one audit of fresh answers."""
    answers = [" ".join(f"{claim[:-1]} in trial {n}." for claim in CLAIMS) for n in range(ANSWERS)]
    run = write_run(folder, yes_no(ANSWERS), {"arm": answers})
    started = time.process_time()
    audit_run(run, Settings(index=index, checker="instant"), checker=Instant())
    return time.process_time() - started


def ours_signal() -> float:
    checker, text = load_checker("lexical"), " ".join(CLAIMS)
    started = time.process_time()
    for n in range(ANSWERS):
        draws = [f"{text} Draw {n}, {draw}." for draw in range(DRAWS)]
        scores = score_pairs(checker, selfcheck_pairs(CLAIMS, draws))
        assert all(selfcheck(claim, draws, scores) is not None for claim in CLAIMS)
    return time.process_time() - started


def peer(code: str, *arguments: str) -> float | None:
    """Return the CPU seconds a peer's program prints, None where it does not run here."""
    python = os.environ.get("CLINRAG_PEERS", "")
    if not shutil.which(python):
        return None
    done = subprocess.run(
        [python, "-c", code, json.dumps(CLAIMS), str(ANSWERS), *arguments], capture_output=True, text=True
    )
    if done.returncode:
        print(f"left out: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return None
    return float(done.stdout.split()[-1])


def rows() -> list[dict[str, Any]]:
    """Return the rows of the table: medians over runs that alternate, CPU milliseconds a claim."""
    audit: list[float] = []
    signal: list[float] = []
    ragas: list[float | None] = []
    check: list[float | None] = []
    with tempfile.TemporaryDirectory() as temporary:
        index = Path(temporary) / "index"
        build(index, [SAMPLE / "pubmed"], encoder="hashing")
        for number in range(RUNS + 1):  # the first warms caches and imports
            folder = Path(temporary) / str(number)
            folder.mkdir()
            audit.append(ours_audit(folder, index))
            signal.append(ours_signal())
            if number:
                ragas.append(peer(RAGAS))
                check.append(peer(SELFCHECK, str(DRAWS)))
    claims = ANSWERS * len(CLAIMS)
    return [
        _row("audit without a checker's time, against RAGAS Faithfulness", audit[1:], ragas, claims),
        _row(f"agreement with {DRAWS} draws, against SelfCheckNgram", signal[1:], check, claims),
    ]


def _row(name: str, ours: Sequence[float], theirs: Sequence[float | None], claims: int) -> dict[str, Any]:
    mine = statistics.median(ours) * 1000 / claims
    known = [value for value in theirs if value is not None]
    other = statistics.median(known) * 1000 / claims if known else None
    ratio = None if other is None else other / mine
    return {"name": name, "ours": mine, "peer": other, "unit": "ms CPU a claim", "ratio": ratio, "runs": RUNS}


if __name__ == "__main__":
    for row in rows():
        shown = {key: f"{value:.2f}" if isinstance(value, float) else value for key, value in row.items()}
        print("{name}: ours {ours}, peer {peer} {unit}, ratio {ratio}, {runs} runs".format(**shown))
