"""`make lock`: write the exact versions of all that clinrag needs, as installed here, to .ci/constraints.txt."""

from __future__ import annotations

import platform
import sys
import tomllib
from collections.abc import Callable, Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
LOCK = ROOT / ".ci" / "constraints.txt"
EXTRAS = ("dev", "openai", "ray", "train")  # not `bench` (other people's tools), not `gpu` (no GPU in the tests)
HEADER = """\
# The exact versions that clinrag's tests ran with, for {python} on {system}. Made by `make lock`.
# pip install -c .ci/constraints.txt .
"""
# What a distribution asks for, by canonical name; raises PackageNotFoundError.
Wants = Callable[[str], tuple[str, Iterable[str]]]


def declared(extras: Iterable[str] = EXTRAS) -> list[Requirement]:
    """Return what pyproject.toml asks for on this platform, without clinrag's own extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = [*project["dependencies"], *(r for extra in extras for r in project["optional-dependencies"][extra])]
    return [r for r in map(Requirement, lines) if r.name != "clinrag"]


def installed(name: str) -> tuple[str, Iterable[str]]:
    found = distribution(name)
    return found.version, found.requires or ()


def closure(roots: Iterable[Requirement], *, wants: Wants = installed) -> dict[str, str]:
    """Return the version of everything that the requirements lead to, by canonical name, in order.

    A version's local part (`+cpu`) is left out: it names a build, and an index has others of the same version.
    """
    versions: dict[str, str] = {}
    seen: set[tuple[str, str]] = set()
    waiting = [(r, extra) for r in roots for extra in ("", *r.extras)]
    while waiting:
        requirement, extra = waiting.pop()
        name = canonicalize_name(requirement.name)
        if (name, extra) in seen:
            continue
        seen.add((name, extra))
        version, lines = wants(name)
        versions[name] = Version(version).public
        for needed in map(Requirement, lines):
            if needed.marker is None or needed.marker.evaluate({"extra": extra}):
                waiting += [(needed, e) for e in ("", *needed.extras)]
    return dict(sorted(versions.items()))


def read(lock: Path = LOCK) -> dict[str, str]:
    lines = lock.read_text(encoding="utf-8").splitlines()
    return dict(line.split("==") for line in lines if not line.startswith("#"))


def main() -> None:
    try:
        versions = closure(declared())
    except PackageNotFoundError as error:
        sys.exit(f"{error}: the lock needs all of {', '.join(EXTRAS)} installed; `make lock` installs them")
    header = HEADER.format(
        python=f"CPython {platform.python_version()}", system=f"{platform.system()} {platform.machine()}"
    )
    LOCK.write_text(header + "".join(f"{name}=={version}\n" for name, version in versions.items()), encoding="utf-8")
    print(f"{len(versions)} versions in {LOCK.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
