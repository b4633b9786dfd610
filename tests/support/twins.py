"""Whether two devices are in the same state: by what they show, and by what they do with the next readings."""

from aegisflow.domain.device import Device
from aegisflow.domain.views import DeviceStatus
from tests.support.samples import healthy


def windows(status: DeviceStatus) -> dict[str, float | None]:
    """Return what a status shows of the windows, flat, so that ``pytest.approx`` can compare it."""
    return {
        f"{sensor.spec.name} {figure}": getattr(sensor, figure)
        for sensor in status.sensors
        for figure in ("value", "at", "count", "mean", "spread")
    }


def shown(device: Device) -> object:
    """Return what a device shows of its state: equal states show the same to the last bit."""
    status = device.status(device.latest_at or 0.0, 0, {})
    return status.latest_at, status.mode, status.alarms, windows(status), device.score, device.levels, device.z_scores


def assert_alike(device: Device, twin: Device) -> None:
    """Assert that both show the same, and judge the next readings alike: healthy ones, a fault, and silence."""
    assert shown(device) == shown(twin)
    start = (device.latest_at or 0.0) + 5.0
    for number, reading in enumerate(healthy(60, 77, start)):
        if number >= 30:
            reading = reading._replace(values={name: 1.5 * value for name, value in reading.values.items()})
        assert device.record(reading) == twin.record(reading)
        assert shown(device) == shown(twin)
    assert device.tick(start + 1e4) == twin.tick(start + 1e4)
