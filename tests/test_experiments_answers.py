"""Answers are read strictly: tables written by hand, since no library reads answers this way."""

import time

import pytest

from experiments.answers import (
    mirage_reading,
    parse_choice,
    parse_codes,
    parse_date,
    parse_entities,
    parse_names,
    parse_number,
    parse_text,
)
from experiments.answers.declared import without_thought
from experiments.records import Outcome

DRUGS = {"A": "Aspirin", "B": "Ibuprofen", "C": "Paracetamol", "D": "Aspirin and ibuprofen"}
YES_NO_MAYBE = {"A": "yes", "B": "no", "C": "maybe"}
CHANGE = {"A": "significantly increased", "B": "significantly decreased", "C": "no significant difference"}
UNPARSED, ABSTAINED = Outcome.UNPARSED, Outcome.ABSTAINED


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('{"step_by_step_thinking": "Not C: it is A.", "answer_choice": "B"}', "B"),
        ('```json\n{"answer_choice": "B"}\n```', "B"),
        ('{"answer_choice": "B. Ibuprofen"}', "B"),
        ('{"answer_choice": "b"}', "B"),
        ('{"answer": "Ibuprofen"}', "B"),
        ('{"answer_choice": "Option B"}', "B"),
        ('{"answer_choice": "D. Aspirin and ibuprofen"}', "D"),
        ('{"step_by_step_thinking": "He said \\"the answer is C\\"", "answer_choice": "B"}', "B"),
        ("The answer is (B).", "B"),
        ("So the correct answer is **B**", "B"),
        ("Therefore, the best option is B because it is safe.", "B"),
        ("The correct answer is B: Ibuprofen.", "B"),
        ("Answer: B", "B"),
        ("ANSWER: B\n", "B"),
        ("I thought the answer is C at first.\nFinal answer: B", "B"),
        ("Hence $\\boxed{B}$", "B"),
        ("**Answer:** B", "B"),
        ("The answer is: $B$", "B"),
        ("The answer is option (B).", "B"),
        ("The answer is ibuprofen.", "B"),
        ("Option B is the most likely.", "B"),
        ("B", "B"),
        ("(b)", "B"),
        ("B.", "B"),
        ("B) Ibuprofen", "B"),
        ("Ibuprofen", "B"),
        ("B. Ibuprofen\nIt inhibits both enzymes.", "B"),
        ("It inhibits both enzymes, so it is safe.\nB", "B"),
        ("<think>A? No, the answer is C.</think>B", "B"),
        ("Aspirin and ibuprofen", "D"),
        # not guessed
        ('{"answer_choice": "A/B"}', UNPARSED),
        ('{"answer_choice": "A or B"}', UNPARSED),
        ('{"answer_choice": "A and C"}', UNPARSED),
        ('{"answer_choice": "None of the above"}', UNPARSED),
        ('{"answer_choice": "E"}', UNPARSED),
        ('{"answer_choice": "B. Paracetamol"}', UNPARSED),
        ('{"answer_choice": ""}', UNPARSED),
        ('{"answer_choice": "A"}{"answer_choice": "B"}', UNPARSED),
        ("The answer is A. No, the answer is B.", UNPARSED),
        ("A\n\nB", UNPARSED),
        ("A. Aspirin thins blood.\nB. Ibuprofen does not.\nSo the first one.", UNPARSED),
        ("A patient took a drug and felt well afterwards.", UNPARSED),
        ("A is plausible, B is plausible and so is C", UNPARSED),
        ("", UNPARSED),
        (" \n", UNPARSED),
        ("<think>Let me see. The answer is B", UNPARSED),
        # abstentions
        ('{"answer_choice": "Cannot be determined"}', ABSTAINED),
        ('{"answer_choice": "N/A"}', ABSTAINED),
        ('{"answer_choice": "Unknown"}', ABSTAINED),
        ('{"answer_choice": "Not enough information to determine the answer"}', ABSTAINED),
        ('{"answer_choice": "Not provided in the given documents"}', ABSTAINED),
        ("I don't know.", ABSTAINED),
        ("I'm sorry, but I cannot provide medical advice.", ABSTAINED),
        ("The provided abstracts do not contain enough information to answer.", ABSTAINED),
    ],
)
def test_option_letters(output: str, expected: str) -> None:
    parsed = parse_choice(output, DRUGS)
    assert (parsed.failure or parsed.value) == expected, parsed


