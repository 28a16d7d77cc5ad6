"""`clinrag experiment review`: write the sheets, or read them back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from experiments.errors import ConfigError
from experiments.metrics.agreement import cohens_kappa
from experiments.report_text import number, percent, table

from .agreement import review_rates
from .drawing import draw, read_key
from .page import sheet_page
from .sheets import read_sheet, write_sheet


def write_review(run: Path, out: Path, *, n: int, seed: int) -> list[Path]:
    """Draw claims and write the readers' sheet as CSV and as a page; return both files."""
    items = draw(run, n=n, seed=seed)
    files = [out / "sheet.csv", out / "sheet.html"]
    write_sheet(files[0], items)
    files[1].write_text(sheet_page(items), encoding="utf-8")
    return files


def read_review(run: Path, files: Sequence[Path]) -> dict[str, Any]:
    """Return what one or two readers' sheets say, as plain JSON.

    Raises:
        ConfigError: no sheet, or more than two.
        DataFormatError: a sheet that does not label each claim once.
    """
    if not 1 <= len(files) <= 2:
        raise ConfigError(f"{len(files)} sheets: give one or two readers' sheets, as in --read A.csv B.csv")
    key = read_key(run)
    readers = [read_sheet(path, key.items) for path in files]
    found: dict[str, Any] = {"run": str(run), "readers": [str(path) for path in files], "claims_read": len(key.items)}
    if len(readers) == 2:
        ids = list(key.items)
        found["kappa"] = asdict(cohens_kappa(*([reader[id] for id in ids] for reader in readers)))
    found["contenders"] = {name: asdict(one) for name, one in review_rates(key, readers).items()}
    return found


def markdown(found: Mapping[str, Any]) -> str:
    """Return the outcome of a review."""
    lines = [f"# Review of {found['run']}: {found['claims_read']} claims read", ""]
    if kappa := found.get("kappa"):
        interval = f" (95 % CI {kappa['ci95'][0]:.2f} to {kappa['ci95'][1]:.2f})" if kappa["ci95"] else ""
        lines += [
            f"The readers agree on {percent(kappa['agreed'])} %; Cohen's kappa {number(kappa['value'])}{interval}.",
            "",
        ]
    head = ("contender", "claims", "read", "contradicted by the audit %", "contradicted by the readers % (95 % CI)")
    rows = [
        (name, f"{x['claims']:,}", str(x["read"]), percent(x["audit"]), percent(x["value"], x["ci95"]))
        for name, x in found["contenders"].items()
    ]
    return "\n".join([*lines, *table(head, rows)])
