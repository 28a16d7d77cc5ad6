"""What an index of so many documents costs: hours, bytes, memory, carried on from rates measured on this machine.

Rows for GPUs that were not measured are marked, and say what they assume.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from .rates import Rates

# NVIDIA's data sheet gives an H200 (SXM) 989 TFLOP/s in dense bfloat16. What share of it an encoder this narrow reaches
# is an assumption, as is how many processors stand beside each GPU.
H200_FLOPS, SHARE, PROCESSORS_PER_GPU = 989e12, 0.10, 16


@dataclass(frozen=True, slots=True)
class Row:
    """Hours on one kind of machine; `assumes` is empty where every rate behind it was measured."""

    machine: str
    parse: float
    embed: float
    assemble: float
    assumes: str

    @property
    def hours(self) -> float:
        return self.parse + self.embed + self.assemble


@dataclass(frozen=True, slots=True)
class Plan:
    """The table. Bytes on disk by part; `memory`: resident to serve, `cache`: that helps if the system has it free."""

    documents: int
    factory: str
    rows: tuple[Row, ...]
    disk: dict[str, float]
    memory: float
    cache: float
    rates: Rates

    def to_dict(self) -> dict[str, Any]:
        rows = [asdict(row) | {"hours": row.hours, "measured": not row.assumes} for row in self.rows]
        return asdict(self) | {"rows": rows}


def plan(documents: int, rates: Rates) -> Plan:
    """Carry measured rates on to `documents`; every cost is taken as proportional to their number."""
    factory, code = vector_bytes(documents, rates.encoder.dimension)
    weights = {
        "shards: records": rates.record_bytes,
        "shards: vectors": 2.0 * rates.encoder.dimension,
        "documents": rates.store_bytes,
        "BM25": rates.lexical_bytes,
        "vectors": 2.0 * rates.encoder.dimension,
        "FAISS": code,
        "filters": rates.column_bytes,
    }
    disk = {name: weight * documents for name, weight in weights.items()}
    return Plan(
        documents=documents,
        factory=factory,
        rows=tuple(_rows(documents, rates)),
        disk=disk,
        memory=rates.process_bytes + disk["FAISS"] + disk["filters"],
        cache=disk["BM25"],
        rates=rates,
    )


def vector_bytes(documents: int, dimension: int) -> tuple[str, float]:
    """Return the FAISS factory for this many documents and the bytes it keeps for each, with its id in lists."""
    from .factories import choose_factory, lists_of, make_empty

    factory = choose_factory(documents, dimension)
    index = make_empty(factory, dimension)
    return factory, float(index.code_size + 8 if lists_of(index) else index.sa_code_size())


def _rows(documents: int, rates: Rates) -> list[Row]:
    def row(machine: str, processors: int, embed: float, assumes: str = "") -> Row:
        parse = documents / (rates.parse * processors)
        return Row(machine, parse / 3600, documents / embed / 3600, documents / rates.assemble / 3600, assumes)

    here = f"this machine: {rates.processors} processors" + (f", {rates.device}" if rates.device != "CPU" else "")
    rows = [row(here, rates.processors, rates.embed)]
    beside = f"{PROCESSORS_PER_GPU} processors like this one's beside each GPU"
    for gpus in (1, 8):
        processors = PROCESSORS_PER_GPU * gpus
        if rates.device != "CPU":
            rows.append(row(f"{gpus} × {rates.device}", processors, rates.embed * gpus, beside))
        elif rates.flops is not None and rates.tokenise is not None:
            # tokenising is taken as not overlapped with the GPU, so that the sum errs on the slow side
            on_gpu = H200_FLOPS * SHARE / rates.flops * gpus
            embed = 1 / (1 / on_gpu + 1 / (rates.tokenise * processors))
            assumes = f"no GPU measured: {rates.flops / 1e9:.1f} GFLOP a document, {SHARE:.0%} of 989 TFLOP/s; {beside}"
            rows.append(row(f"{gpus} × H200-class GPU", processors, embed, assumes))
    return rows


def as_text(planned: Plan) -> str:
    """Return the plan as Markdown, which the README shows."""
    rates, gb = planned.rates, 1e9
    lines = [
        f"{planned.documents:,} documents, {rates.encoder.name}, FAISS {planned.factory}",
        "",
        "| machine | parse, h | embed, h | assemble, h | total, h | |",
        "|---|---|---|---|---|---|",
    ]
    for number, row in enumerate(planned.rows):
        note = "measured rates" if not row.assumes else f"assumption {number}"
        hours = (f"{value:,.2g}" if value < 10 else f"{value:,.0f}" for value in _hours(row))
        lines.append(f"| {row.machine} | {' | '.join(hours)} | {note} |")
    lines += [f"\nAssumption {n}: {row.assumes}." for n, row in enumerate(planned.rows) if row.assumes]
    parts = ", ".join(f"{name} {size / gb:,.3g}" for name, size in planned.disk.items())
    lines += [
        "",
        f"On disk {sum(planned.disk.values()) / gb:,.3g} GB: {parts}. During an update twice the last five.",
        f"Memory to serve {planned.memory / gb:,.3g} GB (the process with its encoder {rates.process_bytes / gb:.2g}, "
        f"the rest FAISS and filters); {planned.cache / gb:,.3g} GB of page cache more keep BM25 fast.",
        "",
        f"Measured on {rates.documents:,} documents: parsing {rates.parse:,.0f} a second and processor, embedding "
        f"{rates.embed:,.1f} a second on {'all processors' if rates.device == 'CPU' else rates.device}, assembling "
        f"{rates.assemble:,.0f} a second in one process.",
    ]
    return "\n".join(lines)


def _hours(row: Row) -> tuple[float, ...]:
    return row.parse, row.embed, row.assemble, row.hours