@pytest.mark.parametrize(
    ("output", "options", "expected"),
    [
        ("yes", YES_NO_MAYBE, "A"),
        ("No.", YES_NO_MAYBE, "B"),
        ("Maybe, since the trials disagree.", YES_NO_MAYBE, "C"),
        ("Yes, because the drug works.", YES_NO_MAYBE, "A"),
        ('{"answer": "no"}', YES_NO_MAYBE, "B"),
        ("The answer is yes.", YES_NO_MAYBE, "A"),
        ("A. yes", YES_NO_MAYBE, "A"),
        ("B. yes", YES_NO_MAYBE, UNPARSED),
        ("Yes and no.", YES_NO_MAYBE, UNPARSED),
        ("Nobody knows whether it works in children of school age", YES_NO_MAYBE, UNPARSED),
        ("No significant difference", CHANGE, "C"),
        ("significantly increased.", CHANGE, "A"),
        ("The outcome increased and decreased.", CHANGE, UNPARSED),
    ],
)
def test_labels(output: str, options: dict[str, str], expected: str) -> None:
    parsed = parse_choice(output, options)
    assert (parsed.failure or parsed.value) == expected, parsed


GERMS = {"A": "Norovirus", "B": "Rotavirus", "C": "S. aureus", "D": "Clostridioides difficile", "E": "Giardia"}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("The most likely diagnosis is C. difficile colitis.", UNPARSED),
        ("C. difficile is a likely cause here.", UNPARSED),
        ("The answer is E. coli O157:H7.", UNPARSED),
        ('{"answer_choice": "C. difficile"}', UNPARSED),
        ("D-dimer should be measured.", UNPARSED),
        ("A-fib is likely", UNPARSED),
        ("The answer is B-cell lymphoma", UNPARSED),
        ("Option A is wrong because B is correct.", UNPARSED),
        ("Option A is less likely, B is best.", UNPARSED),
        ("Option A is likely wrong.", UNPARSED),
        ("Option D (Clostridioides) is correct.", "D"),
        ("Option B, a virus, is the most likely.", "B"),
        ("The answer is C. S. aureus.", "C"),
        ("The answer is D. Clostridioides difficile", "D"),
        ("D. clostridioides difficile", "D"),
        ("D. clostridioides", "D"),
        ("D-Clostridioides difficile", "D"),
        ("B - Rotavirus", "B"),
        ("B.Rotavirus", "B"),
        ("The answer is B. It spreads in winter.", "B"),
        ("The answer is B. because it spreads in winter.", "B"),
        ("E", "E"),
        ("A. norovirus\nC. difficile lives in the gut.\nSo it is a virus.", "A"),  # the second line lists no option
    ],
)
def test_a_letter_that_begins_a_name_is_no_answer(output: str, expected: str) -> None:
    parsed = parse_choice(output, GERMS)
    assert (parsed.failure or parsed.value) == expected, parsed


def test_a_hedge_is_its_first_letter_only_if_asked() -> None:
    assert parse_choice('{"answer_choice": "C/B"}', DRUGS, first_of_several=True).value == "C"
    assert parse_choice('{"answer_choice": "C/B"}', DRUGS).failure == UNPARSED
    contradiction = "The answer is A. No, the answer is B."
    assert parse_choice(contradiction, DRUGS, first_of_several=True).failure == UNPARSED
    assert parse_choice('{"answer_choice": "N/A"}', DRUGS, first_of_several=True).failure == ABSTAINED


