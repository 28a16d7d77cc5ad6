"""Ask the LLM judge about every answer, in two orders of the passages, and keep what it said.

RUN/audit/judge.jsonl       one line an answer: {"key", "task", "sample", "contender", "seed", "judge", "verdicts",
                            "facts", "void"}; a ledger. A failed call is not kept: the same command tries it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.errors import ConfigError
from experiments.records import fingerprint
from experiments.retrieval import Report

from .answers import Answer, Answers, State
from .evidence import Library, near_chunks
from .families import families, relatives
from .llm_judge import INSTRUCTIONS, Fact, agreed, judge_prompt, read_facts, sentence_verdicts
from .pooling import Pools
from .records import ANSWER_SLOT, Ledger

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

BATCH = 8
PASSAGES = 8  # a prompt; the nearest to any of the answer's claims


@dataclass(slots=True)
class JudgeDone:
    """What the judge did: answers judged now, found there, failed; why the first one failed."""

    new: int = 0
    kept: int = 0
    failed: int = 0
    reason: str = ""
    cautions: list[str] = field(default_factory=list)


def judge_path(run: Path) -> Path:
    return run / "audit" / "judge.jsonl"


def check_judge(spec: str, answers: Answers) -> list[str]:
    """Return cautions about a judge's independence.

    Raises:
        ConfigError: it is of the family of a contestant.
    """
    judged = {answer.contender for answer in answers.answers}
    contenders = {name: entry for name, entry in answers.content["contenders"].items() if name in judged}
    if found := relatives(spec, contenders):
        listed = "; ".join(f"{name} ({', '.join(sorted(shared))})" for name, shared in found.items())
        raise ConfigError(
            f"the judge {spec} is of the family of a contestant, and models favour their own: {listed}. "
            "Take a judge of another family (--judge SPEC)"
        )
    unknown = [name for name, e in contenders.items() if not families(f"{e.get('model', '')} {name}")]
    cautions = [f"the family of {', '.join(unknown)} is not known: the judge may be a relative"] if unknown else []
    return cautions if families(spec) else [*cautions, f"the family of the judge {spec} is not known"]


def ask_judge(
    run: Path,
    answers: Answers,
    library: Library,
    pools: Pools,
    *,
    model: BaseChatModel,
    spec: str,
    report: Report,
) -> JudgeDone:
    """Ask the judge about every answer that claims something; `check_judge` must have admitted it."""
    done = JudgeDone(cautions=check_judge(spec, answers))
    ledger = Ledger(judge_path(run), ANSWER_SLOT)
    asked = [answer for answer in answers.answers if answer.state == State.CLAIMS]
    for start in range(0, len(asked), BATCH):
        batch = {_key(a, spec, p): (a, p) for a in asked[start : start + BATCH] if (p := _passages(a, library, pools))}
        ledger.keep(key for key in batch if not ledger.missing(key))
        todo = {key: work for key, work in batch.items() if ledger.missing(key)}
        done.kept += len(batch) - len(todo)
        ledger.add(_ask(model, spec, todo, done))
        report(f"asking {spec}", start + len(asked[start : start + BATCH]), len(asked))
    return done


Work = tuple[Answer, dict[str, str]]


def _ask(model: BaseChatModel, spec: str, todo: Mapping[str, Work], done: JudgeDone) -> list[dict[str, Any]]:
    """Return the lines of a batch; all prompts, both orders, go to the model together."""
    prompts: list[Any] = [
        judge_prompt(answer.sample.question, [c.text for c in answer.claims], order)
        for answer, passages in todo.values()
        for order in (passages, dict(reversed(passages.items())))
    ]
    try:
        replies: Sequence[Any] = model.batch(prompts, return_exceptions=True) if prompts else []
    except Exception as error:  # whatever a provider raises is this batch's failure, not the audit's end
        replies = [error] * len(prompts)
    lines = []
    for place, (key, (answer, passages)) in enumerate(todo.items()):
        pair = replies[2 * place : 2 * place + 2]
        if failure := next((reply for reply in pair if isinstance(reply, BaseException)), None):
            done.failed += 1
            done.reason = done.reason or f"{type(failure).__name__}: {failure}"
            continue
        both = [read_facts(str(reply.text), len(answer.claims), passages) for reply in pair]
        done.new += 1
        lines.append(_line(key, answer, spec, both))
    return lines


def _line(key: str, answer: Answer, spec: str, both: Sequence[list[Fact] | None]) -> dict[str, Any]:
    count = len(answer.claims)
    first, second = (sentence_verdicts(facts or [], count) for facts in both)
    facts = [fact for found in both for fact in found or ()]
    return {
        "key": key,
        "task": answer.task,
        "sample": answer.sample.id,
        "contender": answer.contender,
        "seed": answer.record.seed,
        "said": answer.said,
        "judge": spec,
        "unreadable": any(facts is None for facts in both),
        "verdicts": agreed(first, second),
        "unstable": sum(a != b for a, b in zip(first, second, strict=True)),
        "void": sum(fact.void for fact in facts),
        "facts": [asdict(fact) for fact in facts],
    }


def _passages(answer: Answer, library: Library, pools: Pools) -> dict[str, str]:
    """Return the texts nearest to the answer's claims, each claim's best first in turn; none: nothing to judge by."""
    ids = pools[answer.task, answer.sample.id]
    near = [[chunk.id for chunk in near_chunks(claim.text, ids, library)] for claim in answer.claims]
    longest = max((len(row) for row in near), default=0)
    ranked = dict.fromkeys(row[n] for n in range(longest) for row in near if n < len(row))
    return {id: library.text(id) for id in list(ranked)[:PASSAGES]}


def _key(answer: Answer, spec: str, passages: Mapping[str, str]) -> str:
    return fingerprint(INSTRUCTIONS, spec, answer.record.key, answer.claims, list(passages.items()))
