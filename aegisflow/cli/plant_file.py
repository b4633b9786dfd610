"""``aegisflow check`` and ``aegisflow schema``: what a person asks of a plant file that nobody runs yet."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter
from rich.console import Console

from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, newcomers_hint
from aegisflow.config import Configuration, load
from aegisflow.config.schema import schema_text
from aegisflow.config.table import doubts, explain, table
from aegisflow.domain import credentials as keys_of
from aegisflow.errors import BadValueError, ConfigError, UnknownNameError
from aegisflow.plant.audit import heads_stay
from aegisflow.plant.rhythm import contradictions

if TYPE_CHECKING:
    from aegisflow.bus.sources.capture import CapturedMessage

__all__ = ["check", "device_key", "schema"]


SampleMessage = Annotated[
    tuple[str, str] | None,
    Parameter(help="TOPIC PAYLOAD, or @FILE for the payload: what becomes of this message", negative=""),
]
Capture = Annotated[
    Path | None, Parameter(help="the same for a file of mosquitto_sub -v lines, or JSON lines with topic and payload")
]

Rehearsed = Annotated[
    list[str] | None,
    Parameter(
        help="DEVICE COMMAND, and name=value for its parameters: what would be published; nothing is",
        consume_multiple=True,
        negative="",
    ),
]


def check(
    plant: PlantPath = DEFAULT_PLANT,
    *,
    sample: SampleMessage = None,
    capture: Capture = None,
    command: Rehearsed = None,
) -> int:
    """Print a plant file as a table, what becomes of messages step by step, or what a command would publish.

    Return 1, with every mistake on stderr, where the file has any, where not all of a message was taken, or where the
    machine cannot be told the command.
    """
    try:
        configuration = load(plant)
    except ConfigError as error:
        Console(stderr=True).print(explain(error))
        if plant == DEFAULT_PLANT:
            sys.stderr.write(newcomers_hint())
        return 1
    if sample is not None or capture is not None:
        try:
            return _explain_samples(configuration, _samples(sample, capture))
        except (OSError, ValueError) as error:
            sys.stderr.write(f"{error}\n")
            return 1
    if command is not None:
        from aegisflow.bus.rehearsal import rehearse

        steps, can_be_told = rehearse(configuration, command, time.time())
        sys.stdout.write("".join(f"{step}\n" for step in steps))
        return 0 if can_be_told else 1
    Console().print(table(configuration))
    worth_a_look = (*contradictions(configuration), *heads_stay(configuration.store, configuration.audit))
    Console(stderr=True).print(doubts(configuration, worth_a_look), end="")
    return 0


def device_key(
    device: Annotated[str, Parameter(help="that is to sign its readings")], plant: PlantPath = DEFAULT_PLANT
) -> int:
    """Print the key of one device, made of the first key in the variable that broker.readings_key_env names."""
    configuration = load(plant)
    if device not in configuration.plant.devices:
        raise UnknownNameError("device", device, tuple(configuration.plant.devices))
    name = configuration.broker.readings_key_env
    keys = os.environ.get(name, "").split() if name else []
    if not keys:
        raise BadValueError("broker.readings_key_env", name or None, "the name of a variable that is set, with the key")
    sys.stdout.write(f"{keys_of.device_key(keys[0].encode(), device)}\n")
    return 0


def _samples(sample: tuple[str, str] | None, capture: Path | None) -> "Iterator[CapturedMessage | str]":
    from aegisflow.bus.sources.capture import CapturedMessage
    from aegisflow.bus.sources.sample import captured

    if sample is not None:
        topic, said = sample
        payload = Path(said[1:]).read_bytes() if said.startswith("@") else said.encode()
        yield CapturedMessage(topic, payload, time.time())
    if capture is not None:
        yield from captured(capture, time.time())


def _explain_samples(configuration: Configuration, samples: "Iterator[CapturedMessage | str]") -> int:
    from aegisflow.bus.sources.sample import Sampler

    sampler, code = Sampler(configuration), 0
    for sample in samples:
        if isinstance(sample, str):
            sys.stderr.write(f"{sample}\n")
            code = 1
            continue
        steps, whole = sampler.explain(sample, sample.at)
        sys.stdout.write(f"message  {sample.topic}, {len(sample.payload)} bytes\n")
        sys.stdout.write("".join(f"{step}\n" for step in steps) + "\n")
        code = code if whole else 1
    return code


def schema() -> None:
    """Print the JSON Schema of plant files."""
    sys.stdout.write(schema_text())
