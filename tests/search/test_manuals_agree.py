"""The manuals that ship say what the plant file says, and the same thing on every page."""

import re
from collections.abc import Iterator

import pytest

from aegisflow.config import load
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.commands.model import CommandName, Mode
from aegisflow.domain.commands.policy import PlantView, decide
from aegisflow.domain.commands.policy_spec import Verdict
from aegisflow.domain.commands.validation import REDUCTION_PCT
from aegisflow.domain.equipment import DeviceSpec, Limits
from aegisflow.search.documents import Document, read_folder
from simulator.machine import MAINTENANCE, SHUTDOWN_S
from tests.support.command_bench import AGENT, command, view
from tests.support.places import MANUALS, PLANT_FILE

SHELF = read_folder(MANUALS)
CONFIGURATION = load(PLANT_FILE)
PLANT = CONFIGURATION.plant
KINDS = {device.kind: device for device in PLANT.devices.values()}

Row = dict[str, str]


def tables(document: Document, section: str) -> list[list[Row]]:
    """Tables below a heading of the second level, as rows of head to cell."""
    body = document.text.split(f"\n## {section}\n")[1].split("\n## ")[0]
    found = []
    for block in re.findall(r"(?:^\|.*\n?)+", body, re.MULTILINE):
        cells = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in block.strip().splitlines()]
        found.append([dict(zip(cells[0], row, strict=True)) for row in cells[2:]])
    return found


def bounds(text: str) -> Limits:
    """``65–85``, ``above 90``, ``below 8 or above 35`` and ``–`` as limits."""
    between = re.fullmatch(r"([\d.]+)–([\d.]+)", text)
    if between:
        return Limits(float(between[1]), float(between[2]))
    low, high = (re.search(rf"{word} ([\d.]+)", text) for word in ("below", "above"))
    return Limits(float(low[1]) if low else None, float(high[1]) if high else None)


def all_rows(kind: str) -> Iterator[tuple[DeviceSpec, Row]]:
    for row in tables(SHELF.documents[KINDS[kind].manual], "Design limits")[0]:
        yield KINDS[kind], row


def test_every_manual_is_read_without_a_problem() -> None:
    assert not SHELF.problems
    assert len(SHELF.documents) == 10
    assert all(document.revision for document in SHELF.documents.values())


def test_each_kind_of_device_has_its_manual() -> None:
    assert {device.kind: device.manual for device in PLANT.devices.values()} == {
        kind: f"{kind}.md" for kind in ("compressor", "motor", "pump")
    }
    for kind, device in KINDS.items():
        assert SHELF.documents[device.manual].kinds == (kind,)


@pytest.mark.parametrize("kind", ["compressor", "motor", "pump"])
def test_the_limits_in_a_manual_are_those_of_the_plant(kind: str) -> None:
    compared = set()
    for device, row in all_rows(kind):
        sensor = device.sensors[row["sensor"].replace(" ", "_")]
        assert row["unit"] == sensor.unit
        assert bounds(row["normal"]) == sensor.normal, sensor.name
        assert bounds(row["alarm"]) == sensor.alarm, sensor.name
        assert bounds(row["design limit"]) == sensor.trip, sensor.name
        compared.add(sensor.name)
    silent = set(KINDS[kind].sensors) - compared
    for name in silent:
        sensor = KINDS[kind].sensors[name]
        assert (sensor.normal, sensor.alarm, sensor.trip) == (Limits(), Limits(), Limits()), name


@pytest.mark.parametrize("kind", ["compressor", "motor", "pump"])
def test_the_setpoints_in_a_manual_are_those_of_the_plant(kind: str) -> None:
    rows = tables(SHELF.documents[KINDS[kind].manual], "Setpoints")[0]
    written = {row["setpoint"]: (row["unit"], bounds(row["range"])) for row in rows}
    assert written == {name: (each.unit, each.limits) for name, each in KINDS[kind].parameters.items()}


def test_the_overview_shows_the_lines_of_the_plant() -> None:
    rows = tables(SHELF.documents["plant-overview.md"], "Lines and devices")[0]
    for row in rows:
        devices = [row[kind] for kind in ("compressor", "motor", "pump")]
        assert sorted(devices) == sorted(PLANT.lines[row["line"]].devices)
    assert len(rows) == len(PLANT.lines)


