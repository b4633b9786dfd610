"""A recorded day of an hour and a half for the demo: the whole one takes seconds to make."""

from aegisflow.offline.demo.setting import Setting
from simulator.dataset import write_file
from simulator.faults import HOUR, Fault
from simulator.scenario import Scenario


def short_day(setting: Setting, seed: int) -> None:
    """Write it, with two faults; it takes the place of ``aegisflow.offline.demo.run.record_day``."""
    faults = (Fault("pressure_leak", "pump-02", HOUR / 2), Fault("thermal_runaway", "motor-01", HOUR / 2, speed=3))
    write_file(Scenario(seed=seed, duration_s=HOUR * 1.5, faults=faults), setting.recording)
