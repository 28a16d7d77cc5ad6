"""Published checkers through transformers: `hf:ORG/NAME@REVISION` or `hf:/folder`. No code of theirs is run.

Which kind a checkpoint is stands in its configuration:
- a sequence classifier whose labels say entailment, contradiction, neutral (or the like): any NLI cross-encoder, which
  reads (evidence, claim) as a pair;
- MiniCheck (Tang et al. 2024, arXiv:2404.10774): two unnamed labels, the second "supported", evidence and claim joined
  by the end mark; or Flan-T5, which writes 0 or 1;
- HHEM (Vectara): one logit, or version 2, a T5 whose first token decides;
- LettuceDetect (Kovács & Recski 2025, arXiv:2502.17125): a token classifier that marks unsupported tokens of the claim;
  the worst token decides.
The last three do not tell contradicted from unverifiable: their second column is 0.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from experiments.errors import ModelCallError
from rag.sentences import split_sentences

if TYPE_CHECKING:
    import torch

ROWS = 32
LONG = 250  # words of evidence beyond which it is read in windows, the most decided of which counts
SMALL = 16  # words of evidence that are not divided further
WORDS = {
    "supported": ("entail", "support", "consistent", "true"),
    "contradicted": ("contra", "refut", "false"),
    "unverifiable": ("neutral", "unverif", "not_enough", "not enough", "nei", "unknown"),
}
DENIED = re.compile(r"(not|non|no|in|un)[ _-]?(entail|support|consistent|true)")
COLUMNS = ("supported", "contradicted", "unverifiable")
HHEM_PROMPT = "<pad> Determine if the hypothesis is true given the premise?\n\nPremise: {text1}\n\nHypothesis: {text2}"
SUMMARY = "Summarize the following text:\n{text}\noutput:"  # LettuceDetect's prompt without a question
Score = Callable[[Sequence[tuple[str, str]]], "torch.Tensor"]
Fits = Callable[[str, str], bool]  # whether the model can read a claim and this evidence whole


class HfChecker:
    """A loaded checkpoint; `name` holds the commit it came from, where there is one."""

    def __init__(self, name: str, score: Score, fits: Fits) -> None:
        self.name, self._score, self._fits = name, score, fits
        self.general = True  # trained on contradictions of every kind

    def scores(self, pairs: Sequence[tuple[str, str]]) -> NDArray[np.float32]:
        """Return (claim, evidence) pairs' probabilities, float32 [n, 3]; empty evidence settles nothing."""
        import torch

        rows = np.tile(np.array([0, 0, 1], dtype=np.float32), (len(pairs), 1))
        pieces = [
            (n, (c, piece)) for n, (c, evidence) in enumerate(pairs) for piece in _pieces(c, evidence, self._fits)
        ]
        pieces.sort(key=lambda one: len(one[1][0]) + len(one[1][1]))  # alike in length: less padding
        with torch.inference_mode():
            for start in range(0, len(pieces), ROWS):
                batch = pieces[start : start + ROWS]
                found = self._score([pair for _, pair in batch]).float().cpu().numpy()
                for (n, _), row in zip(batch, found, strict=True):
                    if row[2] <= rows[n][2]:
                        rows[n] = row
        return rows


def _pieces(claim: str, evidence: str, fits: Fits) -> list[str]:
    pieces = [evidence] if evidence.strip() else []
    if len(evidence.split()) > LONG:
        sentences = [span.text for span in split_sentences(evidence)]
        pieces = [" ".join(sentences[n : n + 5]) for n in range(0, max(1, len(sentences) - 1), 4)]
    return [part for piece in pieces for part in _parts(claim, piece, fits)]


def _parts(claim: str, piece: str, fits: Fits) -> list[str]:
    """Halve evidence until it fits beside the claim, which often stands last and would be cut off without a word."""
    words = piece.split()
    if len(words) < SMALL or fits(claim, piece):
        return [piece]
    half, lap = len(words) // 2, len(words) // 8  # a finding across the middle stays whole in one of them
    halves = (words[: half + lap], words[half - lap :])
    return [part for half_words in halves for part in _parts(claim, " ".join(half_words), fits)]