def test_the_maintenance_plan_says_what_the_manuals_of_the_machines_say() -> None:
    hours = re.compile(r"[\d,]+ h")
    plan = tables(SHELF.documents["maintenance.md"], "Maintenance plan")[0]
    for kind in KINDS:
        own = tables(SHELF.documents[f"{kind}.md"], "Maintenance intervals")[0]
        planned = [row["every"] for row in plan if row["machine"].split()[0] == kind]
        assert sorted(hours.findall(" ".join(planned))) == sorted(hours.findall(" ".join(r["every"] for r in own)))


def test_conditions_for_a_shutdown_and_a_restart_are_the_same_on_both_pages() -> None:
    protocols, shutdown = SHELF.documents["response-protocols.md"], SHELF.documents["emergency-shutdown.md"]
    figure = re.compile(r"\d+(?:–\d+)?")
    for section, part in (
        ("When to shut down", "Escalation"),
        ("Restart after an emergency shutdown", "Before restart"),
    ):
        for row in tables(shutdown, section)[0]:
            fault, said = row.values()
            body = protocols.text.split(f"\n## {fault.capitalize()}\n")[1].split("\n## ")[0]
            if f"### {part}\n" in body:
                there = body.split(f"### {part}\n")[1].split("###")[0].replace(" and ", "–")
                assert set(figure.findall(said)) <= set(figure.findall(there)), (fault, part)


def protocol(fault: str, part: str) -> str:
    body = SHELF.documents["response-protocols.md"].text.split(f"\n## {fault}\n")[1].split("\n## ")[0]
    return body.split(f"### {part}\n")[1].split("\n### ")[0]


def test_each_severity_is_answered_and_told_as_the_plant_escalates() -> None:
    escalation = SHELF.documents["escalation.md"]
    rows = tables(escalation, "Severity levels")[0]
    assert [row["severity"] for row in rows] == [str(severity) for severity in Severity]
    for row in rows:
        rule = CONFIGURATION.escalation.rules[Severity(row["severity"])]
        assert seconds(row["answer within"]) == rule.answer_within_s
        assert tuple(name for name in (row["told first"], row["then"]) if name != "–") == rule.levels
        prose = escalation.text.split(f"\n## {row['severity'].capitalize()} severity\n")[1].split("\n## ")[0]
        (told,) = re.findall(r"within (\d+ \w+)", prose)
        assert seconds(told) == rule.answer_within_s
        for level in rule.levels:
            assert all(person in prose for person in level.split(" and ")), level
    silence = escalation.text.split("\n## When nobody answers\n")[1].split("\n## ")[0]
    for severity, told in re.findall(r"after (\d+ minutes) for (\w+)", silence):
        assert seconds(severity) == CONFIGURATION.escalation.rules[Severity(told)].answer_within_s
    assert len(re.findall(r"after \d+ minutes for \w+", silence)) == 2


def test_the_severities_of_the_protocols_are_those_of_the_plant() -> None:
    rules = {rule.name: rule.severity for rule in PLANT.devices["motor-01"].faults}
    rows = tables(SHELF.documents["response-protocols.md"], "How to use the protocols")[0]
    assert {row["fault"].replace(" ", "_"): row["severity"].split(",")[0] for row in rows} == {
        name: str(severity) for name, severity in rules.items()
    }


@pytest.mark.parametrize(
    ("fault", "sensor", "words", "end"),
    [
        ("Thermal runaway", "temperature", r"above (\d+) °C \(warning\)", "high"),
        ("Pressure leak", "pressure", r"below (\d+) PSI \(warning\)", "low"),
        ("Bearing failure", "vibration", r"above ([\d.]+) mm/s \(warning\)", "high"),
        ("Electrical fault", "power_consumption", r"above (\d+) kW", "high"),
        ("Electrical fault", "power_consumption", r"below (\d+) kW", "low"),
    ],
)
def test_a_protocol_begins_where_the_plant_alarms(fault: str, sensor: str, words: str, end: str) -> None:
    (figure,) = re.findall(words, protocol(fault, "When it applies"))
    limits = {
        getattr(device.sensors[sensor].alarm, end) for device in PLANT.devices.values() if sensor in device.sensors
    }
    assert limits - {None} == {float(figure)}


