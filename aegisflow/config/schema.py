"""Writes the JSON Schema of ``plant.yaml``: ``python -m aegisflow.config.schema config/plant.schema.json``."""

import json
import sys
from pathlib import Path

from aegisflow.config.file import json_schema


def schema_text() -> str:
    """Return the JSON Schema as the text of its file."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(schema_text(), encoding="utf-8")
