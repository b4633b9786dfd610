"""The score of a device for whose faults there are no rules."""

import random
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from math import nan, pi, sin

import pytest

from aegisflow.domain.detection.kept_rows import MEMORY, KeptRows
from aegisflow.domain.detection.normal import LEARNING, Normal
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import DeviceSpec, SensorKind, SensorSpec
from aegisflow.domain.readings import Reading
from aegisflow.offline.backtest.onsets import Onsets

Row = list[float]
Life = Callable[[int, random.Random], Row]


def alike(index: int, rng: random.Random) -> Row:
    """Three sensors of which two follow one load."""
    load = sin(index / 15) + rng.gauss(0, 0.5)
    return [10 + load + rng.gauss(0, 0.05), 40 - 3 * load + rng.gauss(0, 0.15), rng.gauss(0, 1)]


def strolling() -> Life:
    """A level that goes where it wants."""
    level = [0.0]

    def life(index: int, rng: random.Random) -> Row:
        level[0] = 0.995 * level[0] + rng.gauss(0, 1)
        return [level[0]]

    return life


LIVES: dict[str, Callable[[], Life]] = {
    "noise": lambda: lambda index, rng: [rng.gauss(0, 1)],
    "alike": lambda: alike,
    "strolling": strolling,
    "coarse": lambda: lambda index, rng: [float(round(rng.gauss(32, 0.6)))],
    "constant": lambda: lambda index, rng: [4.2],
    "nought": lambda: lambda index, rng: [0.0],
    "on and off": lambda: lambda index, rng: [80.0 * (index // 90 % 2) + rng.gauss(0, 1)],
    "spiky": lambda: lambda index, rng: [rng.gauss(0, 1) + 50.0 * (rng.random() < 0.02)],
    "saturated": lambda: lambda index, rng: [min(100.0, rng.gauss(100, 3)), rng.gauss(0, 1)],
}


def rows(life: Life, count: int, seed: int = 1, start: int = 0) -> Iterator[Row]:
    rng = random.Random(f"{seed} {start}")
    return (life(index, rng) for index in range(start, start + count))


def fed(life: Life, count: int, seed: int = 1) -> Normal:
    normal: Normal | None = None
    for row in rows(life, count, seed):
        normal = normal or Normal(len(row))
        normal.update(row, alarmed=False, at=0.0)
    assert normal is not None
    return normal


@pytest.mark.parametrize("name", LIVES)
def test_at_no_moment_is_the_device_blind(name: str) -> None:
    for number, last in enumerate(range(97, 1700, 97)):
        normal, hit = fed(LIVES[name](), last), list(rows(LIVES[name](), last + 1))[-1]
        hit[0] += 1e6 if number % 2 else -1e6
        normal.update(hit, alarmed=False, at=0.0)
        assert normal.score >= 1.0, last


def test_a_device_without_sensors_is_never_unusual() -> None:
    normal = Normal(0)
    for index in range(1000):
        assert normal.update([], alarmed=False, at=float(index)) == 0.0
    assert normal.strengths() == []


def test_a_sensor_that_speaks_up_late_is_learned_like_the_others_and_causes_no_warnings_of_arithmetic() -> None:
    normal = Normal(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for index, (value,) in enumerate(rows(LIVES["noise"](), 1300)):
            normal.update([value, nan if index < 200 else 7.0 + value], alarmed=False, at=5.0 * index)
            assert normal.lasting < 1.0 or index >= LEARNING, index


@pytest.mark.parametrize("first", [3, 70, 380, 401, 650, 1_190, 1_210, 2_000])
def test_a_sensor_that_is_first_heard_at_any_time_is_unusual_once_it_leaves_what_it_has_shown(first: int) -> None:
    def life(index: int, rng: random.Random) -> Row:
        late = 500.0 + rng.gauss(0, 2.0) + (30.0 if index >= first + 1_300 else 0.0)
        return [*alike(index, rng), late if index >= first else nan]

    normal, scores, lasting = Normal(4), [], []
    for at, row in enumerate(rows(life, first + 1_320)):
        scores.append(normal.update(row, False, float(at)))
        lasting.append(normal.lasting)
    assert max(lasting[:-20]) < 1.0
    assert sum(score >= 1.0 for score in scores[:-20]) <= 2
    assert max(lasting[-20:]) > 1.0


@pytest.mark.parametrize("accepted", [1, 150, 399, 450])
def test_a_sensor_that_came_late_is_learned_though_what_lasts_is_accepted_meanwhile(accepted: int) -> None:
    def life(index: int, rng: random.Random) -> Row:
        late = 500.0 + rng.gauss(0, 2.0) + (30.0 if index >= 2_000 else 0.0)
        return [*alike(index, rng), late if index >= 1_250 else nan]

    normal, lasting = Normal(4), []
    for at, row in enumerate(rows(life, 2_020)):
        if at == 1_250 + accepted:
            normal.accept()
        normal.update(row, False, float(at))
        lasting.append(normal.lasting)
    assert max(lasting[:-20]) < 1.0
    assert max(lasting[-20:]) > 1.0


def test_readings_that_are_kept_to_learn_from_take_eight_bytes_a_value_and_do_not_grow_beyond_their_number() -> None:
    kept = KeptRows(5)
    tracemalloc.start()
    try:
        for index in range(2 * MEMORY):
            kept.add([float(index)] * 5, float(index), index % 2 == 0)
        size = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
    assert MEMORY <= len(kept) <= 1.05 * MEMORY
    assert size < 64 * len(kept)
    healthy, times = kept.healthy()
    assert len(healthy) == kept.healthy_count == len(kept) // 2
    assert [*times[-2:]] == [2 * MEMORY - 4, 2 * MEMORY - 2]
    assert kept.newest(1) == [([2 * MEMORY - 1.0] * 5, 2 * MEMORY - 1.0)]


@pytest.mark.parametrize("name", ["noise", "alike", "coarse", "constant", "on and off", "saturated"])
def test_a_healthy_device_stays_below_one(name: str) -> None:
    life = LIVES[name]()
    normal, rng, worst = fed(life, 600), random.Random(5), 0.0
    for index in range(600, 2400):
        normal.update(life(index, rng), alarmed=False, at=0.0)
        worst = max(worst, normal.lasting)
    assert worst < 1.0


def test_sensors_that_are_no_longer_alike_are_found_although_each_is_where_it_was() -> None:
    normal, rng, found = fed(alike, 1000), random.Random(3), 0
    for index in range(1000, 1100):
        row, other = alike(index, rng), alike(index + 47, rng)
        normal.update([row[0], other[1], row[2]], alarmed=False, at=0.0)
        found += normal.lasting >= 1.0
    assert found > 50
    strengths = normal.strengths()
    assert min(strengths[:2]) > strengths[2]


def test_a_spread_that_grows_is_found() -> None:
    normal, rng = fed(LIVES["noise"](), 1000), random.Random(3)
    for _ in range(120):
        normal.update([rng.gauss(0, 3)], alarmed=False, at=0.0)
    assert normal.lasting > 1.0


def test_values_that_are_missing_for_long_are_no_reason() -> None:
    normal, worst = fed(alike, 1000), 0.0
    for row in rows(alike, 1200, 4, 1000):
        normal.update([nan, *row[1:]], alarmed=False, at=0.0)
        worst = max(worst, normal.lasting)
    assert worst < 1.0


@pytest.mark.parametrize("wild", [1, 2, 3])
@pytest.mark.parametrize("name", ["noise", "alike", "coarse"])
def test_wild_values_score_at_once_and_do_not_last(name: str, wild: int) -> None:
    life = LIVES[name]()
    normal = fed(life, 1000)
    for number, row in enumerate(rows(life, 100, 6, 1000)):
        normal.update([row[0] + 20.0 if number < wild else row[0], *row[1:]], alarmed=False, at=0.0)
        assert normal.lasting < 1.0
        if number == 0:
            assert normal.score > 1.0
    assert normal.score < 1.0


def test_a_fault_in_the_learning_is_told_if_it_is_gross_and_not_if_not() -> None:
    for size, told in ((4.0, False), (300.0, True)):
        normal = fed(LIVES["noise"](), 200)
        scores = []
        for row in rows(LIVES["noise"](), 20, 7, 200):
            normal.update([row[0] + size], alarmed=False, at=0.0)
            scores.append(normal.lasting)
        assert (max(scores) >= 1.0) is told


def device(sensors: int) -> Device:
    return Device(DeviceSpec("rig-01", "line-1", "rig", {f"x{i}": SensorSpec(f"x{i}", "") for i in range(sensors)}))


def feed(watched: Device, life: Life, start: int, count: int) -> None:
    for index, row in enumerate(rows(life, count, 8, start), start):
        watched.record(Reading("rig-01", 5.0 * index, {f"x{i}": value for i, value in enumerate(row)}, 5.0 * index))


def test_status_says_how_far_the_learning_is_until_it_is_done() -> None:
    watched = device(3)
    feed(watched, alike, 0, LEARNING * 2 // 5)
    assert "learning, 40 %: until then only limits and gross jumps are told" in watched.status(800.0, 0, {}).notes
    feed(watched, alike, LEARNING * 2 // 5, LEARNING)
    assert not any("learning" in note for note in watched.status(3000.0, 0, {}).notes)


def test_a_level_that_stays_elsewhere_becomes_usual_and_the_next_fault_is_told() -> None:
    watched = device(3)

    def moved(by: float) -> Life:
        return lambda index, rng: [value + by for value in alike(index, rng)]

    feed(watched, alike, 0, 1000)
    feed(watched, moved(5.0), 1000, 200)
    assert [alarm.cleared_at for alarm in watched.alarms()] == [None]
    feed(watched, moved(5.0), 1200, 800)
    assert all(alarm.cleared_at is not None for alarm in watched.alarms())
    before = len(watched.alarms())
    feed(watched, moved(10.0), 2000, 100)
    assert any(alarm.cleared_at is None for alarm in watched.alarms())
    assert before == 1


def test_one_excursion_is_one_onset() -> None:
    onsets = Onsets()
    scores = [0.2, 1.3, 2.1, 0.8, 0.4, 1.2, *[0.3] * 36, 0.9, 1.6, 0.1]
    begun = [onsets.take(score) for score in scores]
    assert [(place, value) for place, value in enumerate(begun) if value] == [(1, 1.3), (43, 1.6)]


def test_a_sensor_that_is_silent_for_long_swallows_nothing() -> None:
    watched = device(3)

    def silent(by: float) -> Callable[[int, random.Random], Row]:
        return lambda index, rng: [value + by for value in alike(index, rng)][:2]

    feed(watched, alike, 0, 1000)
    feed(watched, silent(0.0), 1000, 600)
    assert [alarm.fault_type for alarm in watched.alarms()] == ["sensor_silent"]
    feed(watched, silent(5.0), 1600, 60)
    assert sorted(alarm.fault_type for alarm in watched.alarms()) == ["sensor_silent", "unclassified"]


def test_a_level_that_strolls_is_followed_and_a_change_of_its_noise_is_told() -> None:
    rng, level = random.Random(11), 80.0
    normal, false, found = Normal(1), 0, 0
    for index in range(3000):
        level += rng.gauss(0, 0.15)
        changed = 2800 <= index < 2900
        normal.update([level + rng.gauss(0, 4.0 if changed else 0.5)], alarmed=False, at=5.0 * index)
        false += normal.lasting >= 1.0 and not changed
        found += normal.lasting >= 1.0 and changed
    assert false < 60
    assert found > 20


@pytest.mark.parametrize(("change", "found"), [("larger", True), ("flat", True), ("none", False)])
def test_a_lone_sensor_whose_level_wanders_is_known_by_how_well_its_past_foretells_it(change: str, found: bool) -> None:
    """A level with a memory of ten readings moves by more than its noise does, and hides what happens to that."""
    level = [0.0]

    def life(index: int, rng: random.Random) -> Row:
        level[0] = 0.9 * level[0] + rng.gauss(0, 2.2 if change == "larger" and index >= 1500 else 1.0)
        return [0.001 * rng.gauss(0, 1) if change == "flat" and index >= 1500 else level[0]]

    normal, rng = fed(life, 1500), random.Random(3)
    assert (max(normal.update(life(index, rng), False, 0.0) for index in range(1500, 1600)) >= 1.0) == found
    assert (normal.lasting >= 1.0) == found


def test_rare_bursts_carry_no_level_away_and_hide_no_shift_of_what_lies_below_them() -> None:
    rng, normal, worst, found = random.Random(12), Normal(1), 0.0, 0
    for index in range(3000):
        burst, moved = rng.uniform(0.3, 0.8) * (rng.random() < 0.03), 0.06 * (index >= 2900)
        normal.update([abs(rng.gauss(0.13, 0.02)) + burst + moved], alarmed=False, at=5.0 * index)
        worst = worst if moved else max(worst, normal.lasting)
        found += normal.lasting >= 1.0
    assert worst < 1.0
    assert found > 50


def test_a_period_that_changes_is_told_although_every_value_is_usual() -> None:
    rng, normal, worst = random.Random(13), Normal(1), 0.0
    for index in range(1600):
        normal.update([5.0 * (index % 50) / 50 + rng.gauss(0, 0.1)], alarmed=False, at=5.0 * index)
        worst = max(worst, normal.lasting)
    assert worst < 1.0
    for index in range(120):
        normal.update([5.0 * (index % 30) / 30 + rng.gauss(0, 0.1)], alarmed=False, at=8000 + 5.0 * index)
        worst = max(worst, normal.lasting)
    assert worst > 1.0


def test_what_rests_and_moves_for_the_first_time_while_it_is_learned_is_no_gross_jump() -> None:
    normal = Normal(1)
    for index in range(300):
        normal.update([float(index > 100 and index // 20 % 3 == 0)], alarmed=False, at=0.0)
        assert normal.lasting < 1.0


def test_a_device_of_nothing_but_states_is_not_blind() -> None:
    spec = {"x0": SensorSpec("x0", "", kind=SensorKind.STATE)}
    watched = Device(DeviceSpec("rig-01", "line-1", "rig", spec))
    feed(watched, lambda index, rng: [float(index // 20 % 3 == 0)], 0, 1000)
    assert not watched.alarms()
    feed(watched, lambda index, rng: [7.0], 1000, 1)
    assert watched.score >= 1.0


def daily(index: int, rng: random.Random) -> Row:
    """A reading every ten minutes of what follows the day."""
    return [20.0 + 6.0 * sin(index * 2 * pi / 144) + rng.gauss(0, 0.5)]


def test_a_day_that_repeats_itself_is_learned_and_one_that_does_not_is_told() -> None:
    normal, rng, worst, begun = Normal(1), random.Random(2), 0.0, 0
    for index in range(144 * 9):
        row = daily(index, rng) if index < 144 * 8 + 20 else [20.0 + rng.gauss(0, 0.5)]
        normal.update(row, alarmed=False, at=600.0 * index)
        if index < 144 * 8 + 20:
            worst = max(worst, normal.lasting)
        elif not begun and normal.lasting >= 1.0:
            begun = index
    assert worst < 1.0
    assert 144 * 8 + 20 < begun < 144 * 8 + 60


def test_what_a_person_calls_healthy_is_learned_and_no_more() -> None:
    moved: Life = lambda index, rng: [rng.gauss(0, 1) + 40.0 * (100 < index < 300)]  # noqa: E731
    normal = Normal(1)
    normal.begin_period()
    for index, row in enumerate(rows(moved, 400)):
        if index == 250:
            assert normal.end_period()
        normal.update(row, alarmed=False, at=5.0 * index)
        assert (normal.model is None) is (index < 250)
        # Far outside of all before is told, also where a person says that it is healthy; for a while.
        assert normal.lasting < 1.0 or 100 < index <= 162
    assert not Normal(1).end_period()


def test_where_days_repeat_themselves_a_weekend_is_waited_for_before_one_is_called_unusual() -> None:
    rng, normal, monday = random.Random(8), Normal(2), 1_767_571_200.0
    for index in range(2 * 672):
        day, hour = divmod(index / 96, 1.0)
        busy = float(0.3 < hour < 0.75 and day % 7 < 5)
        row = [20.0 + 5.0 * busy + rng.gauss(0, 0.3), 400.0 + 300.0 * busy + rng.gauss(0, 20)]
        normal.update(row, alarmed=False, at=monday + 900.0 * index)
        assert normal.lasting < 1.0, index


def test_readings_that_repeat_themselves_exactly_are_usual_right_after_they_were_learned() -> None:
    normal = Normal(2)
    for index in range(900):
        wave = 0.3 * (index % 3 - 1)
        normal.update([31.5 + wave, 72.0 + wave if index < 600 else nan], alarmed=False, at=5.0 * index)
        assert normal.lasting < 1.0, index


def phases(index: int, rng: random.Random) -> Row:
    """Four phases of ten readings: three sensors, each of which takes high and low values in an order of its own."""
    phase = index // 10 % 4
    return [level[phase] + rng.gauss(0, 0.05) for level in ((0, 0, 10, 10), (0, 10, 10, 0), (5, 0, 10, 5))]


@pytest.mark.parametrize("learned", [True, False])
def test_a_state_that_phases_never_showed_is_told_although_every_value_is_usual(learned: bool) -> None:
    normal = Normal(3)
    for at, row in enumerate(rows(phases, 500)):
        normal.update(row, False, float(at))
    assert normal.model is not None
    assert normal.model.known_states is not None
    if not learned:
        normal.model.known_states = None
    highest = 0.0
    for at, (first, second, third) in enumerate(rows(phases, 60, start=500), 500):
        normal.update((first, second, 2.5 if third > 7 else third), False, float(at))
        highest = max(highest, normal.lasting)
    assert (highest >= 1.0) == learned
    assert not learned or normal.strengths()[2] == max(normal.strengths())


def test_states_that_do_not_come_again_are_no_chart() -> None:
    normal = Normal(3)
    rng = random.Random(3)
    for at in range(400):
        normal.update([rng.gauss(0, 1) + 0.01 * at for _ in range(3)], False, float(at))
    assert normal.model is not None
    assert normal.model.known_states is None
