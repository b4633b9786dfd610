"""Recordings as text, and a plant for their columns."""

import numpy as np

from aegisflow.domain.equipment import DeviceSpec, PlantSpec, SensorSpec

START = 1_767_571_200  # 2026-01-05T00:00:00Z


def plant_of(**sensors):
    specs = {name: SensorSpec(name, "bar", **more) for name, more in sensors.items()}
    return PlantSpec("test plant", {}, {"pump-01": DeviceSpec("pump-01", "line-1", "pump", specs)})


def noise(count, seed=1):
    return np.random.default_rng(seed).normal(10, 1, count).round(3).tolist()


def iso(at):
    return np.datetime_as_string(np.datetime64(int(at), "s")) + "Z"


def recorded(values, *, stamp=iso, delimiter=",", header="timestamp,device_id,flow", device="pump-01", step=5):
    lines = [header.replace(",", delimiter)]
    lines += [delimiter.join((stamp(START + step * i), device, f"{value}")) for i, value in enumerate(values)]
    return "\n".join(lines) + "\n"