def columns(labels: Mapping[int, str], name: str) -> list[int]:
    """Return for each of a model's labels its column in `COLUMNS`.

    Raises:
        ModelCallError: a label says none of them, or none says supported.
    """
    found = []
    for place in sorted(labels):
        label = labels[place].lower()
        kinds = ("unverifiable", "contradicted", "supported")
        kind = next((k for k in kinds if any(word in label for word in WORDS[k])), None)
        if kind == "supported" and DENIED.match(label):  # "not_entailment" has entailment in it
            kind = "unverifiable"
        if kind is None:
            raise ModelCallError(
                f"{name} has the labels {', '.join(labels.values())}, and {labels[place]!r} says neither supported, "
                "contradicted nor unverifiable (entailment, contradiction, neutral …): name them in id2label of its "
                "config.json, or take another checker"
            )
        found.append(COLUMNS.index(kind))
    if found.count(0) != 1:
        how = "none" if 0 not in found else "more than one"
        raise ModelCallError(f"{how} of the labels of {name} ({', '.join(labels.values())}) says supported")
    return found


def load_hf_checker(spec: str) -> HfChecker:
    """Load what follows "hf:".

    Raises:
        ModelCallError: it cannot be loaded, or its configuration does not say what its outputs mean.
    """
    source, _, revision = spec.partition("@")
    try:
        return _load(source, revision or None, f"hf:{spec}")
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelCallError(f"cannot load the checker hf:{spec}: {reason}") from error


def _load(source: str, revision: str | None, name: str) -> HfChecker:
    from transformers import (
        AutoModelForSeq2SeqLM,
        AutoModelForSequenceClassification,
        AutoModelForTokenClassification,
        AutoTokenizer,
    )
    from transformers.utils import cached_file

    path = cached_file(source, "config.json", revision=revision)
    config: dict[str, Any] = json.loads(Path(str(path)).read_text(encoding="utf-8"))
    kind, at = " ".join(config.get("architectures") or ()), {"revision": revision}
    if "hhem" in f"{config.get('model_type', '')} {kind}".lower():
        model, tokenizer, prompt = _hhem2(source, revision, config)
        return HfChecker(_named(name, model), _first_token(model, tokenizer, prompt), _room(model, tokenizer, prompt))
    tokenizer = AutoTokenizer.from_pretrained(source, **at)
    mini = "minicheck" in source.lower()
    if "TokenClassification" in kind:
        model = AutoModelForTokenClassification.from_pretrained(source, **at).eval()
        return HfChecker(_named(name, model), _tokens(model, tokenizer, name), _room(model, tokenizer, SUMMARY))
    if mini and "ConditionalGeneration" in kind:
        model = AutoModelForSeq2SeqLM.from_pretrained(source, **at).eval()
        fits = _room(model, tokenizer, "predict: ")
        return HfChecker(_named(name, model), _zero_or_one(model, tokenizer), fits)
    if "SequenceClassification" not in kind:  # transformers would put an untrained head on it, and say nothing
        raise ModelCallError(f"{name} is no classifier (architecture {kind or 'not stated'}): it cannot check claims")
    model = AutoModelForSequenceClassification.from_pretrained(source, **at).eval()
    fits = _room(model, tokenizer)
    labels: dict[int, str] = dict(model.config.id2label)
    if len(labels) == 1:
        return HfChecker(_named(name, model), _one_logit(model, tokenizer), fits)
    if set(labels.values()) == {"LABEL_0", "LABEL_1"} and mini:
        return HfChecker(_named(name, model), _joined(model, tokenizer), fits)
    return HfChecker(_named(name, model), _pairs(model, tokenizer, columns(labels, name)), fits)


def _named(name: str, model: Any) -> str:
    """Return the checker's name with its commit, or the hash of its folder: other weights judge anew."""
    from rag.hf_loading import hash_folder

    folder = Path(name.removeprefix("hf:"))
    commit = hash_folder(folder) if folder.is_dir() else getattr(model.config, "_commit_hash", None)
    return f"{name.partition('@')[0]}@{commit}" if commit else name


def _limit(tokenizer: Any, model: Any) -> int:
    positions = getattr(model.config, "max_position_embeddings", None) or 512
    return int(min(tokenizer.model_max_length, positions - 2, 4096))


def _room(model: Any, tokenizer: Any, prompt: str = "") -> Fits:
    limit = _limit(tokenizer, model) - len(tokenizer(prompt)["input_ids"]) - 4  # marks between and around the parts

    def fits(claim: str, evidence: str) -> bool:
        return sum(len(ids) for ids in tokenizer([claim, evidence], verbose=False)["input_ids"]) <= limit

    return fits


