"""``aegisflow check`` and ``aegisflow schema``: what a person asks of a plant file that nobody runs yet."""

import os
import sys
from typing import Annotated

from cyclopts import Parameter
from rich.console import Console

from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, newcomers_hint
from aegisflow.config import load
from aegisflow.config.schema import schema_text
from aegisflow.config.table import doubts, explain, table
from aegisflow.domain import credentials as keys_of
from aegisflow.errors import BadValueError, ConfigError, UnknownNameError
from aegisflow.plant.rhythm import contradictions

__all__ = ["check", "device_key", "schema"]


def check(plant: PlantPath = DEFAULT_PLANT) -> int:
    """Print a plant file as a table; return 1, with every mistake on stderr, where it has any."""
    try:
        configuration = load(plant)
    except ConfigError as error:
        Console(stderr=True).print(explain(error))
        if plant == DEFAULT_PLANT:
            sys.stderr.write(newcomers_hint())
        return 1
    Console().print(table(configuration))
    Console(stderr=True).print(doubts(configuration, contradictions(configuration)), end="")
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


def schema() -> None:
    """Print the JSON Schema of plant files."""
    sys.stdout.write(schema_text())
