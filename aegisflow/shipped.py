"""What AegisFlow brings beside its code: the sample plant, its manuals, and files to run it by."""

from importlib.resources import files
from pathlib import Path

__all__ = ["shipped"]

_IN_WHEEL = "shipped"
"""Folder within the package that a wheel has and a checkout has not."""


def shipped(*parts: str) -> Path:
    """Return a file or folder that is shipped, such as ``shipped("config", "plant.yaml")``.

    In a checkout these lie beside the package, where people look for them; a wheel has them inside.
    """
    package = Path(str(files("aegisflow")))
    inside = package / _IN_WHEEL
    return (inside if inside.is_dir() else package.parent).joinpath(*parts)
