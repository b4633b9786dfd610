"""What the detection says of three recordings, as digests that are kept; ``make digests`` accepts new ones.

They are made by ``aegisflow backtest FILE --record``. A change of detection changes them, so that it is seen
in the change itself and not only on somebody's plant.
"""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from aegisflow.offline.backtest.record import RecordOutcome, record
from aegisflow.offline.recordings.options import ReadingOptions
from simulator.dataset import write_file
from simulator.scenario import REFERENCE_DEVICES, VARIANTS, Scenario

KEPT = Path(__file__).with_suffix(".json")
PLANT = Path(__file__).parents[2] / "config" / "plant.yaml"
DEVICES = ("compressor-01", "motor-03", "pump-02")
"""Each has a fault on the reference day."""
INTERVAL_S = 30.0


@dataclass(frozen=True)
class Case:
    """A recording that the simulator makes."""

    variants: tuple[str, ...]
    has_plant: bool


CASES = {
    "reference day": Case((), has_plant=True),
    "load steps and missing values": Case(("load_steps", "missing_values_5pct"), has_plant=True),
    "wandering, without a plant": Case(("wandering",), has_plant=False),
}


def outcome_of(case: Case, folder: Path) -> RecordOutcome:
    """Record one case."""
    devices = {device_id: REFERENCE_DEVICES[device_id] for device_id in DEVICES}
    faults = tuple(fault for fault in Scenario().faults if fault.device_id in devices)
    scenario = Scenario(seed=7, interval_s=INTERVAL_S, devices=devices, faults=faults)
    for variant in case.variants:
        scenario = VARIANTS[variant](scenario)
    path = folder / "recording.csv"
    write_file(scenario, path)
    return record(path, PLANT if case.has_plant else None, ReadingOptions())


def kept() -> dict[str, str]:
    """Return the digests that were accepted last."""
    digests: dict[str, str] = json.loads(KEPT.read_text(encoding="utf-8"))
    return digests


def main() -> int:
    """Make the digests anew, say which are others than before, and keep them."""
    before = kept() if KEPT.exists() else {}
    digests = {}
    for name, case in CASES.items():
        with tempfile.TemporaryDirectory() as folder:
            outcome = outcome_of(case, Path(folder))
        if not outcome.agree:
            print(f"{name}: two runs differ, so nothing is kept: {outcome.difference}", file=sys.stderr)
            return 1
        digests[name] = outcome.digest
        print(f"{'as before' if before.get(name) == outcome.digest else 'new      '}  {outcome.digest}  {name}")
    KEPT.write_text(json.dumps(digests, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
