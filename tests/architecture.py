"""The architecture as the imports have it, drawn as SVG: `make pictures` writes docs/pictures/architecture.svg."""

from __future__ import annotations

import ast
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree.ElementTree import Element, SubElement, tostring

from packaging.requirements import Requirement

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "pictures" / "architecture.svg"
PACKAGES = ("experiments", "rag", "finetuned", "indexes")
VERBS = {
    "experiments": "tasks × contenders → records → scores, audit → report",
    "rag": "retrieval + a chat model → an answer that is checked",
    "finetuned": "published pairs, training, decontamination",
    "indexes": "PubMed → shards → one searchable index",
}
# Where a module is imported by another name than its distribution has.
NAMED = {"yaml": "pyyaml", "faiss": "faiss-cpu"}


@dataclass(slots=True)
class Imports:
    """What the modules of one package import: names of our other packages, and distributions from elsewhere.

    `always` holds packages imported at a module's top, `names` how many modules import each name of a package.
    """

    folders: set[str] = field(default_factory=set)
    always: set[str] = field(default_factory=set)
    names: dict[str, Counter[str]] = field(default_factory=dict)
    libraries: set[str] = field(default_factory=set)


def imported(tree: ast.Module) -> Iterator[tuple[str, list[str], bool]]:
    """Yield each absolute import: the module, the names taken from it, and whether importing the file does it."""
    at_top = {id(node) for node in tree.body}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, [], id(node) in at_top) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            yield node.module, [alias.name for alias in node.names], id(node) in at_top


def read_imports(root: Path = ROOT) -> dict[str, Imports]:
    lines = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    direct = {Requirement(line).name for line in lines}
    found = {package: Imports() for package in PACKAGES}
    for package, imports in found.items():
        for path in sorted((root / package).rglob("*.py")):
            if path.parent.parent == root / package and path.name != "__init__.py":
                imports.folders.add(path.parent.name)
            for module, names, at_top in imported(ast.parse(path.read_text(encoding="utf-8"))):
                top = module.partition(".")[0]
                if top in PACKAGES and top != package:
                    imports.always |= {top} if at_top else set()
                    imports.names.setdefault(top, Counter()).update(names)
                elif top not in sys.stdlib_module_names:
                    imports.libraries |= {NAMED.get(top, top.replace("_", "-"))} & direct
    return found


# Left, top, width and height of each package's box; and for each arrow its two ends and where its label starts.
BOXES = {
    "experiments": (20, 84, 840, 102),
    "rag": (20, 280, 390, 144),
    "finetuned": (550, 280, 310, 144),
    "indexes": (20, 518, 530, 104),
}
ARROWS = {
    ("experiments", "rag"): ((130, 186), (130, 280), (142, 218)),
    ("experiments", "indexes"): ((440, 186), (440, 518), (452, 218)),
    ("experiments", "finetuned"): ((690, 186), (690, 280), (702, 218)),
    ("rag", "indexes"): ((130, 424), (130, 518), (142, 456)),
    ("rag", "finetuned"): ((410, 332), (550, 332), (452, 354)),
}
COLOURS = {"experiments": "#8a5a00", "rag": "#00618f", "finetuned": "#8a3a6e", "indexes": "#00694f"}
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"


def draw(found: dict[str, Imports]) -> str:
    """Draw packages, their folders and libraries, and who imports whom: dashed where a function does, when called.

    Beside an arrow stand the three names that most modules import; in a box, libraries that not all packages use.
    Raises KeyError for an arrow that has no place.
    """
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": "0 0 880 642", "font-family": FONT})
    SubElement(root, "title").text = "Packages of clinrag and their imports"
    SubElement(root, "rect", {"width": "880", "height": "642", "rx": "10", "fill": "#ffffff"})
    marker = {"id": "tip", "viewBox": "0 0 10 10", "refX": "9", "refY": "5", "markerWidth": "7", "markerHeight": "7"}
    tip = SubElement(SubElement(root, "defs"), "marker", {**marker, "orient": "auto"})
    SubElement(tip, "path", {"d": "M0 0 10 5 0 10z", "fill": "#444"})
    write(root, (20, 36), "clinrag.py", bold=True, size=16)
    write(root, (122, 36), "mounts the commands of each package: index · ask, chat, serve · models, train · experiment")
    write(root, (20, 62), "→ imports    ⇢ imports inside a function, when it is called", colour="#555")
    for package, imports in found.items():
        for target, names in imports.names.items():
            arrow(root, ARROWS[package, target], names, late=target not in imports.always)
    shared = set.intersection(*(imports.libraries for imports in found.values()))
    for package, imports in found.items():
        box(root, package, imports.folders, imports.libraries - shared)
    write(root, (570, 540), "All four packages use", colour="#555", size=12)
    write(root, (570, 557), ", ".join(sorted(shared)), colour="#555", size=12)
    return tostring(root, encoding="unicode") + "\n"


def box(root: Element, package: str, folders: set[str], libraries: set[str]) -> None:
    left, top, width, height = BOXES[package]
    place = {"x": left, "y": top, "width": width, "height": height, "rx": 8, "fill": "#fbfbfa", "stroke-width": 2}
    SubElement(root, "rect", {k: str(v) for k, v in place.items()} | {"stroke": COLOURS[package]})
    write(root, (left + 14, top + 25), package, bold=True, size=16, colour=COLOURS[package])
    write(root, (left + 14, top + 46), VERBS[package])
    y = top + 66
    if folders:
        write(root, (left + 14, y), "folders: " + " · ".join(sorted(folders)))
        y += 20
    for words in textwrap.wrap(", ".join(sorted(libraries)), width // 7, break_on_hyphens=False):
        write(root, (left + 14, y), words, colour="#555", size=12)
        y += 16


def arrow(root: Element, place: tuple[tuple[int, int], ...], names: Counter[str], *, late: bool) -> None:
    start, end, label = place
    line = {"x1": start[0], "y1": start[1], "x2": end[0], "y2": end[1]}
    dashes = {"stroke-dasharray": "6 5"} if late else {}
    style = {"stroke": "#444", "stroke-width": "1.6", "marker-end": "url(#tip)"}
    SubElement(root, "line", {k: str(v) for k, v in line.items()} | style | dashes)
    nouns = [name for name in names if not name.endswith("Error")]
    for row, words in enumerate(sorted(nouns, key=lambda name: (-names[name], name))[:3]):
        write(root, (label[0], label[1] + 16 * row), words, colour="#555", size=12)


def write(
    root: Element, at: tuple[int, int], words: str, *, bold: bool = False, size: int = 13, colour: str = "#222"
) -> None:
    weight = {"font-weight": "600"} if bold else {}
    place = {"x": str(at[0]), "y": str(at[1]), "font-size": str(size), "fill": colour}
    SubElement(root, "text", place | weight).text = words
