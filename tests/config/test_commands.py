"""What a plant file says of how commands are written, and every mistake in it."""

from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.errors import ConfigError
from tests.support.foreign_plants import PLANTS, plant_text

PLANT = """\
kinds:
  pump:
    sensors: {power: {unit: W}}
    parameters: {speed: {unit: rpm, limits: [100, 300]}, flow: {unit: l/s, limits: [1, 9]}}
lines:
  line-1:
    devices:
      pump-01:
        kind: pump
        commands:
"""
TOPIC = "          topic: x/{name}/set\n"
OFF = "          write: {emergency_shutdown: {payload: 0}}\n"


@pytest.fixture
def loaded(tmp_path: Path):
    def write_and_load(text: str):
        path = tmp_path / "plant.yaml"
        path.write_text(text)
        return load(path, {})

    return write_and_load


MISTAKES = {
    "nothing written": (TOPIC, ".write", "at least one command"),
    "no topic": (OFF, ".topic", "a topic such as"),
    "a wildcard": ("          topic: x/+/set\n" + OFF, ".topic", "no + or #"),
    "an unknown word in a topic": ("          topic: x/{device}/set\n" + OFF, ".topic", "{device_id}, {name}"),
    "a topic of the broker's own": ("          topic: $SYS/x\n" + OFF, ".topic", "a topic such as"),
    "one of ours": (
        "          topic: aegisflow/commands/{name}\n" + OFF,
        ".topic",
        "cannot be taken for one of broker.topics.commands",
    ),
    "no command": (TOPIC + "          write: {reduce: {payload: 1}}\n", "reduce", "did you mean 'reduce_load'"),
    "no payload": (TOPIC + "          write: {restart: {qos: 1}}\n", "restart.payload", "what is published"),
    "no such set-point": (
        TOPIC + "          write: {set_parameter.sped: {payload: {v: '{value}'}}}\n",
        "set_parameter.sped",
        "did you mean 'speed'",
    ),
    "which of two": (
        TOPIC + "          write: {set_parameter: {payload: {v: '{value}'}}}\n",
        "write.set_parameter",
        "{parameter} in topic or payload",
    ),
    "not told how far": (
        TOPIC + "          write: {reduce_load: {payload: {mode: eco}}}\n",
        "reduce_load.payload",
        "{load_pct} or {reduction_pct}, or it is not told how far",
    ),
    "a word of another command": (
        TOPIC + "          write: {restart: {payload: {v: '{value}'}}}\n",
        "restart.payload",
        "what restart can say",
    ),
    "an id that is not told": (
        TOPIC + OFF + "          answer: {topic: y, command_id: id, done: 1}\n",
        "emergency_shutdown.payload",
        "{command_id} in it",
    ),
    "no words": (TOPIC + OFF + "          answer: {topic: y}\n", "answer", "at least one of accepted and done"),
    "its own answer": (
        TOPIC + OFF + "          answer: {topic: 'x/{name}/set', done: 1}\n",
        "answer.topic",
        "another topic",
    ),
    "a bad name": ("          name: a/#\n" + TOPIC + OFF, ".name", "a name without +, #"),
    "no text": ("          format: text\n" + TOPIC + OFF, "emergency_shutdown.payload", "a text in quotes"),
    "a scale of nothing": (
        TOPIC + "          write: {reduce_load: {payload: {v: '{load_pct}'}, scale: 0}}\n",
        "scale",
        "a number other than 0",
    ),
    "no group and node": (
        "          format: sparkplug_b\n          write: {restart: {metric: M, payload: true, datatype: Boolean}}\n",
        ".name",
        "group/node or group/node/device",
    ),
    "a rebirth as a command": (
        "          format: sparkplug_b\n          name: g/n\n"
        "          write: {restart: {metric: Node Control/Rebirth, payload: true, datatype: Boolean}}\n",
        "restart.metric",
        "rebirths are asked for by AegisFlow itself",
    ),
    "too much for the data type": (
        "          format: sparkplug_b\n          name: g/n\n"
        "          write: {set_parameter.speed: {metric: M, payload: '{value}', datatype: UInt8}}\n",
        "set_parameter.speed.payload",
        "values that the machine takes",
    ),
    "neither word nor mapping": ("          []\n", ".commands", "a mapping with keys out of take, name"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_told_with_its_place_and_what_was_expected(loaded, case: str) -> None:
    text, place, expected = MISTAKES[case]
    with pytest.raises(ConfigError) as caught:
        loaded(PLANT + text)
    found = [(one.path, one.expected) for one in caught.value.mistakes]
    assert any(where.endswith(place) and expected in said for where, said in found), found


def test_all_mistakes_are_told_at_once_and_each_where_it_stands(loaded) -> None:
    text = PLANT.replace(
        "kinds:\n  pump:\n", "kinds:\n  pump:\n    commands: {topic: x/#, write: {off: {payload: 1}}}\n"
    )
    with pytest.raises(ConfigError) as caught:
        loaded(text + "          qos: 2\n          write: {restart: {payload: {v: '{value}'}}}\n")
    found = {one.path for one in caught.value.mistakes}
    assert {where.partition(".commands")[0] for where in found} == {"kinds.pump", "lines.line-1.devices.pump-01"}
    assert len(found) >= 4


@pytest.mark.parametrize("dialect", PLANTS)
def test_the_examples_are_whole(loaded, dialect: str) -> None:
    (device,) = loaded(plant_text(dialect)).plant.devices.values()
    assert device.writing is not None
    assert not device.can_be_asked


def test_a_device_adds_to_its_kind_and_takes_from_it(loaded) -> None:
    text = PLANT.replace(
        "kinds:\n  pump:\n",
        "kinds:\n  pump:\n    commands: {topic: 'x/{name}', write: {restart: {payload: 1}, reduce_load: {payload: "
        "{v: '{load_pct}'}}}}\n",
    )
    plant = loaded(
        text + "          name: P-101\n          write: {reduce_load: null, emergency_shutdown: {payload: 0}}\n"
    )
    writing = plant.plant.devices["pump-01"].writing
    assert writing is not None
    assert {key: order.topic for key, order in writing.orders.items()} == {
        "restart": "x/P-101",
        "emergency_shutdown": "x/P-101",
    }


@pytest.mark.parametrize(("word", "watched"), [("none", True), ("policy", False)])
def test_a_word_alone_is_as_it_was(loaded, word: str, watched: bool) -> None:
    device = loaded(PLANT.replace("commands:\n", f"commands: {word}\n")).plant.devices["pump-01"]
    assert (device.watched_only, device.writing) == (watched, None)
