"""What is far outside of everything seen is told once, and never in figures that nobody can read."""

import random
from math import nan

from aegisflow.domain.detection import SENSOR_SILENT
from aegisflow.domain.detection.gross_jumps import MOST
from aegisflow.domain.detection.normal import LEARNING, Normal
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import AlarmSpec, DeviceSpec, SensorSpec
from aegisflow.domain.readings import Reading


def batch(index: int, rng: random.Random) -> list[float]:
    """A batch of a hundred readings: it is heated, and cooled at its end, when a valve opens that was shut."""
    phase = index % 100
    return [20.0 + min(phase, 70) + rng.gauss(0, 0.3), 80.0 + rng.gauss(0, 1) if phase >= 75 else 0.0, rng.gauss(0, 1)]


def test_a_phase_that_comes_again_is_learned_and_is_no_alarm() -> None:
    normal, rng, unusual = Normal(3), random.Random(1), 0
    for index in range(2_000):
        normal.update(batch(index, rng), alarmed=False, at=60.0 * index)
        unusual += normal.lasting >= 1.0
    assert unusual == 0


def test_the_first_move_of_a_constant_sensor_is_told_at_once_and_forgotten_within_minutes() -> None:
    normal, rng = Normal(2), random.Random(2)
    scores = []
    for index in range(LEARNING + 300):
        moved = 0.01 if index >= LEARNING + 100 else 0.0
        normal.update([rng.gauss(0, 1), moved], alarmed=False, at=60.0 * index)
        scores.append(normal.score)
    first = LEARNING + 100
    assert max(scores[LEARNING:first]) < 1.0 <= scores[first] <= MOST
    assert max(scores[first + 30 :]) < 1.0


def test_a_sensor_that_is_heard_late_is_not_blind_to_a_gross_jump_while_it_is_learned() -> None:
    normal, rng = Normal(2), random.Random(3)
    begin, jump = LEARNING + 50, LEARNING + 150
    told = None
    for index in range(jump + 40):
        late = nan if index < begin else 50.0 + rng.gauss(0, 1) + (200.0 if index >= jump else 0.0)
        normal.update([rng.gauss(0, 1), late], alarmed=False, at=60.0 * index)
        if index < jump:
            assert normal.lasting < 1.0
        elif told is None and normal.lasting >= 1.0:
            told = index
            assert normal.strengths()[1] >= 1.0
    assert told is not None
    assert told <= jump + 2


def test_a_jump_in_the_learning_part_is_told_once() -> None:
    normal, rng, begins, above = Normal(1), random.Random(4), 0, False
    for index in range(LEARNING - 1):
        jumped = 100 <= index < 110 or 200 <= index < 210
        normal.update([rng.gauss(0, 1) + 100.0 * jumped], alarmed=False, at=60.0 * index)
        begins += normal.lasting >= 1.0 and not above
        above = normal.lasting >= 1.0
    assert begins == 1


def test_a_value_that_is_missing_is_an_alarm_and_makes_no_other_unusual() -> None:
    sensors = {name: SensorSpec(name, "", stale_after_s=360.0) for name in ("a", "b")}
    spec = DeviceSpec("m", "line-1", "press", sensors, alarm=AlarmSpec(on_readings=3, off_readings=24))
    device, rng, types, worst = Device(spec), random.Random(6), set(), 0.0
    for number in range(LEARNING + 200):
        values = {"a": rng.gauss(0, 1)} | ({} if number >= LEARNING + 100 else {"b": rng.gauss(0, 1)})
        events = device.record(Reading("m", 60.0 * (number + 1), values, 60.0 * (number + 1)))[1]
        types |= {event.alarm.fault_type for event in events}
        worst = max(worst, device.score)
    assert types == {SENSOR_SILENT}
    assert worst < 1.0
