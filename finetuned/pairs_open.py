"""Biomedical models on Mistral, Gemma, Phi and GLM."""

from __future__ import annotations

from .general_models import (
    GEMMA_2_9B,
    GEMMA_3_4B_IT,
    GEMMA_3_27B_IT,
    MISTRAL_7B_INSTRUCT_V1,
    MISTRAL_7B_INSTRUCT_V2,
    MISTRAL_7B_INSTRUCT_V3,
    PHI_35_MINI,
)
from .pair import NO_TEMPLATE, TOKENIZER_TEMPLATE, UNSOURCED, Model, Pair, TrainingSet
from .templates import MEDREASON_QUIRK, THINKING_GEMMA, THINKING_HEADING

_BIOMISTRAL = "https://featherless.ai/models/BioMistral/BioMistral-7B-SLERP"
_BIOMISTRAL_DARE = "https://featherless.ai/models/BioMistral/BioMistral-7B-DARE"
_BIOMISTRAL_TIES = "https://featherless.ai/models/BioMistral/BioMistral-7B-TIES"
_BIOMISTRAL_REPO = "https://github.com/BioMistral/BioMistral"
_INTERNIST = "https://hf.co/internistai/base-7b-v0.2/resolve/main/README.md?download=true"
_INTERNIST_PAGE = "https://huggingface.co/internistai/base-7b-v0.2"
_INTERNIST_SUMMARY = "https://featherless.ai/models/internistai/base-7b-v0.2"
_ASCLEPIUS = "https://github.com/starmpcc/Asclepius"
_MEDREASON = "https://github.com/UCSC-VLAA/MedReason"
_MEDREASON_DATA = "https://github.com/UCSC-VLAA/MedReason/blob/main/configs/dataset_configs.yml"
_MEDITRON3_GEMMA = "https://featherless.ai/models/OpenMeditron/Meditron3-Gemma2-9B"
_MEDIPHI = "https://featherless.ai/models/microsoft/MediPhi/readme"
_MEDIPHI_INSTRUCT = "https://featherless.ai/models/microsoft/MediPhi-Instruct/readme"
_MEDIPHI_CARD = "https://huggingface.co/microsoft/MediPhi-Guidelines/blob/main/README.md"
_MEDGEMMA = "https://featherless.ai/models/google/medgemma-27b-text-it/readme"
_MEDGEMMA_CARD = "https://mygguf.com/models/unsloth_medgemma-27b-text-it-GGUF.html"
_MEDGEMMA_GUIDE = "https://inventaai.com/medgemma-27b-it-medical-ai-guide"
_MEDGEMMA_NOTEBOOK = "https://github.com/Google-Health/medgemma/blob/main/notebooks/quick_start_with_model_garden.ipynb"
_ANTGLM = "https://arxiv.org/abs/2312.01040"

_ALL_EXAMS: dict[TrainingSet, bool | None] = {
    "medqa_train": True,
    "medmcqa_train": True,
    "pubmedqa_train": True,
}
_EXAM_FIELDS = "medqa_train medmcqa_train pubmedqa_train"


def _biomistral(suffix: str, source: str) -> Pair:
    """Return the pair of a merge of BioMistral-7B with the model it came from."""
    return Pair(
        name=f"biomistral-7b-{suffix}".lower(),
        tuned=Model(
            repo=f"BioMistral/BioMistral-7B-{suffix}",
            parameters=7,
            licence="apache-2.0" if suffix == "SLERP" else None,
            gated=False if suffix == "SLERP" else None,
            chat_template=TOKENIZER_TEMPLATE,
            sources={
                source: "repo parameters licence gated" if suffix == "SLERP" else "repo parameters",
                UNSOURCED: "chat_template",
            },
        ),
        derived_from="BioMistral/BioMistral-7B",
        counterpart=MISTRAL_7B_INSTRUCT_V1,
        adaptation=("cpt", "merge"),
        quirks=(f"a {suffix} merge of BioMistral-7B and Mistral-7B-Instruct-v0.1",),
        sources={source: "derived_from adaptation quirks"},
    )