def _encode(tokenizer: Any, model: Any, texts: Sequence[str], pairs: Sequence[str] | None = None) -> Any:
    """Tokenize; of a pair only the evidence, which comes first, may be cut."""
    cut = "only_first" if pairs is not None else True
    return tokenizer(
        list(texts),
        None if pairs is None else list(pairs),
        truncation=cut,
        max_length=_limit(tokenizer, model),
        padding=True,
        return_tensors="pt",
    )


def _pairs(model: Any, tokenizer: Any, places: Sequence[int]) -> Score:
    def score(pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        encoded = _encode(tokenizer, model, [e for _, e in pairs], [c for c, _ in pairs])
        chances = model(**encoded).logits.softmax(-1)
        rows: torch.Tensor = chances.new_zeros(len(pairs), 3)
        for label, column in enumerate(places):
            rows[:, column] += chances[:, label]
        return rows

    return score


def _supported_only(chances: torch.Tensor) -> torch.Tensor:
    import torch

    return torch.stack([chances, torch.zeros_like(chances), 1 - chances], dim=1)


def _joined(model: Any, tokenizer: Any) -> Score:
    def score(pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        mark = tokenizer.eos_token or tokenizer.sep_token
        encoded = _encode(tokenizer, model, [mark.join((evidence, claim)) for claim, evidence in pairs])
        return _supported_only(model(**encoded).logits.softmax(-1)[:, 1])

    return score


def _one_logit(model: Any, tokenizer: Any) -> Score:
    def score(pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        encoded = _encode(tokenizer, model, [e for _, e in pairs], [c for c, _ in pairs])
        return _supported_only(model(**encoded).logits[:, 0].sigmoid())

    return score


def _tokens(model: Any, tokenizer: Any, name: str) -> Score:
    if len(model.config.id2label) != 2:
        raise ModelCallError(
            f"{name} marks tokens with {len(model.config.id2label)} labels; 2 are known: supported, not"
        )

    def score(pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        encoded = _encode(tokenizer, model, [SUMMARY.format(text=e) for _, e in pairs], [c for c, _ in pairs])
        chances = model(**encoded).logits.softmax(-1)[..., 1]
        worst = [
            max((float(row[at]) for at, part in enumerate(encoded.sequence_ids(n)) if part == 1), default=1.0)
            for n, row in enumerate(chances)
        ]
        return _supported_only(1 - chances.new_tensor(worst))

    return score


def _zero_or_one(model: Any, tokenizer: Any) -> Score:
    """Read MiniCheck's Flan-T5: after its start, token 209 ("1") against token 3, which begins "0"."""

    def score(pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        mark = tokenizer.eos_token
        encoded = _encode(tokenizer, model, [f"predict: {evidence}{mark}{claim}" for claim, evidence in pairs])
        start = encoded.input_ids.new_full((len(pairs), 1), model.config.decoder_start_token_id)
        logits = model(**encoded, decoder_input_ids=start).logits[:, 0]
        return _supported_only(logits[:, [3, 209]].softmax(-1)[:, 1])

    return score


def _hhem2(source: str, revision: str | None, config: Mapping[str, Any]) -> tuple[Any, Any, str]:
    """Build HHEM 2's network, a T5 token classifier, without its repository's own code."""
    from safetensors.torch import load_file
    from transformers import AutoConfig, AutoTokenizer, T5ForTokenClassification
    from transformers.utils import cached_file

    foundation = str(config["foundation"])
    network = T5ForTokenClassification(AutoConfig.from_pretrained(foundation))
    weights = load_file(str(cached_file(source, "model.safetensors", revision=revision)))
    left = network.load_state_dict({key.removeprefix("t5."): value for key, value in weights.items()}, strict=False)
    if lost := [key for key in left.missing_keys if "embed_tokens" not in key]:  # those are tied to the shared ones
        raise ModelCallError(f"the weights of hf:{source} lack {lost[0]} and {len(lost) - 1} more: not HHEM 2's form")
    return network.eval(), AutoTokenizer.from_pretrained(foundation), str(config.get("prompt", HHEM_PROMPT))


def _first_token(model: Any, tokenizer: Any, prompt: str) -> Score:
    def score(pairs: Sequence[tuple[str, str]]) -> torch.Tensor:
        texts = [prompt.format(text1=evidence, text2=claim) for claim, evidence in pairs]
        return _supported_only(model(**_encode(tokenizer, model, texts)).logits[:, 0].softmax(-1)[:, 1])

    return score
