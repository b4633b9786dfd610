"""The commands that a person types; the only importer of ``aegisflow.app``."""

from aegisflow.cli.main import main

__all__ = ["main"]
