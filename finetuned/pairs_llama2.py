"""Biomedical models of the LLaMA and Llama 2 generation (2023)."""

from __future__ import annotations

from .general_models import (
    ALPACA_7B,
    ALPACA_13B,
    LLAMA_2_7B,
    LLAMA_2_7B_CHAT,
    LLAMA_2_13B_CHAT,
    LLAMA_2_70B,
    LLAMA_2_70B_CHAT,
)
from .pair import NO_TEMPLATE, TOKENIZER_TEMPLATE, UNSOURCED, Model, Pair, TrainingSet
from .templates import ALPACA_STYLE, MED42_STYLE

_MEDITRON = "https://github.com/epfLLM/meditron"
_MED42 = "http://zoo.bimant.com/model/351452"
_MED42_PAPER = "https://arxiv.org/abs/2404.14779"
_CAMEL = "https://huggingface.co/wanglab/ClinicalCamel-70B"
_CAMEL_PAPER = "https://app.argminai.com/arxiv-dashboard/papers/2305.12031v2"
_PMC = "https://github.com/chaoyi-wu/PMC-LLaMA"
_PMC_PAGE = (
    "https://huggingface.co/axiong/PMC_LLaMA_13B/blob/0f8ec26891b55fb415935db7a5d20a0326a88cd7/added_tokens.json"
)
_MEDALPACA = "https://github.com/kbressem/medAlpaca"
_MEDALPACA_TEMPLATE = "https://github.com/kbressem/medAlpaca/blob/main/medalpaca/prompt_templates/medalpaca.json"
_ASCLEPIUS = "https://github.com/starmpcc/Asclepius"
_ASCLEPIUS_7B_REQUEST = (
    "https://huggingface.co/datasets/openlifescienceai/requests/blob/10e05e24cd53d5d0bb33e83df526dee1e6a1d8a1/"
    "starmpcc/Asclepius-Llama2-7B_eval_request_False_bfloat16_Original.json"
)
_BIOMEDGPT = "https://huggingface.co/PharMolix/BioMedGPT-LM-7B"
_BIOMEDGPT_EARLY = (
    "https://huggingface.co/PharMolix/BioMedGPT-LM-7B/blob/2deaf8580f1613d9154e65faf82b5dd1bdb02fdf/README.md"
)
_MEDICINE_CHAT = "https://huggingface.co/AdaptLLM/medicine-chat/discussions/5"

_NO_EXAMS: dict[TrainingSet, bool | None] = {
    "medqa_train": False,
    "medmcqa_train": False,
    "pubmedqa_train": False,
    "mimic": False,
}
_MEDQA = (
    "DATA_DESCRIPTION.md lists MedQA (10,178), the README's table of training data does not: which is right is unknown"
)
_NO_EXAM_FIELDS = "medqa_train medmcqa_train pubmedqa_train mimic"
_NEEDS_NOTE = (
    "trained on one prompt only: a discharge summary between [Discharge Summary Begin] and [Discharge Summary End], "
    "a question between [Instruction Begin] and [Instruction End]; other prompts are out of its domain"
)


def _asclepius(name: str, billions: float, counterpart: Model, *, licence: str | None, sources: dict[str, str]) -> Pair:
    return Pair(
        name=name.lower(),
        tuned=Model(
            repo=f"starmpcc/{name}",
            parameters=billions,
            licence=licence,
            chat_template=NO_TEMPLATE,
            sources={_ASCLEPIUS: "repo parameters chat_template"}
            | ({_ASCLEPIUS_7B_REQUEST: "licence"} if licence else {}),
        ),
        derived_from=None,
        counterpart=counterpart,
        adaptation=("cpt", "full-sft"),
        trained_on={"mimic": False},
        quirks=(
            _NEEDS_NOTE,
            "trained on synthetic notes; the MIMIC-III version is Asclepius-R, on PhysioNet",
        ),
        sources={_ASCLEPIUS: "adaptation mimic quirks", **sources},
    )


