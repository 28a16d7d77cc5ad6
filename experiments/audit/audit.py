"""`clinrag experiment audit`: judge every answer of a run in up to four layers, and keep the judgements in the run.

RUN/audit/audit.json        what was audited, with which index, checker and judge; written last
"""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from experiments.contenders import index_identity
from experiments.lines import read_document, write_document
from experiments.retrieval import Report
from experiments.runs import alone, read_run

from .answers import Answers, State, read_answers
from .checker import DEFAULT_CHECKER, Checker, checker_name, load_checker
from .claim_run import Done, judge_claims
from .evidence import Library
from .exact import Exact, check_exactly
from .judge_run import JudgeDone, ask_judge, check_judge
from .pooling import pool
from .wholes import judge_answers

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel


NO_CHECKER = "none"


@dataclass(frozen=True, slots=True)
class Settings:
    """How to audit. `papers`: a file of papers that the index lacks. `checker` and `judge` are names of models."""

    index: Path | None = None
    papers: Path | None = None
    codes: Path | None = None
    checker: str = DEFAULT_CHECKER
    judge: str | None = None
    tasks: tuple[str, ...] = ()
    limit: int | None = None


@dataclass(slots=True)
class Audit:
    """What an audit did: answers read, judgements made and kept, and what the LLM judge did."""

    answers: int
    done: Done
    judge: JudgeDone | None = None


def audit_run(
    run: Path,
    settings: Settings,
    *,
    checker: Checker | None = None,
    judge: BaseChatModel | None = None,
    report: Report = lambda stage, done, total: None,
) -> Audit:
    """Audit a run; interrupted, the same call goes on where it was.

    checker, judge: models already loaded; by default those that the settings name ("none": no layer B and C).

    Raises:
        RecordsError: `run` is no run, or a file in it is damaged. ConfigError: the judge is of a contestant's family.
        RunStoppedError: another process audits it.
    """
    from indexes.index import Index

    read_run(run)
    with ExitStack() as stack:
        stack.enter_context(alone(run / "audit", "auditing into"))
        index = stack.enter_context(Index(settings.index)) if settings.index else None
        library = Library(run, index=index, papers=settings.papers)
        answers = read_answers(run, library, tasks=settings.tasks, limit=settings.limit)
        if settings.judge:
            check_judge(settings.judge, answers)  # before an hour's work, not after it
        reader = checker if checker or settings.checker == NO_CHECKER else load_checker(settings.checker)
        name = checker_name(settings.checker, reader) if reader else settings.checker
        findings = _exactly(answers, library, settings.codes, report)
        pools = pool(run, answers.answers, library, report=report) if reader or settings.judge else {}
        done = Done()
        if reader:
            done = judge_claims(
                run, answers, library, checker=reader, name=name, pools=pools, findings=findings, report=report
            )
        judge_answers(run, answers, library, checker=reader, name=name, findings=findings, report=report)
        asked = None
        if settings.judge:
            model = judge or _load_judge(settings.judge)
            asked = ask_judge(run, answers, library, pools, model=model, spec=settings.judge, report=report)
        _write(
            run, settings, name if reader else None, answers, index_identity(index.manifest) if index else None, asked
        )
        return Audit(len(answers.answers), done, asked)


def _exactly(answers: Answers, library: Library, table: Path | None, report: Report) -> dict[str, Exact]:
    from rag.codes import read_codes

    codes = read_codes(table) if table else None
    found = {}
    for number, answer in enumerate(answers.answers, 1):
        if answer.state == State.CLAIMS:
            found[answer.record.key] = check_exactly(answer, library, codes=codes)
        report("checking citations, quotations and numbers", number, len(answers.answers))
    return found


def _load_judge(spec: str) -> BaseChatModel:
    from rag.llm import load_llm

    return load_llm(spec)


def audit_path(run: Path) -> Path:
    return run / "audit" / "audit.json"


def read_audit(run: Path) -> dict[str, Any] | None:
    """Return what a run's last finished audit was; None if there is none.

    Raises:
        RecordsError: audit.json is damaged.
    """
    path = audit_path(run)
    return read_document(path, "run `experiment audit` again, which makes it anew") if path.is_file() else None


def _write(
    run: Path,
    settings: Settings,
    checker: str | None,
    answers: Answers,
    identity: dict[str, Any] | None,
    judged: JudgeDone | None,
) -> None:
    content = {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "tasks": list(answers.tasks),
        "limit": settings.limit,
        "checker": checker,
        "judge": settings.judge and {"name": settings.judge} | asdict(judged or JudgeDone()),
        "index": identity,
        "papers": settings.papers and settings.papers.name,
        "codes": settings.codes is not None,
    }
    write_document(audit_path(run), content, option=orjson.OPT_INDENT_2)
