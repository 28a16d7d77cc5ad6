"""The shipped models: loaded as peft would, behaving on sentences made up here, and as good as their cards say."""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from peft import PeftModel

from finetuned.adapters import load_shipped, merge_lora, shipped_folder
from finetuned.claims import DIRECTIONS
from finetuned.copied import copied
from finetuned.errors import ShippedModelError
from finetuned.examples import Example, Finding, prepare
from finetuned.pair_model import PairModel, batches, collate, encode_pairs, load_minilm, predict
from finetuned.pair_training import LoraRecipe
from finetuned.reader import load_reader
from finetuned.shipped_models import FILES, make_shipped
from finetuned.shipped_verifier import judged_claims, train_adapter
from finetuned.two_arms import two_arm_evidence
from finetuned.verifier import LABELS, load_verifier
from finetuned.verifier_calibration import CONTRADICTED, SUPPORTED, UNVERIFIABLE, alter_number
from finetuned.verifier_data import TRIALS, Corpus, part_of, trials
from finetuned.verifier_figures import auroc
from finetuned.wordings import TRAINING, word

# peft asks transformers for a name that transformers is about to drop.
pytestmark = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")
EVIDENCE = "Mortality was significantly lower with zinc than with placebo (12% vs 20%, P = 0.01)."
FOREIGN = "Children who slept longer had better marks at school."


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("claim", "evidence", "label"),
    [
        ("Zinc reduced mortality compared with placebo.", EVIDENCE, "supported"),
        ("Zinc increased mortality compared with placebo.", EVIDENCE, "contradicted"),
        ("Mortality was higher with placebo than with zinc.", EVIDENCE, "supported"),
        ("Placebo lowered mortality compared with zinc.", EVIDENCE, "contradicted"),
        ("There was no difference in mortality between zinc and placebo.", EVIDENCE, "contradicted"),
        ("Zinc reduced mortality compared with placebo.", FOREIGN, "unverifiable"),
        ("Zinc reduced mortality compared with placebo.", "", "unverifiable"),
        (
            "There was no difference in mortality between zinc and placebo.",
            "Mortality did not differ between the zinc and placebo groups (P = 0.6).",
            "supported",
        ),
    ],
)
def test_verifier_on_sentences_made_up_here(claim: str, evidence: str, label: str) -> None:
    scores = load_verifier().scores([(claim, evidence)])[0]
    assert LABELS[int(scores.argmax())] == label, scores


def test_evidence_is_found_in_a_whole_abstract() -> None:
    abstract = (
        "Zinc is a trace element. We randomised 400 adults with sepsis to zinc or placebo. Ethics approval was given. "
        f"Baseline age was the same. {EVIDENCE} Length of stay was recorded too. Larger trials are planned."
    )
    right, wrong = load_verifier().scores(
        [("Zinc reduced mortality compared with placebo.", abstract), ("Zinc raised mortality.", abstract)]
    )
    assert right[SUPPORTED] > 0.5 > right[CONTRADICTED]
    assert wrong[CONTRADICTED] > 0.5 > wrong[SUPPORTED]


def test_scores_are_probabilities_and_do_not_depend_on_the_batch() -> None:
    pairs = [("Zinc reduced mortality compared with placebo.", EVIDENCE), ("Zinc helps.", FOREIGN), ("Zinc helps.", "")]
    together = load_verifier().scores(pairs)
    assert together.dtype == np.float32
    assert together.sum(axis=1) == pytest.approx([1, 1, 1], abs=1e-5)
    alone = np.concatenate([load_verifier().scores([pair]) for pair in pairs])
    assert np.abs(together - alone).max() < 0.03  # bfloat16 rounds by the shape of the batch
    assert load_verifier().scores([]).shape == (0, 3)


LONG = (
    "In this trial of 1,240 adults with severe sepsis and kidney failure, zinc reduced deaths from all causes and "
    "stays in intensive care compared with placebo over five years of follow-up."
)


