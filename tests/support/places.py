"""Where the things of the repository lie."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PLANT_FILE = ROOT / "config" / "plant.yaml"
"""The shipped plant."""
MANUALS = ROOT / "manuals"
DOCS = ROOT / "docs"