@pytest.mark.parametrize(
    ("output", "expected"),  # worked out from the order of patterns in MIRAGE's src/utils.py
    [
        ('{"answer_choice": "C"}', "C"),
        ('{"answer_choice": "C. Paracetamol"}', "C"),
        ('{"answer_choice": "C/B"}', "C"),
        ('{"answer_choice": "Option D"}', "D"),
        ('{"answer_choice": "None of the above"}', "A"),
        ('{"answer_choice": "Cannot be determined"}', "A"),
        ('{"answer_choice": ""}', "A"),
        ('{"answer_choice": "(B)"}', "A"),
        ("B", "B"),
        ("B or C", "B"),
        ("The answer is: D", "D"),
        ("The answer is D", "A"),
        ("I prefer option B: C", "B"),  # "option" is tried before the colon
        ("B. as option C says", "C"),  # and before a letter with a full stop
        ("Because: Dehydration", "D"),  # any A to D behind a colon, even a word's first letter
        ('"answer_choice": "B" … "answer_choice": "D"', "D"),
        ("B)", "A"),
        ("E", "A"),
    ],
)
def test_mirage_is_read_as_its_authors_do(output: str, expected: str) -> None:
    assert mirage_reading(output) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("25.2", 25.2),
        ("-3", -3.0),
        ("−3.5 mmol/L", -3.5),
        ("1,250 mL", 1250.0),
        ("1.2e3", 1200.0),
        ("4.5 x 10^9", 4.5e9),
        (".5", 0.5),
        ("The answer is 25.2 mL/min.", 25.2),
        ("The creatinine clearance is 140 - 87 and so on.\nAnswer: 25.2 mL/min/1.73 m2", 25.2),
        ('{"step_by_step_thinking": "(140-87)*48/72", "answer": "25.2"}', 25.2),
        ('{"step_by_step_thinking": "…", "answer": 25.2}', 25.2),
        ("Working: 3 + 4.\n7", 7.0),
        ("\\boxed{25.2}", 25.2),
        ("The answer is 20-25", UNPARSED),
        ("Between 3 and 4", UNPARSED),
        ("The answer is 3. The answer is 4.", UNPARSED),
        ("1/2", UNPARSED),
        ("Normal", UNPARSED),
        ("", UNPARSED),
        ("Answer: 24,5", UNPARSED),  # 24.5 to a European, and no number at all to an American
        ("Answer: 1 234", UNPARSED),
        ("Answer: 1,2345", UNPARSED),
        ("Answer: 24,5\nfrom 3 values", UNPARSED),  # the last line does not answer in its place
        ("5,5 mmol/L", UNPARSED),
        ("The answer is 1,250 mL, as 3 bags", 1250.0),
        ("It cannot be determined from this note.", ABSTAINED),
        ('{"answer": "unknown"}', ABSTAINED),
        ("1E\n0", 0.0),  # the last line; two lines are not one number
        ("The answer is 5 x 10^3.", 5000.0),
        ("9" * 400, UNPARSED),  # beyond what a float can hold
        ("The answer is 1e999999", UNPARSED),
    ],
)
def test_numbers(output: str, expected: object) -> None:
    parsed = parse_number(output)
    assert (parsed.failure or parsed.value) == expected, parsed


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("09/03/2014", "09/03/2014"),
        ("The answer is 9/3/2014.", "09/03/2014"),
        ("('4 weeks', '1 days')", "4 weeks 1 days"),
        ('{"answer": "4 weeks and 1 day"}', "4 weeks 1 days"),
        ("1/2/2014 or 1/3/2014", UNPARSED),
        ("in May", UNPARSED),
    ],
)
def test_dates_and_durations(output: str, expected: str) -> None:
    parsed = parse_date(output)
    assert (parsed.failure or parsed.value) == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("I10, E11.9, k59.00", ["E119", "I10", "K5900"]),
        ("ICD-10 Codes: I10, E119", ["E119", "I10"]),
        ("1. I10 - Essential hypertension\n2. E11.9: type 2 diabetes", ["E119", "I10"]),
        ("- Z3A.20\n- C4A.9\n- U07.1", ["C4A9", "U071", "Z3A20"]),
        ('["I10", "I10"]', ["I10"]),
        ("Hypertension (I10) and low vitamin b12", ["I10"]),
        ("None", []),
        ("Hypertension and diabetes", UNPARSED),
        ("", UNPARSED),
        ("I am unable to determine the codes.", ABSTAINED),
    ],
)
def test_icd10_codes(output: str, expected: object) -> None:
    parsed = parse_codes(output)
    assert (parsed.failure or parsed.value) == expected, parsed


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("factor XIa", ["factor XIa"]),
        ('["casirivimab", "imdevimab", "Casirivimab"]', ["casirivimab", "imdevimab"]),
        ('{"answer": [["a1", "a2"], ["b"]]}', ["a1", "b"]),
        ("The antibodies are:\n1. casirivimab\n2. imdevimab", ["casirivimab", "imdevimab"]),
        ("casirivimab, imdevimab and sotrovimab", ["casirivimab", "imdevimab", "sotrovimab"]),
        ("The answer is factor XIa.", ["factor XIa"]),
        ("Unknown", ABSTAINED),
        (
            "Milvexian is a small molecule that inhibits the active site of a factor of the clotting cascade",
            UNPARSED,
        ),
        ("", UNPARSED),
    ],
)
def test_lists_of_names(output: str, expected: object) -> None:
    parsed = parse_names(output)
    assert (parsed.failure or parsed.value) == expected, parsed