@pytest.mark.parametrize(
    ("claim", "sentence", "expected"),
    [
        ("Zinc reduced deaths by 12 % in sepsis.", "Overall, zinc decreased deaths by 12% in sepsis (p = 0.01).", 1),
        ("Zinc reduced deaths by 12 % in sepsis.", "Zinc reduced deaths by 31 % in sepsis.", -1),
        ("Zinc reduced deaths in sepsis.", "Zinc increased deaths in sepsis.", -1),
        ("The authors report that zinc reduced deaths in sepsis.", "Zinc reduced deaths in sepsis.", 1),
        ('In the words of the paper, "zinc reduced deaths in sepsis."', "Zinc increased deaths in sepsis.", -1),
        ("Zinc reduced deaths in sepsis.", "Zinc was not found to have reduced deaths in sepsis.", -1),
        ("Deaths were rarer with zinc than with iron.", "Deaths were rarer with iron than with zinc.", 0),
        ("Zinc reduced deaths in sepsis.", "Fewer patients with sepsis died after zinc.", 0),
        # another drug, or other people, even where all else is the same
        (LONG.replace("zinc", "iron"), LONG, 0),
        (LONG.replace("adults", "children"), LONG, 0),
        (LONG, LONG, 1),
        ("Zinc reduced deaths in severe sepsis.", "Zinc and deaths in severe sepsis were recorded.", 0),
    ],
)
def test_a_copy_and_what_differs_in_one_word(claim: str, sentence: str, expected: int) -> None:
    assert copied(claim, sentence) == expected


def test_a_sentence_of_the_evidence_is_not_contradicted_and_a_plan_confirms_nothing() -> None:
    plan = "We assessed whether zinc reduced mortality compared with placebo."
    scores = load_verifier().scores([(EVIDENCE, f"It was a trial. {EVIDENCE} It ended early."), (EVIDENCE, plan)])
    assert scores[0].argmax() == SUPPORTED
    assert scores[1][SUPPORTED] < scores[0][SUPPORTED]


@pytest.mark.parametrize(
    ("claim", "evidence"),
    [
        ("Zinc \ud800 reduced fever.", "Zinc reduced \udfff fever."),
        ("Zinc \ud83d", "iron"),
        ("", ""),
        ("Zinc.", "\n\n  "),
        ("Zinc\x00 [SEP] [MASK]", "zinc [unused1] 1.2.3 vs 9,99,9"),
    ],
)
def test_odd_text_is_read_without_an_error(claim: str, evidence: str) -> None:
    assert load_verifier().scores([(claim, evidence)]).sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("direction", ["up", "down", "same"])
def test_what_is_written_for_two_arms_says_what_it_is_labelled(direction: str) -> None:
    rng = random.Random(3)
    finding = Finding("1", "death", "Zinc", "Iron", direction, "")
    read = 0
    for _ in range(300):
        evidence = two_arm_evidence(finding, direction, "length of stay", rng)
        p = re.search(r"In the Zinc and Iron groups, death was ([\d.]+)\S* ?\w* and ([\d.]+).*\((.*)\)", evidence)
        if p:
            read += 1
            small = bool(re.search(r"<|= ?0\.0", p[3])) and p[3] != "p = 0.06"
            assert small == (direction != "same")
            assert direction == "same" or (float(p[1]) > float(p[2])) == (direction == "up")
    assert read


@pytest.mark.parametrize(
    ("question", "evidence", "answer"),
    [
        ("Does zinc reduce mortality compared with placebo?", EVIDENCE, "yes"),
        ("Does zinc increase mortality compared with placebo?", EVIDENCE, "no"),
        ("Does zinc reduce mortality compared with placebo?", "", "can't tell"),
    ],
)
def test_reader_on_sentences_made_up_here(question: str, evidence: str, answer: str) -> None:
    from finetuned.reader import LABELS as ANSWERS

    scores = load_reader().scores([(question, evidence)])[0]
    assert scores.sum() == pytest.approx(1, abs=1e-5)
    assert ANSWERS[int(scores.argmax())] == answer, scores


