"""Arguments that several commands have, each with one name and one text."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["DEFAULT_PLANT", "JsonLogs", "LogLevel", "PlantPath", "ServeUrl", "newcomers_hint"]

DEFAULT_PLANT = Path("config/plant.yaml")

PlantPath = Annotated[Path, Parameter(help="plant.yaml")]
ServeUrl = Annotated[str | None, Parameter(help="of the running plant, instead of the file's address")]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], Parameter(help="least important log line shown")]
JsonLogs = Annotated[bool, Parameter(negative="", help="logs as one JSON object a line")]


def newcomers_hint() -> str:
    """Return what to do where no plant lies in this folder; empty where one does."""
    if DEFAULT_PLANT.exists():
        return ""
    return f"No {DEFAULT_PLANT} here: aegisflow init DIR writes the folder of a new plant; aegisflow demo needs none.\n"
