"""The manuals that ship say what the plant file says, and the same thing on every page."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.domain.equipment import DeviceSpec, Limits
from aegisflow.library.documents import Document, read_folder

ROOT = Path(__file__).parents[2]
SHELF = read_folder(ROOT / "manuals")
PLANT = load(ROOT / "config" / "plant.yaml").plant
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


@pytest.mark.parametrize("name", sorted(SHELF.documents))
def test_a_page_that_speaks_of_safety_says_what_aegisflow_is_not(name: str) -> None:
    text = SHELF.documents[name].text
    if re.search(r"safety|shutdown|trip\b", text.replace("safety officer", ""), re.IGNORECASE):
        assert "not a safety instrumented system" in text
        assert "stays in the PLC" in text
    else:
        assert name == "plant-overview.md"
