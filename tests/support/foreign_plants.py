"""Plants of machines that are told in their own words: the examples of the documentation, made whole."""

import re

from tests.support.places import ROOT

RULES = """
plant: {{name: Foreign}}
broker: {{host: "{host}", port: {port}, reconnect_min: 50ms, reconnect_max: 200ms}}
store: {{url: "sqlite:///store.db"}}
manuals: {{folder: manuals, model: none}}
policy:
  send_within: 5s
  answer_within: 2s
  rules:
    - {{name: agents ask, decision: ask, callers: [agent]}}
    - {{name: operators decide, decision: allow, callers: [operator]}}
"""
_EXAMPLE = re.compile(r"^### (\S+)[^\n]*\n[^`]*```yaml\n(.*?)```", re.MULTILINE | re.DOTALL)

PLANTS = {
    name.lower(): text
    for name, text in _EXAMPLE.findall((ROOT / "docs" / "foreign-commands.md").read_text(encoding="utf-8"))
}
"""Dialect to its example."""


def plant_text(dialect: str, host: str = "127.0.0.1", port: int = 1) -> str:
    """Return a plant file with one machine of a dialect."""
    return RULES.format(host=host, port=port) + PLANTS[dialect]
