"""What the detection of a reading of five sensors costs, against five plain z-scores of the same readings.

``python -m benchmarks.detecting`` prints both in µs of CPU a reading, and their ratio. Both are compiled where
the core is.
"""

import json
import random
import statistics
import time
from collections.abc import Callable

from aegisflow.domain.detection.device import DeviceDetector
from aegisflow.domain.detection.zscore import ZScore
from benchmarks.plants import plant
from benchmarks.publisher import device_names, values

WARM, COUNT = 2_000, 20_000
STEP_S = 5.0


def _cpu_us(take: Callable[[float, dict[str, float]], object], readings: list[dict[str, float]]) -> float:
    for number, reading in enumerate(readings[:WARM]):
        take(STEP_S * number, reading)
    began = time.process_time()
    for number, reading in enumerate(readings[WARM:], WARM):
        take(STEP_S * number, reading)
    return 1e6 * (time.process_time() - began) / (len(readings) - WARM)


def measure(rounds: int = 5) -> dict[str, float]:
    """Return medians of interleaved rounds, and the median of their ratios."""
    spec = plant(1).devices[device_names(1)[0]]
    rng = random.Random(11)
    readings = [{name: float(str(value)) for name, value in values(rng).items()} for _ in range(WARM + COUNT)]
    ours, theirs = [], []
    for _ in range(rounds):
        scores = {name: ZScore(sensor.detector) for name, sensor in spec.sensors.items()}

        def plain(at: float, reading: dict[str, float], scores: dict[str, ZScore] = scores) -> None:
            for name, value in reading.items():
                scores[name].update(value)

        theirs.append(_cpu_us(plain, readings))
        ours.append(_cpu_us(DeviceDetector(spec).observe, readings))
    return {
        "detection_vs_zscore": statistics.median(a / b for a, b in zip(ours, theirs, strict=True)),
        "detection_us": statistics.median(ours),
        "zscore_us": statistics.median(theirs),
    }


if __name__ == "__main__":
    print(json.dumps(measure()))