def test_the_critical_triggers_are_design_limits() -> None:
    pump, motor = KINDS["pump"].sensors, KINDS["motor"].sensors
    assert f"below {pump['pressure'].trip.low:g} PSI (critical)" in protocol("Pressure leak", "When it applies")
    assert f"above {motor['temperature'].trip.high:g} °C (critical)" in protocol("Thermal runaway", "When it applies")
    assert f"above {motor['vibration'].trip.high:g} mm/s for 2 minutes" in protocol(
        "Bearing failure", "When it applies"
    )


@pytest.mark.parametrize(
    ("fault", "sensor"),
    [("Thermal runaway", "temperature"), ("Pressure leak", "pressure"), ("Bearing failure", "vibration")],
)
def test_what_must_hold_before_a_restart_is_the_interlock_of_the_device(fault: str, sensor: str) -> None:
    text = protocol(fault, "Before restart")
    (minutes,) = re.findall(r"for (\d+ minutes)", text)
    for device in PLANT.devices.values():
        recovery = device.recovery.get(sensor)
        if recovery is None:
            assert (device.kind, sensor) == ("motor", "pressure")
            continue
        assert recovery.for_s == seconds(minutes)
        said = f"between {recovery.low:g} and {recovery.high:g}" if recovery.low else f"below {recovery.high:g}"
        assert said in text


def test_what_an_agent_may_do_is_what_policy_decides() -> None:
    verdicts = {"agent alone": Verdict.ALLOW, "operator approves": Verdict.ASK, "people alone": Verdict.DENY}
    seen = set()
    for row in tables(SHELF.documents["agent-rules.md"], "Rights of an agent")[0]:
        written = re.match(r"(?:`)?([a-z_]+)`? (?:by (\d+) % or less|by more than (\d+) %)?", row["action"] + " ")
        name = written[1] if written else ""
        if written is None or name not in list(CommandName):
            continue
        (column,) = [title for title, cell in row.items() if cell == "yes"]
        serious = "high or critical" in row["action"]
        amounts = [float(written[2])] if written[2] else [float(written[3]) + 0.5] if written[3] else [None]
        severities = [Severity.HIGH, Severity.CRITICAL] if serious else [Severity.LOW, Severity.MEDIUM]
        for severity in severities if written[2] else list(Severity):
            for amount in amounts:
                parameters = {} if amount is None else {"reduction_pct": amount}
                mode = Mode.SHUTDOWN if name == "restart" else Mode.NORMAL
                what = command(CommandName(name), AGENT, **parameters)
                decision = decide(what, view(severity=severity, mode=mode), PlantView(others_running=2), PLANT.policy)
                assert decision.verdict is verdicts[column], (row["action"], severity, amount)
        seen.add(name)
    assert seen == {"reduce_load", "set_parameter", "enable_maintenance_mode", "emergency_shutdown", "restart"}


def test_the_bounds_of_a_reduction_are_those_of_the_command() -> None:
    rows = {
        row["command"]: row for row in tables(SHELF.documents["agent-rules.md"], "Commands and their parameters")[0]
    }
    low, high = re.findall(r"\d+", rows["reduce_load"]["parameters"])
    assert Limits(float(low), float(high)) == REDUCTION_PCT


def test_the_simulated_machines_stop_as_the_manual_says() -> None:
    text = SHELF.documents["emergency-shutdown.md"].text
    assert f"over {SHUTDOWN_S:g} seconds" in text
    (down_s, load), (cool_s, _), _ = MAINTENANCE
    assert f"down to {100 * load:g} % over {down_s / 60:g} minutes" in text
    assert f"cool down for {cool_s / 60:g} minutes" in text


def seconds(text: str) -> float:
    """``4 h``, ``15 min`` and ``5 minutes`` as seconds."""
    number, unit = text.split()
    return float(number) * {"h": 3600.0, "hours": 3600.0, "hour": 3600.0, "min": 60.0, "minutes": 60.0}[unit]


@pytest.mark.parametrize("name", sorted(SHELF.documents))
def test_a_page_that_speaks_of_safety_says_what_aegisflow_is_not(name: str) -> None:
    text = SHELF.documents[name].text
    if re.search(r"safety|shutdown|trip\b", text.replace("safety officer", ""), re.IGNORECASE):
        assert "not a safety instrumented system" in text
        assert "stays in the PLC" in text
    else:
        assert name == "plant-overview.md"
