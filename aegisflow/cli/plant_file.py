"""``aegisflow check`` and ``aegisflow schema``: what a person asks of a plant file that nobody runs yet."""

import sys

from rich.console import Console

from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath, newcomers_hint
from aegisflow.config import load
from aegisflow.config.schema import schema_text
from aegisflow.config.table import doubts, explain, table
from aegisflow.errors import ConfigError
from aegisflow.plant.rhythm import contradictions

__all__ = ["check", "schema"]


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


def schema() -> None:
    """Print the JSON Schema of plant files."""
    sys.stdout.write(schema_text())
