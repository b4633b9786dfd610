"""What was heard on a broker, and the plant file that discover drafts from it."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.bus.sources.trial import Trial
from aegisflow.config import Configuration, load
from aegisflow.discovery.document import new_file
from aegisflow.discovery.draft import Draft
from aegisflow.discovery.survey import BrokerSurvey
from aegisflow.domain.readings import Reading
from aegisflow.errors import PayloadError

T = 1_773_480_000
"""2026-03-14T09:20:00Z."""
ROUNDS = 30
Messages = list[tuple[str, Any]]
"""Topics and payloads of one round."""
System = Callable[[int, int, float], Messages]
"""Round, its time in epoch seconds, and noise, to what is sent."""


def iso(t: float) -> str:
    return f"2026-03-14T09:{20 + int(t - T) // 60:02d}:{int(t - T) % 60:02d}Z"


def payload(said: Any) -> bytes:
    text = said if isinstance(said, str | bytes) else json.dumps(said, ensure_ascii=False)
    return text if isinstance(text, bytes) else text.encode()


def heard(system: System) -> list[CapturedMessage]:
    noise = random.Random(7)
    return [
        CapturedMessage(topic, payload(said), T + 5.0 * i + 0.2)
        for i in range(ROUNDS)
        for topic, said in system(i, T + 5 * i, noise.random())
    ]


def drafted(tmp_path: Path, messages: list[CapturedMessage]) -> tuple[str, Draft, Configuration]:
    survey = BrokerSurvey()
    for message in messages:
        survey.add(message)
    draft = survey.draft()
    text = new_file(draft, name="Found", broker={"host": "localhost", "port": 1883}, seen="a test", at=T)
    (tmp_path / "plant.yaml").write_text(text)
    return text, draft, load(tmp_path / "plant.yaml", {})


def readings(configuration: Configuration, messages: list[CapturedMessage]) -> list[Reading]:
    """Return what messages give under a plant file; one that is refused gives nothing."""
    trial, found = Trial(configuration), list[Reading]()
    for message in messages:
        try:
            found += trial.decode(message, message.at).readings
        except PayloadError:
            continue
    return found