@pytest.mark.parametrize("name", ["verifier", "reader"])
def test_merging_gives_what_peft_gives(name: str) -> None:
    folder = shipped_folder(name)
    encoder, tokenizer = load_minilm()
    plain, _ = load_minilm()
    theirs = PeftModel.from_pretrained(encoder, str(folder)).eval()
    ours = load_shipped(folder).model.encoder
    pairs = encode_pairs(tokenizer, [prepare("Zinc lowered pain compared with sugar.", EVIDENCE)], max_tokens=64)
    ids, mask, types, _ = collate(pairs)
    with torch.no_grad():
        states = [m(input_ids=ids, attention_mask=mask, token_type_ids=types)[0] for m in (theirs, ours, plain)]
    assert (states[0] - states[1]).abs().max() < 1e-4
    assert (states[2] - states[1]).abs().max() > 0.1  # the adapter does something


@pytest.mark.parametrize("name", ["verifier", "reader"])
def test_the_card_has_the_sha256_of_every_file_and_they_are_small(name: str) -> None:
    folder = shipped_folder(name)
    text = (folder / "README.md").read_text(encoding="utf-8")
    for file in FILES:
        assert hashlib.sha256((folder / file).read_bytes()).hexdigest() in text, file
    assert sum((folder / file).stat().st_size for file in FILES) < 4_000_000
    assert "/opt/" not in (folder / "adapter_config.json").read_text(encoding="utf-8")


def test_a_damaged_model_says_how_to_make_it_again(tmp_path: Path) -> None:
    folder = tmp_path / "verifier"
    shutil.copytree(shipped_folder("verifier"), folder)
    (folder / "head.safetensors").unlink()
    with pytest.raises(ShippedModelError, match="clinrag train shipped verifier"):
        load_shipped(folder)


@pytest.mark.parametrize(("name", "said"), [("judge", "one of verifier, reader"), ("verifier", "is missing")])
def test_making_a_model_without_what_it_needs_says_what(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ShippedModelError, match=said):
        make_shipped(name, tmp_path, tmp_path / "out", say=lambda line: None)


def test_batches_hold_every_pair_once_and_few_tokens() -> None:
    _, tokenizer = load_minilm()
    rng = random.Random(0)
    texts = [("a claim", "word " * rng.randint(1, 120)) for _ in range(60)]
    encoded = encode_pairs(tokenizer, texts, max_tokens=96)
    cut = list(batches(encoded, 512))
    assert sorted(n for batch in cut for n in batch) == list(range(60))
    assert all(len(b) * max(len(encoded[n].ids) for n in b) <= 512 for b in cut)
    assert max(len(e.ids) for e in encoded) == 96


def test_the_training_loop_learns_a_direction_and_saves_what_loads_again(tmp_path: Path) -> None:
    """Eight made-up outcomes, both directions: after a minute's training at most, the twin claims come apart."""
    rng = random.Random(0)
    outcomes = ("fever", "cough", "sleep", "weight", "anger", "growth", "thirst", "blood flow")
    examples = []
    for outcome in outcomes * 6:
        for direction, said in (("up", "higher"), ("down", "lower")):
            claim = word(TRAINING, "up", (outcome, "zinc", "sugar"), rng)
            texts = prepare(claim, f"{outcome.capitalize()} was {said} with zinc than with sugar.")
            examples.append(Example(*texts, DIRECTIONS.index(direction), "made up"))
    recipe = LoraRecipe(rank=4, batch=8, epochs=2, minutes=1.0, learning_rate=2e-3)
    losses = train_adapter(examples, len(DIRECTIONS), tmp_path, recipe, start=None, say=lambda line: None)
    assert np.mean(losses[-5:]) < 0.5 * np.mean(losses[:5])
    (tmp_path / "calibration.json").write_text("{}", encoding="utf-8")
    shipped = load_shipped(tmp_path)
    pairs = [
        prepare("Zinc changed joy compared with sugar.", f"Joy was {w} with zinc than with sugar.")
        for w in ("higher", "lower")
    ]
    high, low = predict(shipped.model, encode_pairs(shipped.tokenizer, pairs, max_tokens=64))
    assert high[0] - high[1] > low[0] - low[1]


