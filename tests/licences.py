"""`make supply-chain`: the licence of each dependency, direct or not; fails where one may not go with Apache-2.0."""

from __future__ import annotations

import re
import sys
from email.message import Message
from importlib.metadata import metadata
from typing import cast

from lock import closure, declared, read
from packaging.utils import canonicalize_name

# Licences that let an Apache-2.0 program depend on a library. MPL and LGPL bind changes to the library, not its users.
GOES = re.compile(
    r"\b(MIT|0?BSD|Apache|ISC|PSF|PSFL|Python|CNRI-Python|MPL|Mozilla|LGPL|Lesser|HPND|Zlib|CC0|BSL-1\.0)\b",
    re.IGNORECASE,
)
BINDS = re.compile(r"\bA?GPL|non-?commercial|proprietary|\bNC\b", re.IGNORECASE)


def licence(about: Message) -> str:
    """Return what a distribution says of its licence: an SPDX expression, else its classifiers, else its own words."""
    if expression := about["License-Expression"]:
        return str(expression)
    classes = [c.rpartition(" :: ")[2] for c in about.get_all("Classifier", []) if c.startswith("License :: ")]
    words = (about["License"] or "").strip().splitlines() or [""]
    return "; ".join(classes) or words[0]


def goes_with_ours(said: str) -> bool:
    """Say whether each licence named is known to go with Apache-2.0; of a choice (OR) each, so that a person looks."""
    parts = re.split(r"\bAND\b|\bOR\b|;", said)
    return all(GOES.search(part) and not BINDS.search(part) for part in parts)


def main() -> None:
    """Print a line for each; then every licence must go with ours, and every distribution stand in the lock."""
    direct = {canonicalize_name(r.name) for r in declared()}
    said = {name: licence(cast(Message, metadata(name))) for name in closure(declared())}
    for name, words in said.items():
        print(f"{'*' if name in direct else ' '} {name:28} {words}")
    print(f"{len(said)} licences; * is asked for by pyproject.toml itself")
    if foreign := [name for name, words in said.items() if not goes_with_ours(words)]:
        sys.exit(f"read these by hand, they may not go with Apache-2.0: {', '.join(foreign)}")
    if missing := said.keys() - read().keys():
        sys.exit(f"not in the lock: {', '.join(sorted(missing))}; run `make lock`")


if __name__ == "__main__":
    main()
