"""What kind of sensor a column is, where no plant file says it."""

import random
from pathlib import Path

from aegisflow.domain.equipment import SensorKind
from aegisflow.offline.backtest.derive import Derived
from aegisflow.offline.recordings.recording import Recording


def recording(tmp_path: Path, rows: int = 1200) -> Recording:
    rng = random.Random(3)
    total, direction = 0.0, 350.0
    lines = ["timestamp,energy,pump,wind,temperature,valve"]
    for index in range(rows):
        total, direction = (total + rng.uniform(0, 2)) % 1000, (direction + rng.gauss(0, 20)) % 360
        cells = (round(total, 1), index // 200 % 2, round(direction, 1), round(rng.gauss(20, 3), 2), index % 5)
        lines.append(
            f"2026-03-02T{index // 3600:02d}:{index // 60 % 60:02d}:{index % 60:02d}Z,{','.join(map(str, cells))}"
        )
    path = tmp_path / "plant.csv"
    path.write_text("\n".join(lines), encoding="utf-8")
    return Recording(path)


def test_d3_d4_counters_states_and_directions_are_known_by_their_values_and_told(tmp_path: Path) -> None:
    read = recording(tmp_path)
    sensors = Derived(read).spec("plant").sensors
    assert {name: sensor.kind for name, sensor in sensors.items()} == {
        "energy": SensorKind.COUNTER,
        "pump": SensorKind.STATE,
        "wind": SensorKind.CIRCULAR,
        "temperature": SensorKind.MEASUREMENT,
        "valve": SensorKind.MEASUREMENT,
    }
    told = [guess for guess in read.guesses if "--plant, with another kind" in guess]
    assert told == [
        "energy: only grows, and is watched by its rate (--plant, with another kind)",
        "pump: is on or off, and has no level (--plant, with another kind)",
        "wind: is a direction, of which 359 and 1 are neighbours (--plant, with another kind)",
    ]


def test_a_few_rows_prove_nothing(tmp_path: Path) -> None:
    sensors = Derived(recording(tmp_path, 100)).spec("plant").sensors
    assert {sensor.kind for sensor in sensors.values()} == {SensorKind.MEASUREMENT}
