"""Layer B over a run: hold every claim against each frame of evidence, and keep what was judged.

Resumable: a judgement's key is the sha256 of the claim, its evidence and the checker, and one that is there is not made
again. Killed anywhere, it loses the batch in flight.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from experiments.lines import append_lines, mend
from experiments.records import fingerprint
from experiments.retrieval import Report
from rag.flags import Flag

from .answers import Answer, Answers
from .checker import Checker
from .claims import Claim
from .evidence import Chunk, Library, gold_answers, near_chunks
from .exact import Exact
from .judging import Pair, Scores, general, judge, score_pairs
from .pooling import Pools
from .records import (
    JUDGEMENT_SLOT,
    Frame,
    Judgement,
    Ledger,
    evidence_path,
    judgements_path,
    read_evidence,
)

VERSION = "2"  # of the way claims and chunks are made; a new one judges anew
BATCH = 32  # answers judged between two writes


@dataclass(frozen=True, slots=True)
class Job:
    """One claim in one frame, with the chunks it is held against."""

    key: str
    answer: Answer
    place: int
    claim: Claim
    frame: Frame
    chunks: tuple[Chunk, ...]
    flags: tuple[Flag, ...]


@dataclass(slots=True)
class Done:
    """What an audit did: judgements made now and found there, and (claim, chunk) pairs the checker read."""

    new: int = 0
    kept: int = 0
    pairs: int = 0


def judge_claims(
    run: Path,
    answers: Answers,
    library: Library,
    *,
    checker: Checker,
    name: str,
    pools: Pools,
    findings: Mapping[str, Exact],
    report: Report = lambda stage, done, total: None,
) -> Done:
    """Judge every claim of a run in every frame it has, and append what is new to the run's judgements.

    name: what the judgements call the checker; another name is another checker, and judges anew. findings: of the
    exact checks, by record key.
    """
    mend(evidence_path(run))
    ledger = Ledger(judgements_path(run), JUDGEMENT_SLOT)
    texts = read_evidence(run)
    done, confirm = Done(), not general(checker)
    total = len(answers.answers)
    for start in range(0, total, BATCH):
        batch = answers.answers[start : start + BATCH]
        jobs = [job for a in batch for job in _jobs(a, answers, library, pools, name, findings)]
        todo = [job for job in jobs if ledger.missing(job.key)]
        ledger.keep(job.key for job in jobs if not ledger.missing(job.key))
        done.kept += len(jobs) - len(todo)
        pairs = [(job.claim.text, chunk.text) for job in todo for chunk in job.chunks]
        scores = score_pairs(checker, pairs)
        done.pairs += len(scores)
        done.new += len(todo)
        _keep_texts(run, judged := [_judgement(job, scores, name, confirm) for job in todo], library, texts)
        ledger.add(judged)
        report("judging claims", start + len(batch), total)
    return done


def _jobs(
    answer: Answer,
    answers: Answers,
    library: Library,
    pools: Pools,
    name: str,
    findings: Mapping[str, Exact],
) -> Iterator[Job]:
    frames = _frames(answer, answers, library, pools)
    for place, claim in enumerate(answer.claims):
        flags = findings[answer.record.key].of_claims[place]
        for frame, ids in frames.items():
            chunks = tuple(near_chunks(claim.text, ids, library))
            where = (answer.task, answer.sample.id, answer.contender, answer.record.key, place)
            mark = (VERSION, name, where, claim, frame, [(c.id, c.text) for c in chunks], flags)
            yield Job(fingerprint(*mark), answer, place, claim, frame, chunks, flags)


def _frames(answer: Answer, answers: Answers, library: Library, pools: Pools) -> dict[Frame, Collection[str]]:
    """Return an answer's frames: the pool, its own context if it was given one, the gold answer if it is a text."""
    frames: dict[Frame, Collection[str]] = {Frame.POOLED: pools[answer.task, answer.sample.id]}
    if answer.shown is not None:
        frames[Frame.OWN] = answer.shown
    if gold := gold_answers(answers.tasks[answer.task], answer.sample):
        base = f"gold:{answer.task}:{answer.sample.id}"
        frames[Frame.GOLD] = [library.add(f"{base}:{number}", text) for number, text in enumerate(gold, 1)]
    return frames


def _judgement(job: Job, scores: Mapping[Pair, Scores], name: str, confirm: bool) -> Judgement:
    judged = judge(job.claim.text, job.chunks, scores, confirm=confirm)
    return Judgement(
        key=job.key,
        task=job.answer.task,
        sample=job.answer.sample.id,
        contender=job.answer.contender,
        record=job.answer.record.key,
        claim=job.place,
        text=job.claim.text,
        part=job.claim.part,
        frame=job.frame,
        checker=name,
        verdict=judged.verdict,
        scores=judged.scores,
        evidence=tuple(dict.fromkeys(chunk.id for chunk in judged.chunks)),
        chunk=judged.chunks[0].text if judged.chunks else "",
        flags=job.flags,
        seed=job.answer.record.seed,
    )


def _keep_texts(run: Path, judgements: Sequence[Judgement], library: Library, known: dict[str, str]) -> None:
    """Append the texts, where they are new or changed, before the judgements that name them."""
    named = dict.fromkeys(id for one in judgements for id in one.evidence)
    new = {id: text for id in named if (text := library.text(id)) is not None and known.get(id) != text}
    if new:
        append_lines(evidence_path(run), [{"id": id, "text": text} for id, text in new.items()])
        known |= new