def test_a_second_leg_goes_on_from_the_first_with_its_lowest_layers_kept(tmp_path: Path) -> None:
    from safetensors.torch import load_file

    examples = [Example("Zinc [MASK] pain", "Zinc raised pain.", n % 2, "made up") for n in range(16)]
    recipe = LoraRecipe(rank=4, batch=8, minutes=1.0)
    train_adapter(examples, 4, tmp_path / "first", recipe, start=None, say=lambda line: None)
    second = replace(recipe, frozen=2)
    train_adapter(examples, 5, tmp_path / "second", second, start=tmp_path / "first", say=lambda line: None)
    one, two = (load_file(tmp_path / leg / "adapter_model.safetensors") for leg in ("first", "second"))
    kept = {name for name in one if torch.equal(one[name], two[name])}
    assert {n for n in one if "layer.0." in n or "layer.1." in n or "embeddings" in n} <= kept
    assert any("layer.5." in n for n in set(one) - kept)


def test_merging_by_hand() -> None:
    layer = torch.nn.Linear(3, 2, bias=False)
    outer = torch.nn.ModuleDict({"dense": layer})
    before = layer.weight.detach().clone()
    down, up = torch.ones(1, 3), torch.tensor([[1.0], [2.0]])
    adapter = {"base_model.model.dense.lora_A.weight": down, "base_model.model.dense.lora_B.weight": up}
    merge_lora(outer, adapter, {"lora_alpha": 2, "r": 1})
    assert torch.allclose(layer.weight - before, torch.tensor([[2.0] * 3, [4.0] * 3]))


def test_an_altered_number_is_another_number() -> None:
    altered = alter_number("Death came to 12% of patients.", random.Random(0))
    assert altered is not None
    assert altered != "Death came to 12% of patients."
    assert alter_number("No one died.", random.Random(0)) is None


def test_no_trial_is_in_two_parts(shared: Path) -> None:
    parts: dict[str, set[str]] = {}
    for finding in trials(shared):
        parts.setdefault(part_of(finding.pmid, TRIALS), set()).add(finding.pmid)
    assert not parts["train"] & parts["test"]
    assert not parts["calibration"] & parts["test"]
    assert min(len(p) for p in parts.values()) > 30


def test_auroc_on_held_out_trials_is_what_the_card_says(shared: Path) -> None:
    """Marked stretches of the trials kept for testing, in wordings used nowhere in training."""
    judged = [j for j in judged_claims(shared, trials(shared), Corpus({}, []), "test", seed=0) if "," not in j.kind]
    scores = load_verifier().scores([(j.claim, j.evidence) for j in judged])[:, SUPPORTED].astype(float)
    labels = np.array([j.label for j in judged])
    flipped, foreign = (np.isin(labels, [SUPPORTED, wrong]) for wrong in (CONTRADICTED, UNVERIFIABLE))
    card = (shipped_folder("verifier") / "README.md").read_text(encoding="utf-8")
    for name, chosen in (("contradicted", flipped), ("unverifiable", foreign)):
        said = re.search(rf"supported vs {name}: verifier \| ([\d.]+)", card)  # of the first table: these claims
        assert said is not None
        assert auroc(scores[chosen], labels[chosen] == SUPPORTED) == pytest.approx(float(said[1]), abs=0.015)


def test_pair_model_sees_the_gap() -> None:
    encoder, tokenizer = load_minilm()
    torch.manual_seed(0)
    model = PairModel(encoder, 2).eval()
    (first,) = encode_pairs(tokenizer, [("Zinc [MASK] pain", "Pain fell.")], max_tokens=32)
    assert tokenizer.convert_ids_to_tokens(first.ids[first.gap]) == "[MASK]"
    assert not np.allclose(predict(model, [first]), predict(model, [first._replace(gap=0)]))


def test_threads_that_ask_first_at_the_same_time_get_one_model() -> None:
    """In a process of its own, where nothing is imported yet: transformers' lazy imports are not safe in threads."""
    code = (
        "from concurrent.futures import ThreadPoolExecutor\n"
        "from threading import Barrier\n"
        "from finetuned.verifier import load_verifier\n"
        "gate = Barrier(6)\n"
        "def load(_):\n"
        "    gate.wait()\n"
        "    return id(load_verifier())\n"
        "with ThreadPoolExecutor(6) as pool:\n"
        "    print(len(set(pool.map(load, range(6)))))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, cwd=Path(__file__).parents[1]
    )
    assert done.stdout == "1\n", done.stderr
