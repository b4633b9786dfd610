"""The figures of the plant's data sheets, once more and by hand: a slip in plant.yaml is found here."""

import pytest

from aegisflow.config import (
    BrokerSettings,
    ClockSettings,
    GatewaySettings,
    HttpSettings,
    ReloadSettings,
    SupervisionSettings,
    load,
)
from aegisflow.domain.equipment import AlarmSpec, DetectorSpec, Limits
from tests.support.places import MANUALS, PLANT_FILE, ROOT

NONE = (None, None)

FIGURES = [
    # kind, sensor, unit, normal, alarm, trip
    ("compressor", "temperature", "°C", (65, 85), (None, 90), (None, 105)),
    ("compressor", "pressure", "PSI", (28, 35), (22, None), (None, 42)),
    ("compressor", "vibration", "mm/s", (0.5, 2.5), (None, 3.5), (None, 6.0)),
    ("compressor", "humidity", "%RH", (25, 55), NONE, NONE),
    ("compressor", "power_consumption", "kW", (18, 25), (8, 35), NONE),
    ("motor", "temperature", "°C", (60, 80), (None, 90), (None, 95)),
    ("motor", "pressure", "PSI", NONE, NONE, NONE),
    ("motor", "vibration", "mm/s", (0.3, 2.0), (None, 3.5), (None, 5.0)),
    ("motor", "humidity", "%RH", (20, 60), NONE, NONE),
    ("motor", "power_consumption", "kW", (15, 25), (8, 35), NONE),
    ("pump", "temperature", "°C", (50, 80), (None, 90), (None, 95)),
    ("pump", "pressure", "PSI", (28, 35), (22, None), (18, None)),
    ("pump", "vibration", "mm/s", (0.5, 2.5), (None, 3.5), (None, 5.0)),
    ("pump", "humidity", "%RH", NONE, NONE, NONE),
    ("pump", "power_consumption", "kW", NONE, NONE, NONE),
]


@pytest.fixture(scope="module")
def configuration():
    return load(PLANT_FILE, {})


@pytest.mark.parametrize(("kind", "sensor", "unit", "normal", "alarm", "trip"), FIGURES)
def test_the_figures_are_those_of_the_data_sheets(configuration, kind, sensor, unit, normal, alarm, trip):
    for number in ("01", "02", "03"):
        spec = configuration.plant.devices[f"{kind}-{number}"].sensors[sensor]
        assert spec.unit == unit
        assert (spec.normal, spec.alarm, spec.trip) == (Limits(*normal), Limits(*alarm), Limits(*trip))


def test_nine_devices_stand_on_three_lines(configuration):
    lines = {line_id: line.devices for line_id, line in configuration.plant.lines.items()}
    assert lines == {
        "line-1": ("compressor-01", "motor-01", "pump-01"),
        "line-2": ("compressor-02", "motor-02", "pump-02"),
        "line-3": ("compressor-03", "motor-03", "pump-03"),
    }
    for device_id, device in configuration.plant.devices.items():
        assert device.device_id == device_id
        assert device_id in lines[device.line]
        assert device.kind == device_id.split("-")[0]


def test_every_device_has_the_five_sensors_in_order(configuration):
    for device in configuration.plant.devices.values():
        assert list(device.sensors) == ["temperature", "pressure", "vibration", "humidity", "power_consumption"]


def test_the_detectors_have_the_seed_parameters(configuration):
    for device in configuration.plant.devices.values():
        assert device.alarm == AlarmSpec(on_delay_s=15.0, off_delay_s=180.0, suppress_in=("maintenance", "shutdown"))
        for sensor in device.sensors.values():
            assert sensor.detector == DetectorSpec(window=60, min_readings=20, threshold=3.0)


@pytest.mark.parametrize(
    ("sensor", "least", "most"),
    # Lowest and highest value of the reference day's baselines and faults, five standard deviations wide.
    [
        ("temperature", 75 - 2 - 15, (75 + 2 + 50 + 15) * 1.15),
        ("pressure", 15 - 5, (31.5 + 5) * 1.15),
        ("vibration", 0, 8.5 + 2),
        ("humidity", 40 - 15, (40 + 15) * 1.15),
        ("power_consumption", 25 - 20 - 10, 25 + 20 + 10),
    ],
)
def test_the_instruments_can_report_every_fault(configuration, sensor, least, most):
    for device in configuration.plant.devices.values():
        span = device.sensors[sensor].span
        assert span.low <= least
        assert most <= span.high


def test_the_setpoints_stay_within_normal_operation(configuration):
    settable = {
        device.kind: {name: (item.unit, item.limits) for name, item in device.parameters.items()}
        for device in configuration.plant.devices.values()
    }
    assert settable == {
        "compressor": {"pressure_setpoint": ("PSI", Limits(28, 35))},
        "motor": {"power_limit": ("kW", Limits(15, 25))},
        "pump": {"pressure_setpoint": ("PSI", Limits(28, 35))},
    }


def test_every_kind_has_its_manual(configuration):
    for device in configuration.plant.devices.values():
        assert (configuration.manuals.folder / device.manual).is_file()


def test_what_the_file_spells_out_are_the_defaults(configuration):
    assert configuration.broker == BrokerSettings()
    assert configuration.clock == ClockSettings()
    assert configuration.gateway == GatewaySettings()
    assert configuration.supervision == SupervisionSettings()
    assert configuration.reload == ReloadSettings()
    assert configuration.http == HttpSettings()


def test_store_and_manuals_lie_beside_the_configuration(configuration):
    assert configuration.store.url == f"sqlite:///{ROOT}/var/aegisflow.db"
    assert configuration.manuals.folder == MANUALS
