"""Configurations: what is read, what is refused and how the refusal helps."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from conftest import ROOT

from experiments.config import parse_config, read_config
from experiments.contenders import Contender, Retrieval
from experiments.errors import ConfigError, UnknownTaskError

CONFIGS = Path(__file__).parents[1] / "experiments" / "configs"


def config(**fields: Any) -> dict[str, Any]:
    return {"tasks": ["sample"], "contenders": [{"model": "scripted:x"}], **fields}


def test_all_fields_are_read() -> None:
    raw = yaml.safe_load(
        """
        index: idx
        seed: 3
        limit: 20
        batch: 4
        margin: 0.02
        tasks: [{name: pubmedqa, path: p.json, limit: 5}, bioasq-yesno]
        data: here
        contenders:
          - {name: a, model: "openai:m@u", strategy: self-consistency, calls: 5, temperature: 0.5, max_tokens: 9}
          - {model: extractive, retrieval: {k: 3, mode: lexical, since: 2001, exclude_gold: true}}
        compare: [["extractive rag3-lexical-since2001-nogold", a]]
        """
    )
    read = parse_config(raw)
    assert [(t.task.name, t.path, t.limit) for t in read.tasks] == [
        ("pubmedqa", Path("p.json"), 5),
        ("bioasq-yesno", Path("here"), 20),
    ]
    assert read.contenders == (
        Contender("a", "openai:m@u", Retrieval(), "self-consistency", 5, 0.5, 9),
        Contender(
            "extractive rag3-lexical-since2001-nogold",
            "extractive",
            Retrieval("rag", 3, "lexical", 2001, exclude_gold=True),
            "judged",
        ),
    )
    assert (read.index, read.seed, read.batch, read.margin) == (Path("idx"), 3, 4, 0.02)
    assert read.compare == (("extractive rag3-lexical-since2001-nogold", "a"),)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"contendors": []}, "unknown field 'contendors'; did you mean contenders"),
        ({"contenders": [{"model": "x:y", "stratgy": "cot"}]}, "unknown field 'stratgy'; did you mean strategy"),
        ({"contenders": [{"model": "x:y", "retrieval": {"kk": 3}}]}, "unknown field 'kk'; did you mean k"),
        ({"contenders": [{"model": "x:y", "strategy": "self-consistancy"}]}, "did you mean self-consistency"),
        ({"contenders": [{"model": "x:y", "strategy": "voc"}]}, "calls is 1, and voc needs at least 3"),
        ({"contenders": [{"model": "x:y", "calls": 5}]}, "direct makes one call, so calls: 5 cannot be spent"),
        ({"contenders": [{"model": "x:y", "calls": "many"}]}, "calls is 'many'; it must be a whole number from 1"),
        ({"contenders": [{"model": "x:y", "calls": True}]}, "calls is True"),
        ({"contenders": [{"model": "extractive", "strategy": "cot"}]}, "goes with strategy rules"),
        ({"contenders": [{"model": "x:y", "strategy": "judged"}]}, "these go with it only"),
        ({"contenders": [{"model": "x:y", "strategy": "rules"}]}, "these go with it only"),
        ({"contenders": [{"model": "baseline:majorty"}]}, "there are baseline:majority, baseline:random"),
        ({"contenders": [{"model": "x:y", "retrieval": {"mode": "hybird"}}]}, "did you mean hybrid"),
        ({"contenders": [{"model": "x:y", "retrieval": "rag"}]}, "needs an index to read from"),
        ({"contenders": [{"model": "x:y"}, {"model": "x:y"}]}, "two contenders are called 'x:y closed-book'"),
        ({"contenders": [], "tasks": ["sample"]}, "no contenders and no pairs"),
        ({"contenders": [{"name": "x"}]}, "a contender needs a model"),
        ({"tasks": []}, "tasks must be a list"),
        ({"tasks": ["sample", "sample"]}, "a task is named twice"),
        ({"tasks": ["meqsum"], "contenders": [{"model": "x:y", "strategy": "cot"}]}, "and meqsum is text; use direct"),
        ({"pairs": ["huatuogpt-o1-7bb"]}, "did you mean huatuogpt-o1-7b"),
        ({"pairs": [{"pair": "huatuogpt-o1-7b", "retrieval": "none"}]}, "retrieval is what the 2×2 varies"),
        ({"compare": [["x:y", "scripted:x closed-book"]]}, "no contender 'x:y'"),
        ({"margin": -1}, "margin is -1; it must be a number from 0"),
        ({"margin": 0}, "margin is 0; it must be above 0"),
        ({"margin": float("nan")}, "margin is nan; it must be a number"),
        ({"training": ["nothere.jsonl"]}, "training: no file nothere.jsonl"),
        *(
            ({"contenders": [{"model": "x:y", "cutoff": wrong}]}, f"cutoff is {wrong!r}; write year and month")
            for wrong in ("Dec 2023", "12/2023", 2023, "2023-13", "2023-12-01")
        ),
        ({"tasks": ["meqsum"], "contenders": [{"model": "baseline:random"}]}, "a baseline needs options, and meqsum"),
    ],
)
def test_what_is_wrong_is_said_with_the_nearest(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=r"^(?s:.)*" + re.escape(said)):
        parse_config(config(**fields))


def test_an_unknown_task_names_the_nearest() -> None:
    with pytest.raises(UnknownTaskError, match="pubmedqa"):
        parse_config(config(tasks=["pubmed-qa"]))


def test_a_pair_becomes_the_two_by_two() -> None:
    read = parse_config(
        {
            "index": "idx",
            "tasks": ["sample"],
            "pairs": [{"pair": "huatuogpt-o1-7b", "retrieval": {"k": 4}, "strategy": "cot", "max_tokens": 99}],
        }
    )
    (pair,) = read.pairs
    four = {c.name: c for c in read.contenders}
    arms = {arm: four[name] for arm, name in pair.arms.items()}
    assert {arm: (c.model, c.retrieval.source) for arm, c in arms.items()} == {
        "general": ("pair:huatuogpt-o1-7b/general", "none"),
        "general_rag": ("pair:huatuogpt-o1-7b/general", "rag"),
        "tuned": ("pair:huatuogpt-o1-7b/tuned", "none"),
        "tuned_rag": ("pair:huatuogpt-o1-7b/tuned", "rag"),
    }
    assert {(c.strategy, c.max_tokens) for c in four.values()} == {("cot", 99)}
    assert arms["general_rag"].retrieval.k == 4


def test_a_verdict_by_rules_says_so_in_its_name() -> None:
    read = parse_config(config(contenders=[{"name": "quotes", "model": "extractive", "strategy": "rules"}]))
    assert read.contenders[0].name == "quotes (rules)"


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.yaml")), ids=lambda p: p.name)
def test_the_configurations_that_come_with_it_are_valid(path: Path) -> None:
    assert len(read_config(path, index=Path("idx"), data=Path("tasks")).contenders) >= 4


def test_the_command_lines_limit_goes_before_every_other(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text(yaml.safe_dump(config(limit=30, tasks=[{"name": "sample", "limit": 20}, "pubmedqa"], data="d")))
    assert [task.limit for task in read_config(path).tasks] == [20, 30]
    assert [task.limit for task in read_config(path, limit=5).tasks] == [5, 5]


@pytest.mark.parametrize("page", ["docs/head-to-head.md", "docs/extending.md"])
def test_the_configurations_in_the_documentation_are_valid(page: str) -> None:
    blocks = re.findall(r"^```yaml\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    assert blocks or "head" not in page
    for block in blocks:
        assert parse_config(yaml.safe_load(block)).tasks


def test_what_is_no_yaml_mapping_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    with pytest.raises(ConfigError, match="cannot read"):
        read_config(path)
    path.write_text("- a\n- b")
    with pytest.raises(ConfigError, match="a mapping with tasks and contenders"):
        read_config(path)
    path.write_text("a: [")
    with pytest.raises(ConfigError, match="is not YAML"):
        read_config(path)
    for hostile in (b"!!python/object/apply:os.system ['true']", b"tasks: [\xff\xfe]", b"[" * 5000):
        path.write_bytes(hostile)
        with pytest.raises(ConfigError, match="is not YAML"):
            read_config(path)
