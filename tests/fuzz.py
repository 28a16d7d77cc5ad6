"""Coverage-guided fuzzing of everything that reads bytes from elsewhere: `make fuzz`, or one target:

python tests/fuzz.py xml -max_total_time=600

The rules are those of `fuzz_targets`; a finding is written to build/fuzz/TARGET/ and the run ends with exit code 77.
Without a target all are run, one after the other, FUZZ_SECONDS (60) each.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]


def fuzz(name: str, arguments: list[str]) -> None:
    """Fuzz one target in this process; libFuzzer ends it."""
    import atheris

    with atheris.instrument_imports(include=["indexes", "rag", "experiments"]):
        from fuzz_targets import HOSTILE, SEEDS, TARGETS
    found = ROOT / "build" / "fuzz" / name
    corpus = found / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate([*SEEDS[name], *HOSTILE]):
        (corpus / f"seed-{number}").write_bytes(seed)
    limits = ["-timeout=20", "-rss_limit_mb=2500", "-max_len=20000", f"-artifact_prefix={found}/"]
    atheris.Setup([sys.argv[0], str(corpus), *limits, *arguments], TARGETS[name])
    atheris.Fuzz()


def fuzz_all() -> int:
    """Fuzz every target in a process of its own; return how many had findings."""
    from fuzz_targets import TARGETS

    seconds = os.environ.get("FUZZ_SECONDS", "60")
    failed = []
    for name in TARGETS:
        command = [sys.executable, __file__, name, f"-max_total_time={seconds}", "-verbosity=0"]
        if subprocess.run(command, check=False).returncode:
            failed.append(name)
        print(f"{name}: {'FOUND SOMETHING' if name in failed else 'nothing found'} in {seconds} s", flush=True)
    return len(failed)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        fuzz(sys.argv[1], sys.argv[2:])
    else:
        sys.exit(min(fuzz_all(), 1))
