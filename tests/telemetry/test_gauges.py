import pytest

from aegisflow.domain.alarms.kpis import AlarmKpis
from aegisflow.domain.equipment import PlantSpec
from aegisflow.domain.times import Period
from aegisflow.domain.views import Answer
from aegisflow.errors import UnavailableError
from aegisflow.telemetry.gauges import KEPT_S, KpiGauges
from aegisflow.telemetry.memory import heap, python_blocks
from aegisflow.telemetry.metrics import Metrics
from tests.support.running import Running


def value(metrics: Metrics, name: str) -> str:
    lines = metrics.render().decode().splitlines()
    return next(line.rpartition(" ")[2] for line in lines if line.startswith(f"{name} "))


def test_the_figures_of_the_last_day_are_shown_and_looked_up_once_for_a_scrape(tmp_path) -> None:
    running = Running(tmp_path)
    with running.app:
        running.overheat()
        asked: list[Period] = []
        plant = running.plant

        class Watched:
            now = staticmethod(plant.now)
            inventory = staticmethod(plant.inventory)

            def alarm_kpis(self, period: Period) -> Answer[AlarmKpis]:
                asked.append(period)
                return plant.alarm_kpis(period)

        metrics, times = Metrics(), [100.0]
        KpiGauges(Watched(), lambda: times[0]).add_to(metrics)
        assert value(metrics, "aegisflow_alarm_figures_peak") == "1.0"
        # Of the minutes that were watched, which count as ten, and not of the whole day.
        assert float(value(metrics, "aegisflow_alarm_figures_average")) == 1.0
        assert value(metrics, "aegisflow_alarm_figures_floods") == "0.0"
        assert len(asked) == 1
        times[0] += KEPT_S
        metrics.render()
        assert len(asked) == 2
        assert value(running.app.metrics, "aegisflow_alarm_figures_stale") == "0.0"


def test_a_store_that_does_not_answer_makes_no_figure_and_no_failure() -> None:
    class Lost:
        def now(self) -> float:
            return 0.0

        def inventory(self) -> PlantSpec:
            return PlantSpec("lost", {}, {})

        def alarm_kpis(self, period: Period) -> Answer[AlarmKpis]:
            raise UnavailableError("archive", "it is away")

    metrics = Metrics()
    KpiGauges(Lost()).add_to(metrics)
    assert value(metrics, "aegisflow_alarm_figures_average") == "NaN"


def test_memory_that_is_taken_is_in_use_and_memory_that_is_given_back_is_not() -> None:
    before, blocks = heap().in_use, python_blocks()
    if before != before:
        pytest.skip("this C library does not tell")
    much, many = bytearray(50_000_000), [float(number) for number in range(50_000)]
    assert heap().in_use - before > 45_000_000
    assert python_blocks() - blocks > 40_000
    del much, many
    assert heap().in_use - before < 25_000_000
    assert python_blocks() - blocks < 25_000
