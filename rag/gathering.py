"""Iterative retrieval: the model asks for further searches before it answers (as i-MedRAG does, Xiong et al. 2024).

Its wishes are plain lines of text, searched for and never evaluated; it sees the question and the passages found so
far, never answer options.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from langchain_core.language_models import BaseChatModel
from langchain_core.runnables import RunnableConfig

from .answer import Evidence
from .context import fit_passages
from .drafting import Drafting
from .llm import model_name
from .prompt import query_messages, read_queries
from .reading import is_generative
from .retriever import PubMedRetriever, to_evidence

QUERIES_A_ROUND = 3


def gather(
    question: str,
    evidence: Sequence[Evidence],
    retriever: PubMedRetriever,
    llm: BaseChatModel,
    *,
    rounds: int,
    out: Drafting,
    window: int | None = None,
    config: RunnableConfig | None = None,
) -> tuple[tuple[Evidence, ...], tuple[str, ...]]:
    """Return the first evidence followed by what at most `rounds` × 3 further searches add, and these searches.

    What is added goes in turn by rank; its `match` is against the question itself, so that it compares with the rest.
    """
    if rounds and not is_generative(llm):
        out.notes.append(f"The model {model_name(llm)} asks for no further searches.")
        return tuple(evidence), ()
    known = list(evidence)
    asked: list[str] = []
    for _ in range(rounds):
        fitted = fit_passages(question, known, llm, window=window)
        messages = query_messages(question, fitted.evidence, QUERIES_A_ROUND, texts=fitted.texts)
        wishes = read_queries(out.read(llm.invoke(messages, config=config)), QUERIES_A_ROUND)
        new = [q for q in wishes if q.lower() not in {a.lower() for a in (question, *asked)}]
        if not new:
            break
        asked += new
        known += _added(question, new, retriever, {e.pmid for e in known}, config)
    return tuple(known), tuple(asked)


def _added(
    question: str, queries: Sequence[str], retriever: PubMedRetriever, known: set[str], config: RunnableConfig | None
) -> list[Evidence]:
    found = [[to_evidence(p) for p in retriever.invoke(query, config=config)] for query in queries]
    added: dict[str, Evidence] = {}
    for rank in range(max(map(len, found), default=0)):
        for results in found:
            if rank < len(results) and results[rank].pmid not in known:
                added.setdefault(results[rank].pmid, results[rank])
    match = retriever.index.match(question, np.array([int(p) for p in added], dtype=np.int64))
    return [replace(e, match=float(m)) for e, m in zip(added.values(), match, strict=True)]
