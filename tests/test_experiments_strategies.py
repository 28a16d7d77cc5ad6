"""Strategies: how many calls, with what in the prompt, and what becomes of the replies."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field

from experiments.asking import ask_baseline, ask_batch
from experiments.contenders import Contender
from experiments.records import Passage, Sample
from experiments.rules import choose, verdict
from experiments.strategies import prompt_text, softmax
from experiments.tasks import get_task
from rag.answer import Evidence

TASK = get_task("pubmedqa")
OPTIONS = {"A": "yes", "B": "no", "C": "maybe"}
SAMPLE = Sample("1", "Does it work?", "A", OPTIONS, gold_pmids=("7",))


class Fake(BaseChatModel):
    """Reply with a function of the prompt; remember what was asked."""

    reply: Any
    asked: list[Any] = Field(default_factory=list)
    batches: list[int] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "fake"

    def batch(self, inputs: Any, config: Any = None, *, return_exceptions: bool = False, **kwargs: Any) -> list[Any]:
        self.batches.append(len(inputs))
        found: list[Any] = []
        for messages in inputs:
            self.asked.append((messages[-1].content, kwargs))
            text = self.reply(messages[-1].content, len(self.asked))
            found.append(text if isinstance(text, Exception) else AIMessage(text))
        return found

    def _generate(self, messages: list[BaseMessage], *args: Any, **kwargs: Any) -> ChatResult:
        raise AssertionError("batch is what must be called")
        return ChatResult(generations=[ChatGeneration(message=AIMessage(""))])


def evidence(pmid: str, text: str) -> Evidence:
    return Evidence(pmid, "", text, 2001, "", (), "ok", 1.0, 1.0)


def ask(model: Any, strategy: str, calls: int = 1, passages: tuple[Evidence, ...] = (), sample: Sample = SAMPLE) -> Any:
    return ask_batch(model, Contender("c", "m", strategy=strategy, calls=calls), [(TASK, sample, passages)])[0]


def test_direct_asks_once_with_question_options_and_passages() -> None:
    model = Fake(reply=lambda text, n: "A")
    answered = ask(model, "direct", passages=(evidence("12", "It works </passage> well."),))
    ((text, settings),) = model.asked
    assert (answered.output, answered.calls, settings) == ("A", 1, {})
    assert "Question: Does it work?" in text
    assert "A. yes\nB. no\nC. maybe" in text
    assert '<passage pmid="12" year="2001">\nIt works ＜/passage> well.\n</passage>' in text
    assert text.count("</passage>") == 1


def test_without_passages_none_are_spoken_of() -> None:
    model = Fake(reply=lambda text, n: "A")
    ask(model, "direct")
    assert "assage" not in model.asked[0][0]


def test_a_given_context_is_read_by_everyone() -> None:
    model = Fake(reply=lambda text, n: "A")
    task = get_task("pubmedqa-context")
    sample = Sample("1", "?", "A", OPTIONS, context=(Passage("9", "The abstract."),))
    ask_batch(model, Contender("c", "m"), [(task, sample, ())])
    assert '<text id="9">\nThe abstract.\n</text>' in model.asked[0][0]


def test_self_consistency_takes_the_answer_most_often_given() -> None:
    replies = ["Final answer: B", "Final answer: A", "hm", "So. Final answer: A", "Final answer: B", "Final answer: A"]
    model = Fake(reply=lambda text, n: replies[n - 1])
    answered = ask(model, "self-consistency", 6)
    assert (answered.output, answered.calls, model.batches) == ("Final answer: A", 6, [6])
    assert answered.probabilities == pytest.approx({"A": 3 / 6, "B": 2 / 6, "no answer": 1 / 6})
    assert model.asked[0][1] == {"temperature": 0.7}


def test_draws_of_one_prompt_get_seeds_of_their_own_where_the_model_takes_one() -> None:
    class Seeded(Fake):
        seed: int = 0

    model = Seeded(reply=lambda text, n: f"Final answer: {'AB'[n % 2]}")
    contender = Contender("c", "m", strategy="self-consistency", calls=3)
    samples = [(TASK, SAMPLE, ()), (TASK, Sample("2", "And that?", "A", OPTIONS), ())]
    ask_batch(model, contender, samples, seed=40)
    assert model.batches == [2, 2, 2]
    assert [settings["seed"] for _, settings in model.asked] == [40, 40, 41, 41, 42, 42]


def test_verification_of_choice_argues_for_each_option_then_chooses() -> None:
    def reply(text: str, n: int) -> str:
        for letter in OPTIONS:
            if f"Assume that option {letter} " in text:
                return f"Because {letter}{letter}."
        assert "[For A]\nBecause AA.\n\n[For B]\nBecause BB.\n\n[For C]\nBecause CC." in text
        return "BB stands. Final answer: B"

    model = Fake(reply=reply)
    answered = ask(model, "voc", 5)
    assert (answered.output, answered.calls, model.batches) == ("BB stands. Final answer: B", 5, [3, 2])
    assert answered.meta["arguments"] == ["Because AA.", "Because BB.", "Because CC."]


def test_verification_of_choice_says_what_it_needs() -> None:
    answered = ask(Fake(reply=lambda text, n: ""), "voc", 3)
    assert (answered.output, answered.calls) == (None, 0)
    assert "calls: 4 at least, not 3" in answered.error


def test_loglikelihood_gives_probabilities() -> None:
    class Scoring(Fake):
        def choice_logprobs(self, prompts: list[Any], choices: list[str]) -> list[list[float]]:
            return [[math.log(0.2), math.log(0.1), math.log(0.1)] for _ in prompts]

    answered = ask(Scoring(reply=None), "loglikelihood")
    assert answered.output == "A"
    assert answered.probabilities == pytest.approx({"A": 0.5, "B": 0.25, "C": 0.25})
    refused = ask(Fake(reply=None), "loglikelihood")
    assert "Fake gives no log-likelihoods of choices: use strategy direct" in refused.error


def test_softmax_of_far_apart_values_does_not_overflow() -> None:
    assert softmax({"A": -2000.0, "B": -1000.0}) == {"A": 0.0, "B": 1.0}


def test_a_failure_is_its_own_samples_only() -> None:
    model = Fake(reply=lambda text, n: ValueError("boom") if "fail" in text else "B")
    samples = [Sample(str(n), q, "A", OPTIONS) for n, q in enumerate(["a?", "fail?", "b?"])]
    said = ask_batch(model, Contender("c", "m"), [(TASK, s, ()) for s in samples])
    assert [(a.output, a.error) for a in said] == [("B", None), (None, "ValueError: boom"), ("B", None)]


def test_tokens_are_added_up_over_calls() -> None:
    class Counted(Fake):
        def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
            usage = {"input_tokens": 10, "output_tokens": 3, "total_tokens": 13}
            return [AIMessage("Final answer: A", usage_metadata=usage) for _ in inputs]

    answered = ask(Counted(reply=None), "self-consistency", 4)
    assert (answered.tokens_in, answered.tokens_out) == (40, 12)


def test_baselines_need_no_model() -> None:
    letters = [ask_baseline("baseline:random", TASK, Sample(str(n), "?", "A", OPTIONS), 0).output for n in range(3000)]
    # each letter has probability 1/3: 1000 ± 4 standard deviations of 25.8
    assert all(900 < letters.count(letter) < 1100 for letter in OPTIONS)
    assert ask_baseline("baseline:majority", TASK, SAMPLE, 0, "B").output == "B"


@pytest.mark.parametrize(
    ("quotes", "options", "letter"),
    [
        (["Aspirin reduced stroke significantly."], OPTIONS, "A"),
        (["There was no difference between the groups."], OPTIONS, "B"),
        (["Further research is needed."], OPTIONS, "C"),
        (["Further research is needed."], {"A": "yes", "B": "no"}, None),
        (["It reduced risk.", "In conclusion, it is not effective."], OPTIONS, "B"),
        (["Xyzzy."], OPTIONS, None),
        (["Pain scores were significantly lower (P<0.001)."], "EI", "B"),
        (["Pain did not differ significantly."], "EI", "C"),
        (["Survival was higher in the drug group."], "EI", "A"),
        (["Pain was measured with a ruler."], "EI", None),
        (["Give metformin first."], {"A": "insulin", "B": "metformin"}, "B"),
        (["Give metformin or insulin."], {"A": "insulin", "B": "metformin"}, None),
    ],
)
def test_rules_read_a_verdict_from_quotations(quotes: list[str], options: Any, letter: str | None) -> None:
    if options == "EI":
        options = {"A": "significantly increased", "B": "significantly decreased", "C": "no significant difference"}
    assert choose(quotes, options) == letter


def test_the_reader_by_rules_abstains_without_evidence_and_answers_with_it() -> None:
    from rag.extractive import Extractive

    contender = Contender("c (rules)", "extractive", strategy="rules")
    question = Sample("1", "Does aspirin prevent stroke?", "A", OPTIONS)
    read = evidence("5", "Aspirin and stroke\nWe gave aspirin. Aspirin significantly reduced stroke in adults.")
    closed, shown = ask_batch(Extractive(), contender, [(TASK, question, ()), (TASK, question, (read,))])
    assert "does not answer" in closed.output or "do not answer" in closed.output
    assert shown.output.endswith("Final answer: A")
    assert '> 5: "Aspirin significantly reduced stroke in adults."' in shown.output


def test_the_shipped_models_judge_the_papers_that_are_quoted_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from rag.extractive import Extractive

    asked: list[tuple[str, str]] = []

    class Reader:
        def scores(self, pairs: list[tuple[str, str]]) -> Any:
            asked.extend(pairs)
            return np.tile([0.1, 0.7, 0.1, 0.1], (len(pairs), 1))

    monkeypatch.setattr("finetuned.reader.load_reader", Reader)
    contender = Contender("c", "extractive", strategy="judged")
    question = Sample("1", "Does aspirin prevent stroke?", "A", OPTIONS)
    read = replace(evidence("5", "Aspirin and stroke\nAspirin significantly reduced stroke in adults."), match=2.0)
    other = replace(evidence("6", "Rotas\nRotas were long."), match=0.1)
    closed, shown = ask_batch(Extractive(), contender, [(TASK, question, ()), (TASK, question, (other, read))])
    assert "do not answer" in closed.output
    assert shown.output.endswith("Final answer: B")  # by the reader, whatever the sentence says
    assert asked == [(question.question, read.text)]


def test_other_weights_are_another_contender(monkeypatch: pytest.MonkeyPatch) -> None:
    def mark(model: str, strategy: str) -> str:
        return str(Contender("c", model, strategy=strategy).entry(None)["fingerprint"])

    kinds = [("extractive", "rules"), ("extractive", "judged"), ("reader", "direct"), ("hf:a/b", "direct")]
    before = [mark(*kind) for kind in kinds]
    assert len(set(before)) == 4
    monkeypatch.setattr("finetuned.adapters.shipped_sha256", lambda name: {"head.safetensors": f"other {name}"})
    assert [mark(*kind) == old for kind, old in zip(kinds, before, strict=True)] == [False, False, False, True]


def test_a_verdict_quotes_only_what_was_quoted() -> None:
    assert verdict("ABSTAIN: nothing", OPTIONS).endswith("The passages do not answer the question.")


def test_every_prompt_is_in_the_fingerprint() -> None:
    from experiments.prompts import COT, SYSTEM, VOC_ARGUE

    assert SYSTEM in prompt_text("direct")
    assert COT in prompt_text("cot")
    assert VOC_ARGUE in prompt_text("voc")
    assert len({prompt_text(s) for s in ("direct", "cot", "voc", "rules", "judged", "self-consistency")}) == 6


def test_a_local_model_gives_letter_probabilities_and_differing_draws(tmp_path: Path) -> None:
    import torch
    from tiny_model import make_model

    from experiments.prompts import prompt
    from rag.llm import load_llm

    model = load_llm(f"hf:{make_model(tmp_path / 'tiny')}?max_new_tokens=8")
    answered = ask(model, "loglikelihood")
    # the oracle: the model's own next-token distribution after the rendered prompt, over the three letters
    loaded = model.loaded  # type: ignore[attr-defined]
    ids = loaded.tokenizer.apply_chat_template(
        [{"role": {"human": "user"}.get(m.type, m.type), "content": m.content} for m in prompt(TASK, SAMPLE, ())],
        add_generation_prompt=True,
        tokenize=False,
    )
    context = loaded.tokenizer.encode(ids, add_special_tokens=False)
    letters = [loaded.tokenizer.encode(ids + x, add_special_tokens=False)[len(context) :] for x in OPTIONS]
    assert all(len(tokens) == 1 for tokens in letters)
    with torch.inference_mode():
        logits = loaded.model(torch.tensor([context])).logits[0, -1].float()
    expected = torch.softmax(logits[[tokens[0] for tokens in letters]], dim=0).tolist()
    assert [answered.probabilities[x] for x in OPTIONS] == pytest.approx(expected, abs=1e-4)
    drawn = ask(model, "self-consistency", 3)
    assert len(set(drawn.meta["replies"])) > 1
