"""Arguments that several commands have, each with one name and one text."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

__all__ = ["DEFAULT_PLANT", "PLANT_ENV", "AsJson", "JsonLogs", "LogLevel", "PlantPath", "ServeUrl", "newcomers_hint"]

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
