"""The lock says what was tested, all of it, within the ranges; and licences are read as their owners wrote them."""

from __future__ import annotations

import re
from email.message import Message
from importlib.metadata import PackageNotFoundError, distribution, metadata
from typing import cast

import pytest
from conftest import ROOT
from licences import goes_with_ours, licence
from lock import LOCK, closure, declared, read
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version


@pytest.fixture(scope="module")
def locked() -> dict[str, str]:
    return read()


@pytest.mark.parametrize("requirement", declared(), ids=lambda r: r.name)
def test_what_is_asked_for_is_locked_within_its_range(requirement: Requirement, locked: dict[str, str]) -> None:
    assert requirement.specifier.contains(locked[canonicalize_name(requirement.name)]), "run `make lock`"


def test_dependencies_have_an_upper_bound() -> None:
    """The next major release of anything may break us; stubs only describe, and cannot."""
    open_above = [
        r.name
        for r in declared()
        if not any(s.operator in {"<", "=="} for s in r.specifier) and not re.search("stubs|types", r.name)
    ]
    assert open_above == ["transformers"]  # [serving], the same distribution as the bounded one


def test_locked_versions_agree_with_each_other(locked: dict[str, str]) -> None:
    """What each locked distribution asks for is locked too, within the range, as far as it is installed here."""
    compared = 0
    for name, version in locked.items():
        try:
            found = distribution(name)
        except PackageNotFoundError:
            continue  # `make test` installs no Ray
        if Version(found.version).public != version:
            continue  # newer than the lock: its wishes are others
        for wish in map(Requirement, found.requires or ()):
            if wish.marker is None or wish.marker.evaluate({"extra": ""}):
                assert wish.specifier.contains(locked[canonicalize_name(wish.name)], prereleases=True), (name, wish)
                compared += 1
    assert compared > 100


def test_lock_is_exact_sorted_and_for_any_build(locked: dict[str, str]) -> None:
    lines = [line for line in LOCK.read_text().splitlines() if not line.startswith("#")]
    assert all(re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.]*", line) for line in lines)
    assert list(locked) == sorted(locked)
    assert len(locked) == len(lines)


def test_closure_follows_markers_extras_and_circles() -> None:
    index = {
        "a": ("1.0", ["b[fast]>=2", "never; python_version < '3'"]),
        "b": ("2.1+cpu", ["C_d; extra == 'fast'", "slow; extra == 'slow'", "a"]),
        "c-d": ("3", ()),
    }
    assert closure([Requirement("A")], wants=index.__getitem__) == {"a": "1.0", "b": "2.1", "c-d": "3"}


def test_licence_is_the_expression_then_classifiers_then_words() -> None:
    about = Message()
    about["License"] = "Copyright (c) 2015\nAll rights reserved"
    assert licence(about) == "Copyright (c) 2015"
    about["Classifier"] = "License :: OSI Approved :: BSD License"
    about["Classifier"] = "Programming Language :: Python"
    assert licence(about) == "BSD License"
    about["License-Expression"] = "MIT"
    assert licence(about) == "MIT"
    assert licence(Message()) == ""


@pytest.mark.parametrize(
    ("said", "goes"),
    [
        ("MPL-2.0 AND (Apache-2.0 OR MIT)", True),
        ("Python Software Foundation License", True),
        ("GNU Lesser General Public License v3 (LGPLv3)", True),
        ("GPL-3.0-only", False),
        ("AGPL-3.0-or-later", False),
        ("GNU General Public License v2 (GPLv2)", False),
        ("MIT OR GPL-2.0-only", False),
        ("CC-BY-NC-4.0", False),
        ("Other/Proprietary License", False),
        ("", False),
    ],
)
def test_licences_that_bind_users_are_seen(said: str, goes: bool) -> None:
    assert goes_with_ours(said) is goes


def test_table_in_the_documentation_names_each_direct_dependency_with_its_licence() -> None:
    page = (ROOT / "docs" / "security.md").read_text(encoding="utf-8").partition("| licence |")[2]
    rows = dict(re.findall(r"^\| (\w+) \| (.*) \|$", page, re.MULTILINE))
    words = {"PSF": "PSF|Python Software", "several": " AND "}
    for requirement in declared(("openai", "ray", "train")):
        name = canonicalize_name(requirement.name)
        (row,) = [kind for kind, names in rows.items() if re.search(rf"(?<![\w-]){name}(?![\w-])", names)]
        try:
            said = licence(cast(Message, metadata(name)))
        except PackageNotFoundError:
            assert name == "ray"  # `make test` installs none
            continue
        assert re.search(words.get(row, row), said), (name, row, said)


def test_ours_is_the_licence_that_the_others_are_held_against() -> None:
    assert "Apache License" in (ROOT / "LICENSE").read_text()[:200]
