"""Arguments that several commands have, each with one name and one text."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from aegisflow.domain.times import parse_duration
from aegisflow.errors import BadValueError

__all__ = [
    "DEFAULT_PLANT",
    "PLANT_ENV",
    "AsJson",
    "JsonLogs",
    "LogLevel",
    "PlantPath",
    "ServeUrl",
    "newcomers_hint",
    "seconds_of",
]

DEFAULT_PLANT = Path("config/plant.yaml")

PLANT_ENV = "AEGISFLOW_PLANT"

PlantPath = Annotated[Path, Parameter(help="plant.yaml", env_var=PLANT_ENV)]
ServeUrl = Annotated[
    str | None, Parameter(help="of the running plant, or AEGISFLOW_URL; then no file is read to find it")
]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="the whole answer, for programs")]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], Parameter(help="least important log line shown")]
JsonLogs = Annotated[bool, Parameter(negative="", help="logs as one JSON object a line")]


def newcomers_hint() -> str:
    """Return what to do where no plant lies in this folder; empty where one does."""
    if DEFAULT_PLANT.exists():
        return ""
    return f"No {DEFAULT_PLANT} here: aegisflow init DIR writes the folder of a new plant; aegisflow demo needs none.\n"


def seconds_of(argument: str, text: str, such_as: str) -> float:
    """Return the seconds of a duration that somebody gave.

    Args:
        argument: such as ``--last``.
        text: what it was given.
        such_as: examples of it, for whoever mistypes it.

    Raises:
        BadValueError: it is no duration.
    """
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadValueError(argument, text, f"a duration such as {such_as}") from error
