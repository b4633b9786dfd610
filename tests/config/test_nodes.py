"""The fast parser is believed only where the other one would say the same."""

from pathlib import Path

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from aegisflow.config import nodes
from aegisflow.config.mistakes import Mistakes
from aegisflow.config.nodes import MappingNode, Node, NotYamlError, ScalarNode
from aegisflow.config.source import _Reader

PLANT = (Path(__file__).parents[2] / "config" / "plant.yaml").read_text(encoding="utf-8")

PIECES = """a|b: |k:|- |\n|\n  |\n    | |[|]|{|}|, |'|"|#| # c|&x |*x|?|? |%|@|`|0|1|-|+|.|e3|0x1F|007|null|true|on|.inf
°C|\\n|\\/|<<|=|2026-01-01|12:30|:|: |é|😀|_|1_000|{a: 1}|[1, 2]|x: y|\n---\n|\n...\n|!|!!str |\t|\r\n"""
TEXTS = st.lists(st.sampled_from(PIECES.split("|")), max_size=14).map("".join)


def meaning(root: Node | None) -> object:
    """Return all that is ever asked of nodes: values, the lines of their keys, and what is wrong with them."""
    if not isinstance(root, MappingNode):
        return type(root)
    reader = _Reader(Mistakes("plant.yaml"))
    data = reader.mapping(root, ())
    return data, reader.lines, [str(mistake) for mistake in reader.mistakes.found]


@given(text=TEXTS | TEXTS.map(lambda text: f"k: {text}"))
@example(PLANT)
@example("a: [1, 2]\nb: {c: d}\n")
@example("a: &x {b: 1}\nc: *x\n")
@example("text: >-\n  two\n  lines\nother: |\n  kept\n\n  as it is\n")
def test_two_parsers_read_alike_or_the_fast_one_is_not_asked(text: str) -> None:
    try:
        fast, slow = nodes._compose_fast(text), nodes._compose_in_words(text)
    except (nodes._UnclearError, NotYamlError):
        return  # the one is not sure, or the other, who has the last word on mistakes, sees one
    assert meaning(fast) == meaning(slow)


def test_the_default_plant_is_read_fast() -> None:
    assert nodes._compose_fast(PLANT) is not None


@pytest.mark.parametrize("text", ["a: \t1", "%YAML 1.1\n---\na: 1", "a: !!str 1", "a: 1\n...\n", "a: |#\n", "a: [1"])
def test_what_the_two_versions_of_yaml_read_differently_is_left_to_the_other(text: str) -> None:
    with pytest.raises(nodes._UnclearError):
        nodes._compose_fast(text)


def test_without_libyaml_a_plant_is_read_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = nodes.compose(PLANT)
    monkeypatch.setattr(yaml, "__with_libyaml__", False)
    assert nodes.compose(PLANT) == fast


@pytest.mark.parametrize("depth", [30, 99, 100, 1_000_000])
@pytest.mark.parametrize("mark", ["[", "{a: "])
def test_depth_costs_neither_time_nor_stack(depth: int, mark: str) -> None:
    with pytest.raises(NotYamlError):
        nodes.compose(mark * depth)


def test_lines_are_those_of_the_text() -> None:
    root = nodes.compose("# first\na:\n  b: 1\n\n  c: [2,\n    3]\n")
    assert isinstance(root, MappingNode)
    key, below = root.nodes
    assert isinstance(below, MappingNode)
    assert (key.line, [node.line for node in below.nodes]) == (2, [3, 3, 5, 5])


def test_what_aliases_unfold_to_is_counted_and_not_built() -> None:
    levels = "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 6))
    root = nodes.compose("a0: &a0 [1]\n" + levels)
    assert isinstance(root, MappingNode)
    assert isinstance(root.nodes[0], ScalarNode)
    assert root.size > 100_000