LLAMA_2_PAIRS: tuple[Pair, ...] = (
    Pair(
        name="meditron-7b",
        tuned=Model(
            repo="epfl-llm/meditron-7b",
            parameters=7,
            context=2048,
            licence="llama2",
            cutoff="2023-08",
            chat_template=NO_TEMPLATE,
            sources={_MEDITRON: "repo parameters context licence cutoff chat_template"},
        ),
        derived_from="meta-llama/Llama-2-7b-hf",
        counterpart=LLAMA_2_7B,
        adaptation=("cpt",),
        trained_on={"pubmed_abstracts": True, **_NO_EXAMS},
        quirks=(
            "a base model: its published task scores are of versions fine-tuned per task, which are other weights",
            "the context is the training sequence length of the 7B",
        ),
        sources={_MEDITRON: f"derived_from adaptation pubmed_abstracts {_NO_EXAM_FIELDS} quirks"},
    ),
    Pair(
        name="meditron-70b",
        tuned=Model(
            repo="epfl-llm/meditron-70b",
            parameters=70,
            context=4096,
            licence="llama2",
            cutoff="2023-08",
            chat_template=NO_TEMPLATE,
            sources={_MEDITRON: "repo parameters context licence cutoff chat_template"},
        ),
        derived_from="meta-llama/Llama-2-70b-hf",
        counterpart=LLAMA_2_70B,
        adaptation=("cpt",),
        trained_on={"pubmed_abstracts": True, **_NO_EXAMS},
        quirks=(
            "a base model: its published task scores are of versions fine-tuned per task, which are other weights",
        ),
        sources={_MEDITRON: f"derived_from adaptation pubmed_abstracts {_NO_EXAM_FIELDS} quirks"},
    ),
    Pair(
        name="med42-70b",
        tuned=Model(
            repo="m42-health/med42-70b",
            parameters=70,
            context=4096,
            licence="med42",
            gated=True,
            chat_template=MED42_STYLE,
            system_role=True,
            sources={_MED42: "repo parameters context licence gated chat_template system_role"},
        ),
        derived_from="meta-llama/Llama-2-70b-hf",
        counterpart=LLAMA_2_70B_CHAT,
        adaptation=("full-sft",),
        quirks=("instruction-tuned on about 250M tokens that include exam questions; which exams is not stated",),
        sources={_MED42: "derived_from quirks", _MED42_PAPER: "adaptation"},
    ),
    Pair(
        name="clinicalcamel-70b",
        tuned=Model(
            repo="wanglab/ClinicalCamel-70B",
            parameters=70,
            context=4096,
            sources={_CAMEL: "repo parameters", _CAMEL_PAPER: "context"},
        ),
        derived_from="meta-llama/Llama-2-70b-hf",
        counterpart=LLAMA_2_70B_CHAT,
        adaptation=("qlora",),
        quirks=(
            "its medical sources end before 2021",
            "the earlier 13B was trained on 10,187 USMLE questions as dialogue; whether this one was is not stated",
        ),
        sources={
            _CAMEL: "derived_from adaptation",
            _CAMEL_PAPER: "quirks",
            "https://github.com/bowang-lab/clinical-camel": "quirks",
        },
    ),
    Pair(
        name="pmc-llama-13b",
        tuned=Model(
            repo="axiong/PMC_LLaMA_13B",
            parameters=13,
            licence="openrail",
            gated=False,
            chat_template=ALPACA_STYLE,
            sources={_PMC: "repo parameters chat_template", _PMC_PAGE: "licence gated"},
        ),
        derived_from="chaoyi-wu/MedLLaMA_13B",
        counterpart=ALPACA_13B,
        adaptation=("cpt", "sft"),
        quirks=(
            "MedLLaMA_13B is LLaMA-13B further trained on 4.8M PubMed Central papers and medical books",
            "has a padding token of its own ([PAD], id 32000)",
        ),
        sources={_PMC: "derived_from adaptation quirks", _PMC_PAGE: "quirks"},
    ),
    Pair(
        name="medalpaca-7b",
        tuned=Model(
            repo="medalpaca/medalpaca-7b",
            parameters=7,
            chat_template=ALPACA_STYLE,
            dtype="float16",
            sources={_MEDALPACA: "repo parameters", _MEDALPACA_TEMPLATE: "chat_template"},
        ),
        derived_from=None,
        counterpart=ALPACA_7B,
        adaptation=("full-sft",),
        trained_on=_NO_EXAMS | {"medqa_train": None},
        quirks=(
            "LLaMA 7B, which Meta gave out on request only; trained on MMLU medical questions among others",
            _MEDQA,
        ),
        sources={_MEDALPACA: "adaptation medmcqa_train pubmedqa_train mimic quirks"},
    ),
    Pair(
        name="medalpaca-13b",
        tuned=Model(
            repo="medalpaca/medalpaca-13b",
            parameters=13,
            chat_template=ALPACA_STYLE,
            dtype="float16",
            sources={_MEDALPACA: "repo parameters", _MEDALPACA_TEMPLATE: "chat_template"},
        ),
        derived_from=None,
        counterpart=ALPACA_13B,
        adaptation=("full-sft",),
        trained_on=_NO_EXAMS | {"medqa_train": None},
        quirks=(
            "LLaMA 13B, which Meta gave out on request only; trained on MMLU medical questions among others",
            _MEDQA,
        ),
        sources={_MEDALPACA: "adaptation medmcqa_train pubmedqa_train mimic quirks"},
    ),
    _asclepius("Asclepius-7B", 7, ALPACA_7B, licence=None, sources={}),
    _asclepius("Asclepius-13B", 13, ALPACA_13B, licence=None, sources={}),
    _asclepius("Asclepius-Llama2-7B", 7, LLAMA_2_7B_CHAT, licence="cc-by-nc-4.0", sources={}),
    _asclepius("Asclepius-Llama2-13B", 13, LLAMA_2_13B_CHAT, licence=None, sources={}),
    Pair(
        name="biomedgpt-lm-7b",
        tuned=Model(
            repo="PharMolix/BioMedGPT-LM-7B",
            parameters=7,
            context=2048,
            licence="apache-2.0",
            chat_template=NO_TEMPLATE,
            sources={
                _BIOMEDGPT: "repo parameters context",
                _BIOMEDGPT_EARLY: "licence",
                UNSOURCED: "chat_template",
            },
        ),
        derived_from="meta-llama/Llama-2-7b-chat-hf",
        counterpart=LLAMA_2_7B_CHAT,
        adaptation=("cpt",),
        trained_on={"pubmed_abstracts": True},
        quirks=("trained on plain papers after chat tuning: how much of the chat format it kept is not stated",),
        sources={_BIOMEDGPT: "derived_from adaptation quirks", _BIOMEDGPT_EARLY: "pubmed_abstracts"},
    ),
    Pair(
        name="medicine-chat",
        tuned=Model(
            repo="AdaptLLM/medicine-chat",
            parameters=7,
            licence="llama2",
            chat_template=TOKENIZER_TEMPLATE,
            sources={_MEDICINE_CHAT: "repo licence", UNSOURCED: "parameters chat_template"},
        ),
        derived_from=None,
        counterpart=LLAMA_2_7B_CHAT,
        adaptation=("cpt",),
        quirks=("its page lists The Pile, OpenOrca, LIMA and WizardLM as training data",),
        sources={
            UNSOURCED: "adaptation",
            "https://huggingface.co/AdaptLLM/medicine-chat/commits/main/README.md": "quirks",
        },
    ),
)
