"""What is known of a published biomedical model, of its general counterpart, and where it is known from."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Adaptation = Literal["cpt", "full-sft", "sft", "lora", "qlora", "dpo", "preference", "merge", "rl"]
"""How a model was adapted: cpt is continued pre-training; sft is fine-tuning whose share of trained weights is not
stated; preference is preference optimisation by another method than DPO, or by several."""

TrainingSet = Literal["pubmed_abstracts", "medqa_train", "medmcqa_train", "pubmedqa_train", "mimic"]
"""Training data near a task: `models show` prints it, and a report says which of its tasks a pair was trained for."""

Dtype = Literal["float32", "float16", "bfloat16"]
_BYTES: dict[Dtype, int] = {"float32": 4, "float16": 2, "bfloat16": 2}
TRAINING_SETS: tuple[str, ...] = get_args(TrainingSet)
UNSOURCED = "unsourced"  # in place of an address: set here to make the model run, and not confirmed by a source
NO_TEMPLATE = "none"  # a base model: the text is completed as it stands
TOKENIZER_TEMPLATE = "tokenizer"  # the tokenizer's own chat template is right


@dataclass(frozen=True, slots=True)
class Model:
    """One published model. None means that no source was found: nothing here is guessed."""

    repo: str | None  # Hugging Face id; None where weights were never published
    parameters: float | None = None  # in billions
    context: int | None = None  # tokens
    licence: str | None = None
    gated: bool | None = None  # True: a form must be accepted on the model's page before a download
    cutoff: str | None = None  # YYYY-MM, the last month of its knowledge
    chat_template: str | None = None  # "tokenizer", "none", or the Jinja template to use instead
    system_role: bool | None = None
    stop: tuple[str, ...] = ()
    thinking: str | None = None  # regular expression of what precedes the answer and is not part of it
    dtype: Dtype = "bfloat16"  # to load it in
    sources: Mapping[str, str] = field(default_factory=dict)  # address -> the fields it is the source of

    @property
    def memory_gb(self) -> int | None:
        """Return the GPU memory it needs in GB: weights, and a fifth more for activations and a short cache."""
        return None if self.parameters is None else math.ceil(self.parameters * _BYTES[self.dtype] * 1.2)


@dataclass(frozen=True, slots=True)
class Pair:
    """A biomedical model and the general-purpose model it is fairly compared with."""

    name: str
    tuned: Model
    derived_from: str | None  # what its weights were trained from
    # What a fair comparison runs against: tuned to follow instructions exactly if this one's card says that it is.
    counterpart: Model
    adaptation: tuple[Adaptation, ...]
    trained_on: Mapping[TrainingSet, bool | None] = field(default_factory=dict)  # missing or None: no source
    default: bool = False  # ungated on both sides and small: a newcomer can run it at once
    quirks: tuple[str, ...] = ()
    sources: Mapping[str, str] = field(default_factory=dict)  # address -> the fields it is the source of

    @property
    def ungated(self) -> bool:
        """Tell whether both sides are known to download without a form."""
        return self.tuned.gated is False and self.counterpart.gated is False


def source_of(record: Model | Pair, name: str) -> str | None:
    """Return the address that a field's value is known from, "unsourced", or None if the field has no value."""
    return next((address for address, fields in record.sources.items() if name in fields.split()), None)
