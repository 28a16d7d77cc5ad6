"""Run every benchmark beside it: `make bench`, or `python tests/bench.py [NAME...]`.

Each tests/bench_*.py has `rows()`, which yields dicts of name, ours, peer, unit, ratio, runs, or of name and skipped.
Ours and the peer take turns, so that other work on the machine meets both; `runs` says how often each ran, and the
best of each is shown, because other work can only slow one down. A ratio above 1 means that ours is better.
build/bench.json has the rows; what was skipped, and why, stands in the printed table only.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
FIELDS = "name", "ours", "peer", "unit", "ratio", "runs"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    names = [path.stem.removeprefix("bench_") for path in sorted((ROOT / "tests").glob("bench_*.py"))]
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(names)}; default: all")
    chosen = parser.parse_args().names or names
    if unknown := set(chosen) - set(names):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    os.environ |= {"HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1", "PYTHONPATH": str(ROOT)}
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    found: list[dict[str, Any]] = []
    for name in chosen:
        started = time.monotonic()
        print(f"{name} …", file=sys.stderr, flush=True)
        for row in collect(name):
            found.append(row)
            write(ROOT / "build" / "bench.json", found)  # after each, so that a stop loses little
        print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr, flush=True)
    show(found)
    return 1 if any("failed" in row for row in found) else 0


def collect(name: str) -> Iterator[dict[str, Any]]:
    """Yield a benchmark's rows; one that breaks does not stop the others."""
    try:
        yield from importlib.import_module(f"bench_{name}").rows()
    except ImportError as error:
        yield {"name": name, "skipped": f"{error}; pip install 'clinrag[bench]'"}
    except Exception as error:
        traceback.print_exc()
        yield {"name": name, "skipped": f"failed: {type(error).__name__}: {error}", "failed": True}


def write(path: Path, found: Iterable[dict[str, Any]]) -> None:
    """Write the rows that were measured."""
    rows = [{field: row[field] for field in FIELDS} for row in found if "skipped" not in row]
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def show(found: Iterable[dict[str, Any]]) -> None:
    """Print the table."""
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for title in ("what", "ours", "peer", "unit", "×", "runs"):
        table.add_column(title, justify="left" if title in ("what", "unit") else "right", overflow="fold")
    for row in found:
        if "skipped" in row:
            table.add_row(f"{row['name']}\n  skipped: {row['skipped']}")
        else:
            runs = row["runs"] if isinstance(row["runs"], int) else len(row["runs"])
            numbers = [f"{row[field]:,.3g}" for field in ("ours", "peer", "ratio")]
            table.add_row(row["name"], *numbers[:2], row["unit"], numbers[2], str(runs))
    Console(width=None if sys.stdout.isatty() else 140).print(table)


if __name__ == "__main__":
    sys.exit(main())