@pytest.mark.parametrize(
    ("output", "types", "expected"),
    [
        ("Disease: Delirium; ulcers\nChemical: Famotidine", ("Chemical", "Disease"), 3),
        ('{"diseases": ["delirium", "Ulcers"], "chemicals": ["famotidine"]}', ("Chemical", "Disease"), 3),
        ('[{"type": "disease", "text": "delirium"}]', ("Chemical", "Disease"), [["Disease", "delirium"]]),
        ("Diseases: none\nChemicals: none", ("Chemical", "Disease"), []),
        ('["Delirium"]', ("Disease",), [["Disease", "delirium"]]),
        ("- Delirium\n- ulcers", ("Disease",), [["Disease", "delirium"], ["Disease", "ulcers"]]),
        ('["delirium"]', ("Chemical", "Disease"), UNPARSED),
        ("The text is about delirium.", ("Chemical", "Disease"), UNPARSED),
        ("I cannot identify any.", ("Chemical", "Disease"), ABSTAINED),
    ],
)
def test_entities(output: str, types: tuple[str, ...], expected: object) -> None:
    parsed = parse_entities(output, types)
    if expected == 3:
        expected = [["Chemical", "famotidine"], ["Disease", "delirium"], ["Disease", "ulcers"]]
    assert (parsed.failure if parsed.failure else parsed.value) == expected, parsed


def test_free_text_is_taken_whole() -> None:
    assert parse_text("<think>hm</think>The patient\nis well. ").value == "The patient\nis well."
    assert parse_text("I cannot answer this question.").failure == ABSTAINED
    assert parse_text("<think>never ends").failure == UNPARSED


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("<think>a</think>B", "B"),
        ("a</think>B", "B"),
        ("<thinking>a</thinking>B<think>c", "B"),
        ("B <think>c</think>D", "B D"),
        ("<think>a<think>b</think>C", "C"),
        ("<think>a", ""),
        ("B", "B"),
    ],
)
def test_thoughts_are_no_answers(text: str, rest: str) -> None:
    assert without_thought(text) == rest


@pytest.mark.parametrize(
    "part",
    [
        "answer is ",
        "the option: ",
        "<think>",
        '{"answer": "',
        "A. x\n",
        "I cannot ",
        "1,",
        "E11.9 ",
        "[[",
        "{",
    ],
)
def test_a_model_caught_in_a_loop_does_not_hold_up_its_reading(part: str) -> None:
    text = part * (60_000 // len(part))
    start = time.process_time()
    parse_choice(text, DRUGS)
    for parse in (parse_number, parse_date, parse_codes, parse_names, parse_text):
        parse(text)
    parse_entities(text, ("Disease",))
    assert time.process_time() - start < 2
