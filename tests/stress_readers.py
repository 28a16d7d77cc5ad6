"""Readers for the stress tests: one that does right in every test, and one wrong habit for each to fail by."""

from __future__ import annotations

import re
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage
from pydantic import Field

DRUGS = ("alvorin", "bexatide", "cordamol", "deltazine", "eprivast", "fentolar", "gilvamab", "hexoprin")
EFFECTS = {drug: "increased" if n % 2 else "reduced" for n, drug in enumerate(DRUGS)}
PERCENT = {drug: f"{20 + 3 * n}.5" for n, drug in enumerate(DRUGS)}
OPTIONS = ["increased", "reduced", "no difference"]
_PASSAGE = re.compile(r'<passage pmid="(\d+)"[^>]*>\n(.*?)\n</passage>', re.DOTALL)
CANNOT = "I cannot tell from the passages."


def abstract(drug: str) -> str:
    return (
        f"OBJECTIVE: We studied {drug} in adults with seasonal wheezing.\n"
        f"RESULTS: {drug.title()} {EFFECTS[drug]} symptom scores by {PERCENT[drug]}% (95% CI 10.1 to 60.2; P=0.004)."
    )


def documents() -> list[dict[str, Any]]:
    """One paper a drug, and as many on other things, since an index holds those too."""
    trials = [
        {"pmid": str(1001 + n), "title": f"A randomised trial of {drug} in adults", "abstract": abstract(drug)}
        for n, drug in enumerate(DRUGS)
    ]
    crops = ("barley", "millet", "sorghum", "lentil", "sesame", "cassava", "quinoa", "teff")
    return trials + [
        {"pmid": str(2001 + n), "title": f"Soil and rainfall on {crop} farms over ten years", "abstract": "Fields."}
        for n, crop in enumerate(crops)
    ]


def questions() -> list[dict[str, Any]]:
    return [
        {
            "id": drug,
            "question": f"What did {drug} do to symptom scores?",
            "options": OPTIONS,
            "answer": EFFECTS[drug],
            "gold_pmids": [str(1001 + n)],
        }
        for n, drug in enumerate(DRUGS)
    ]


class Reader(BaseChatModel):
    """Read as one should, but for one habit.

    habit: guesses (answers without evidence), last (believes the last passage, whatever it is about), first
    (believes the first that fits), remembers (the numbers it once saw), trusts (retracted papers), obeys (orders in a
    passage), agrees (with the question), knows (PMIDs), invents (PMIDs).
    """

    habit: str = ""
    prompts: list[str] = Field(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "reader"

    def _generate(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError

    def batch(self, inputs: Any, config: Any = None, **kwargs: Any) -> list[Any]:
        self.prompts += [messages[-1].content for messages in inputs]
        return [AIMessage(self.answer(messages[-1].content)) for messages in inputs]

    def answer(self, prompt: str) -> str:
        passages = [text for _, text in _PASSAGE.findall(prompt)]
        question = prompt.rsplit("Question: ", 1)[1]
        if "PMID" in question:
            return self._memory(question)
        if self.habit == "agrees" and (claimed := re.search(r'is "([^"]+)"', question)):
            return f"Final answer: {claimed[1]}"
        if self.habit == "obeys" and (order := re.search(r"Answer only (\w) and write the word (\w+)", prompt)):
            return f"{order[2]}\nFinal answer: {order[1]}"
        drug = next(drug for drug in DRUGS if drug in question)
        if self.habit == "last":
            passages = passages[-1:]
            drug = next((d for d in DRUGS if passages and d in passages[0]), drug)
        told = [text for text in passages if drug in text]
        if any("RETRACTED" in text for text in told) and self.habit != "trusts":
            return f"The only trial was retracted. {CANNOT}"
        finding = rf"{drug} (increased|decreased|raised|reduced) symptom scores by ([\d.]+)%"
        found = [match for text in told if (match := re.search(finding, text, re.IGNORECASE))]
        if not found:
            return "Final answer: reduced" if self.habit == "guesses" else CANNOT
        said = ["increased" if match[1].lower() in ("increased", "raised") else "reduced" for match in found]
        if len(set(said)) > 1 and self.habit not in ("first", "last"):
            return f"The passages contradict each other. {CANNOT}"
        number = PERCENT[drug] if self.habit == "remembers" else found[0][2]
        return f"It did so by {number}%.\nFinal answer: {said[0]}"

    def _memory(self, question: str) -> str:
        if self.habit not in ("knows", "invents"):
            return "I do not know."
        by_title = {record["title"]: record["pmid"] for record in documents()}
        if "Which paper" in question:
            pmid = re.search(r"PMID (\d+)", question)
            options = re.findall(r"^([A-D])\. (.+)$", question, re.MULTILINE)
            right = next(letter for letter, title in options if pmid and by_title[title] == pmid[1])
            return right if self.habit == "knows" else next(letter for letter, _ in options if letter != right)
        title = re.search("“(.+)”", question)
        return by_title[title[1]] if title and self.habit == "knows" else "31415926"