OPEN_PAIRS: tuple[Pair, ...] = (
    Pair(
        name="biomistral-7b",
        tuned=Model(
            repo="BioMistral/BioMistral-7B",
            parameters=7,
            chat_template=TOKENIZER_TEMPLATE,
            sources={_BIOMISTRAL_REPO: "repo parameters", UNSOURCED: "chat_template"},
        ),
        derived_from="mistralai/Mistral-7B-Instruct-v0.1",
        counterpart=MISTRAL_7B_INSTRUCT_V1,
        adaptation=("cpt",),
        quirks=("trained on PubMed Central full texts after instruction tuning",),
        sources={_BIOMISTRAL: "derived_from adaptation quirks"},
    ),
    _biomistral("DARE", _BIOMISTRAL_DARE),
    _biomistral("TIES", _BIOMISTRAL_TIES),
    _biomistral("SLERP", _BIOMISTRAL),
    Pair(
        name="internist-7b",
        tuned=Model(
            repo="internistai/base-7b-v0.2",
            parameters=7,
            context=4096,
            licence="apache-2.0",
            cutoff="2023-10",
            chat_template=TOKENIZER_TEMPLATE,
            sources={
                _INTERNIST: "context licence cutoff",
                _INTERNIST_PAGE: "repo chat_template",
                _INTERNIST_SUMMARY: "parameters",
            },
        ),
        derived_from="mistralai/Mistral-7B-v0.1",
        counterpart=MISTRAL_7B_INSTRUCT_V1,
        adaptation=("cpt", "sft"),
        trained_on={"pubmed_abstracts": True, "medqa_train": True, "medmcqa_train": True},
        quirks=("the Alpaca format, as a chat template", "called base, but instructions were mixed in"),
        sources={
            _INTERNIST: "derived_from adaptation pubmed_abstracts medqa_train medmcqa_train",
            _INTERNIST_PAGE: "quirks",
        },
    ),
    Pair(
        name="asclepius-mistral-7b-v0.3",
        tuned=Model(
            repo="starmpcc/Asclepius-Mistral-7B-v0.3",
            parameters=7,
            chat_template=NO_TEMPLATE,
            sources={_ASCLEPIUS: "repo parameters chat_template"},
        ),
        derived_from=None,
        counterpart=MISTRAL_7B_INSTRUCT_V3,
        adaptation=("cpt", "full-sft"),
        trained_on={"mimic": False},
        quirks=("trained on one prompt only: a discharge summary and a question, see asclepius-7b",),
        sources={_ASCLEPIUS: "adaptation mimic quirks"},
    ),
    Pair(
        name="medreason-mistral",
        tuned=Model(
            repo="UCSC-VLAA/MedReason-Mistral",
            parameters=7,
            thinking=THINKING_HEADING,
            sources={_MEDREASON: "repo parameters thinking"},
        ),
        derived_from="mistralai/Mistral-7B-Instruct-v0.2",
        counterpart=MISTRAL_7B_INSTRUCT_V2,
        adaptation=("full-sft",),
        trained_on=_ALL_EXAMS,
        quirks=(MEDREASON_QUIRK,),
        sources={_MEDREASON: "derived_from adaptation", _MEDREASON_DATA: f"{_EXAM_FIELDS} quirks"},
    ),
    Pair(
        name="meditron3-gemma2-9b",
        tuned=Model(
            repo="OpenMeditron/Meditron3-Gemma2-9B",
            parameters=9,
            licence="gemma",
            sources={_MEDITRON3_GEMMA: "repo parameters licence"},
        ),
        derived_from="google/gemma-2-9b",
        counterpart=GEMMA_2_9B,
        adaptation=("sft",),
        quirks=("the card calls it not instruction-tuned: a base model, though fine-tuned on instructions too",),
        sources={_MEDITRON3_GEMMA: "derived_from adaptation quirks"},
    ),
    Pair(
        name="mediphi",
        tuned=Model(
            repo="microsoft/MediPhi",
            parameters=3.8,
            licence="mit",
            gated=False,
            chat_template=TOKENIZER_TEMPLATE,
            sources={_MEDIPHI: "repo parameters licence gated", UNSOURCED: "chat_template"},
        ),
        derived_from="microsoft/Phi-3.5-mini-instruct",
        counterpart=PHI_35_MINI,
        adaptation=("cpt", "merge"),
        default=True,
        quirks=("five experts, merged with BreadCrumbs",),
        sources={_MEDIPHI_CARD: "derived_from adaptation quirks"},
    ),
    Pair(
        name="mediphi-instruct",
        tuned=Model(
            repo="microsoft/MediPhi-Instruct",
            parameters=3.8,
            licence="mit",
            gated=False,
            chat_template=TOKENIZER_TEMPLATE,
            sources={_MEDIPHI_INSTRUCT: "repo parameters licence gated", UNSOURCED: "chat_template"},
        ),
        derived_from="microsoft/MediPhi",
        counterpart=PHI_35_MINI,
        adaptation=("cpt", "merge", "sft"),
        default=True,
        quirks=("MediPhi aligned on MediFlow, 2.5M synthetic instructions for 14 clinical tasks",),
        sources={_MEDIPHI_CARD: "derived_from adaptation", _MEDIPHI_INSTRUCT: "quirks"},
    ),
    Pair(
        name="medgemma-4b",
        tuned=Model(
            repo="google/medgemma-4b-it",
            parameters=4.3,
            licence="health-ai-developer-foundations",
            gated=True,
            chat_template=TOKENIZER_TEMPLATE,
            sources={
                _MEDGEMMA_CARD: "licence gated",
                "https://featherless.ai/models/tbmod/gemma-3-4b-it": "parameters",
                UNSOURCED: "repo chat_template",
            },
        ),
        derived_from=None,
        counterpart=GEMMA_3_4B_IT,
        adaptation=("sft",),
        quirks=("multimodal: load it as an image-text-to-text model", "a variant of Gemma 3 4B"),
        sources={_MEDGEMMA_CARD: "adaptation", _MEDGEMMA_GUIDE: "quirks"},
    ),
    Pair(
        name="medgemma-27b",
        tuned=Model(
            repo="google/medgemma-27b-text-it",
            parameters=27,
            context=131_072,
            licence="health-ai-developer-foundations",
            gated=True,
            chat_template=TOKENIZER_TEMPLATE,
            system_role=True,
            thinking=THINKING_GEMMA,
            sources={
                _MEDGEMMA: "repo parameters context licence gated",
                _MEDGEMMA_NOTEBOOK: "system_role thinking",
                UNSOURCED: "chat_template",
            },
        ),
        derived_from=None,
        counterpart=GEMMA_3_27B_IT,
        adaptation=("sft",),
        quirks=("thinks only if the system prompt begins: SYSTEM INSTRUCTION: think silently if needed.",),
        sources={_MEDGEMMA: "adaptation", _MEDGEMMA_NOTEBOOK: "quirks"},
    ),
)

# The recipe without weights: what `clinrag train` repeats in three stages on another base.
ANTGLM_MED = Pair(
    name="antglm-med",
    tuned=Model(repo=None, parameters=10, sources={_ANTGLM: "parameters"}),
    derived_from=None,
    counterpart=Model(repo=None, parameters=10, sources={_ANTGLM: "parameters"}),
    adaptation=("cpt", "sft"),
    quirks=(
        "the weights of AntGLM-Med-10B and of AntGLM-10B were never published: only its three-stage recipe can be used "
        "(knowledge injection, instruction tuning, task adaptation)",
        "80.6 % on PubMedQA as published, with Verification-of-Choice prompting",
    ),
    sources={_ANTGLM: "adaptation", "https://www.sciencestack.ai/paper/2312.01040": "quirks"},
)
