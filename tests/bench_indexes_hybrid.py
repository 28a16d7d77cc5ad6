"""One query at 20,000 documents, text fetched: LangChain's EnsembleRetriever over BM25Retriever and FAISS; bm25s.

All use the same encoder, which needs no model ("hashing"), so that searching and not embedding is measured; each
query is encoded anew on both sides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from abstracts import Paper, papers, questions
from measuring import alternate, less, skipped

from indexes import Index, build, load_encoder

K = 10


def rows(documents: int = 20_000, queries: int = 50, runs: int = 3) -> Iterator[dict[str, Any]]:
    """Yield milliseconds a query."""
    corpus, what = papers(documents)
    asked = questions(queries, corpus)
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "papers.jsonl"
        source.write_bytes(b"".join(orjson.dumps(paper._asdict()) + b"\n" for paper in corpus))
        build(Path(name) / "index", [source], encoder="hashing")
        with Index(Path(name) / "index") as index:
            for mode, label, make in (
                ("hybrid", "hybrid search against LangChain's EnsembleRetriever (BM25Retriever, FAISS)", ensemble),
                ("lexical", "BM25 search against bm25s", bm25s_search),
            ):
                title = f"{label}, {what}"
                try:
                    peer = make(corpus)
                except ImportError as error:
                    yield skipped(title, error)
                    continue
                ours = partial(index.search, k=K, mode=mode)
                assert all(len(peer(query)) >= K <= len(ours(query)) for query in asked[:3])  # and both are warm
                best = alternate({"ours": partial(each, ours, asked), "peer": partial(each, peer, asked)}, runs)
                yield less(title, *(best[side] / queries * 1000 for side in ("ours", "peer")), "ms/query", runs)


def each(search: Callable[[str], Any], asked: list[str]) -> None:
    for query in asked:
        search(query)


def ensemble(corpus: list[Paper]) -> Callable[[str], Any]:
    """LangChain's way to hybrid search, with its defaults but for k."""
    from langchain_classic.retrievers import EnsembleRetriever
    from langchain_community.retrievers import BM25Retriever
    from langchain_community.vectorstores import FAISS
    from langchain_core.embeddings import Embeddings

    class Hashing(Embeddings):
        encoder = load_encoder("hashing")

        def embed_documents(self, texts: list[str]) -> list[list[float]]:
            return self.encoder.encode(texts, "document").tolist()

        def embed_query(self, text: str) -> list[float]:
            return self.encoder.encode([text], "query")[0].tolist()

    texts = [paper.text for paper in corpus]
    metadatas = [{"pmid": paper.pmid} for paper in corpus]
    words = BM25Retriever.from_texts(texts, metadatas=metadatas, k=K)
    dense = FAISS.from_texts(texts, Hashing(), metadatas=metadatas).as_retriever(search_kwargs={"k": K})
    retriever = EnsembleRetriever(retrievers=[words, dense], weights=[0.5, 0.5])
    return retriever.invoke


def bm25s_search(corpus: list[Paper]) -> Callable[[str], Any]:
    """bm25s with its defaults: scores computed when indexing, texts held in memory."""
    import bm25s

    texts = [paper.text for paper in corpus]
    retriever = bm25s.BM25(corpus=texts)
    retriever.index(bm25s.tokenize(texts, show_progress=False), show_progress=False)

    def search(query: str) -> Any:
        tokens = bm25s.tokenize(query, show_progress=False)
        return retriever.retrieve(tokens, k=K, show_progress=False).documents[0]

    return search
