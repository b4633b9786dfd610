import gc
import os
from pathlib import Path

import pytest

from aegisflow.config import BrokerSettings, ClockSettings, Configuration, GatewaySettings, load
from aegisflow.config.services import Tls
from aegisflow.domain.equipment import AlarmSpec, DetectorSpec, Limits
from aegisflow.errors import ConfigError

SMALLEST = """
kinds:
  pump: {sensors: {pressure: {unit: PSI}}}
lines:
  line-1: {devices: {pump-01: pump}}
"""


@pytest.fixture
def plant(tmp_path):
    """Write a plant file and load it."""

    def write_and_load(text: str, environ: dict[str, str] | None = None) -> Configuration:
        path = tmp_path / "plant.yaml"
        path.write_text(text, encoding="utf-8")
        return load(path, environ or {})

    return write_and_load


def test_what_the_file_leaves_out_has_its_default(plant, tmp_path):
    configuration = plant(SMALLEST)
    device = configuration.plant.devices["pump-01"]
    assert device.kind == "pump"
    assert device.line == "line-1"
    assert device.sensors["pressure"].detector == DetectorSpec(window=60, min_readings=20, threshold=3.0)
    assert device.sensors["pressure"].span == Limits(-1e12, 1e12)
    assert device.alarm == AlarmSpec()
    assert configuration.broker == BrokerSettings()
    assert configuration.gateway == GatewaySettings()
    assert configuration.path == tmp_path / "plant.yaml"


def test_a_device_takes_over_its_kind_and_changes_what_it_says(plant):
    devices = plant("""
    kinds:
      pump:
        description: A pump
        manual: pump.md
        silent_after: 2min
        alarm: {on_delay: 4}
        sensors:
          pressure: {unit: PSI, normal: [28, 35], alarm: {low: 22, high: 40}, detector: {window: 100}}
          temperature: {unit: °C}
        parameters:
          setpoint: {unit: PSI, limits: [28, 35]}
    lines:
      line-1:
        devices:
          plain: pump
          other:
            kind: pump
            alarm: {off_delay: 9min}
            sensors:
              pressure: {alarm: {low: null, high: 38}, stale_after: 10s}
              vibration: {unit: mm/s}
              temperature: null
            parameters: {setpoint: {limits: {high: 33}}}
    """).plant.devices
    plain, other = devices["plain"], devices["other"]
    assert list(plain.sensors) == ["pressure", "temperature"]
    assert list(other.sensors) == ["pressure", "vibration"]
    pressure = other.sensors["pressure"]
    assert pressure.normal == Limits(28, 35)
    assert pressure.alarm == Limits(None, 38)
    assert pressure.stale_after_s == 10
    assert pressure.detector.window == 100
    assert plain.sensors["pressure"].alarm == Limits(22, 40)
    assert plain.alarm == AlarmSpec(on_delay_s=20.0, on_readings=4)
    assert other.alarm == AlarmSpec(on_delay_s=20.0, off_delay_s=540.0, on_readings=4)
    assert other.parameters["setpoint"].limits == Limits(28, 33)
    assert other.parameters["setpoint"].unit == "PSI"
    assert (other.description, other.manual, other.silent_after_s) == ("A pump", "pump.md", 120)


def test_defaults_lie_beneath_kinds_and_devices(plant):
    devices = plant("""
    defaults:
      stale_after: 20s
      silent_after: 40s
      detector: {window: 30, threshold: 4}
      alarm: {on_delay: 70s}
    kinds:
      pump: {sensors: {a: {unit: K}, b: {unit: K, stale_after: 5s, detector: {threshold: 5.5}}}}
      fan: {silent_after: 1h, alarm: {on_delay: 2min}, sensors: {a: {unit: K}}}
    lines: {line-1: {devices: {p: pump, f: fan}}}
    """).plant.devices
    assert devices["p"].sensors["a"].detector == DetectorSpec(window=30, min_readings=20, threshold=4)
    assert devices["p"].sensors["b"].detector == DetectorSpec(window=30, min_readings=20, threshold=5.5)
    assert [sensor.stale_after_s for sensor in devices["p"].sensors.values()] == [20, 5]
    assert (devices["p"].silent_after_s, devices["f"].silent_after_s) == (40, 3600)
    assert (devices["p"].alarm.on_delay_s, devices["f"].alarm.on_delay_s) == (70, 120)


def test_a_small_window_needs_no_word_about_min_readings(plant):
    text = SMALLEST.replace("{unit: PSI}", "{unit: PSI, detector: {window: 5}}")
    assert plant(text).plant.devices["pump-01"].sensors["pressure"].detector.min_readings == 5


def test_devices_of_one_kind_share_what_they_do_not_override(plant):
    devices = plant("""
    kinds: {pump: {sensors: {a: {unit: K}, b: {unit: K}}, parameters: {s: {unit: K, limits: [1, 2]}}}}
    lines:
      line-1:
        devices:
          one: pump
          two: {kind: pump, description: The other one}
          three: {kind: pump, silent_after: 5min}
          four: {kind: pump, sensors: {b: {normal: {high: 3}}}}
    """).plant.devices
    shared = devices["one"]
    assert devices["two"].sensors is shared.sensors
    assert devices["two"].parameters is shared.parameters
    assert devices["three"].sensors is shared.sensors
    assert devices["four"].sensors["a"] is shared.sensors["a"]
    assert devices["four"].sensors["b"] is not shared.sensors["b"]


def test_what_was_loaded_cannot_be_changed(plant):
    loaded = plant(SMALLEST).plant
    for mapping in (loaded.devices, loaded.lines, loaded.devices["pump-01"].sensors):
        with pytest.raises(TypeError):
            mapping["new"] = None


def test_lines_keep_the_order_of_their_devices(plant):
    lines = plant(SMALLEST.replace("{pump-01: pump}", "{z: pump, a: pump}")).plant.lines
    assert lines["line-1"].devices == ("z", "a")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("90s", 90), ("1min", 60), ("'1h30m'", 5400), ("7d", 604800)]
)
def test_durations_are_texts_or_seconds(plant, text, seconds):
    configuration = plant(SMALLEST + f"clock: {{max_age: {text}}}\n")
    assert configuration.clock.max_age_s == seconds


def test_yaml_is_read_as_version_1_2(plant):
    text = SMALLEST.replace("pump-01: pump", "on: pump, no: pump, 007: pump, 1e3: pump, 2026-01-31: pump")
    assert list(plant(text).plant.devices) == ["on", "no", "007", "1e3", "2026-01-31"]


def test_every_service_section_reaches_its_settings(plant):
    configuration = plant(
        SMALLEST
        + """
broker: {host: mqtt.plant.example, port: 8883, protocol: 3.1.1, client_id: second, username: u, password_env: PW,
         tls: true, keepalive: 1min, session_expiry: 2h, receive_maximum: 50, reconnect_min: 1, reconnect_max: 2min,
         topics: {sensors: "/hall/{device_id}/in", status: hall/aegisflow}}
store: {url: "postgresql://u@db/aegisflow", commit_interval: 10ms, raw_retention: 1d, minute_retention: 2d,
        dead_letters: 5, prune_interval: 1h}
clock: {source: stream, max_ahead: 0}
gateway: {max_payload_bytes: 1000, group: 0, queue_limit: 200}
supervision: {max_restarts: 1, within: 1h, backoff_min: 0, backoff_max: 1, ping_timeout: 3}
manuals: {model: none}
http: {host: 0.0.0.0, port: 0, token_env: ""}
"""
    )
    broker, store = configuration.broker, configuration.store
    assert (broker.host, broker.port, broker.protocol, broker.client_id) == (
        "mqtt.plant.example",
        8883,
        "3.1.1",
        "second",
    )
    assert (broker.username, broker.password_env, broker.tls) == ("u", "PW", Tls())
    assert (broker.keepalive_s, broker.session_expiry_s, broker.receive_maximum) == (60, 7200, 50)
    assert (broker.reconnect_min_s, broker.reconnect_max_s) == (1, 120)
    assert broker.topics.sensors == "/hall/{device_id}/in"
    assert broker.topics.commands == "aegisflow/commands/{device_id}"
    assert broker.topics.status == "hall/aegisflow"
    assert store.url == "postgresql://u@db/aegisflow"
    assert (store.commit_interval_s, store.raw_retention_s, store.minute_retention_s) == (0.01, 86400, 172800)
    assert (store.dead_letters, store.prune_interval_s) == (5, 3600)
    assert (configuration.clock.source, configuration.clock.max_ahead_s) == ("stream", 0)
    assert (configuration.gateway.max_payload_bytes, configuration.gateway.group_s) == (1000, 0)
    assert (configuration.supervision.max_restarts, configuration.supervision.ping_timeout_s) == (1, 3)
    assert configuration.manuals.model == "none"
    assert (configuration.http.host, configuration.http.port, configuration.http.token_env) == ("0.0.0.0", 0, "")


def test_durations_arrive_as_seconds_and_are_named_so_only_in_code(plant):
    assert plant(SMALLEST + "clock: {max_age: 2h}\n").clock.max_age_s == 7200.0
    with pytest.raises(ConfigError, match=r"the unknown key 'max_age_s', expected one of: .*did you mean 'max_age'"):
        plant(SMALLEST + "clock: {max_age_s: 7200}\n")


def test_settings_made_in_code_are_held_to_the_same_bounds(plant):
    assert ClockSettings(max_age_s=7200.0) == plant(SMALLEST + "clock: {max_age: 2h}\n").clock
    for wrong in ({"max_age_s": 0.0}, {"source": "sun"}, {"max_aeg_s": 1.0}):
        with pytest.raises(ValueError, match="ClockSettings"):
            ClockSettings(**wrong)


def test_the_version_of_mqtt_may_be_a_number(plant):
    assert plant(SMALLEST + "broker: {protocol: 5}\n").broker.protocol == "5"


def test_empty_sections_are_as_good_as_none(plant):
    text = SMALLEST + "broker:\nstore:\ndefaults:\n  detector:\nplant:\n"
    assert plant(text).broker == plant(SMALLEST).broker


def test_paths_start_at_the_folder_of_the_file(plant, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    for name in ("ca.pem", "own.pem", "own.key"):
        (tmp_path / name).touch()
    configuration = plant(
        SMALLEST
        + "store: {url: 'sqlite:///var/a.db?timeout=3'}\nmanuals: {folder: ../books, model: m}\n"
        + "broker: {tls: {ca_file: ca.pem, cert_file: own.pem, key_file: own.key}}\n"
    )
    assert configuration.store.url == f"sqlite:///{tmp_path}/var/a.db?timeout=3"
    assert configuration.manuals.folder == tmp_path.parent / "books"
    assert configuration.manuals.model == str(tmp_path / "m")
    assert configuration.broker.tls == Tls(
        ca_file=tmp_path / "ca.pem", cert_file=tmp_path / "own.pem", key_file=tmp_path / "own.key"
    )


def test_f2_paths_of_a_linked_file_start_where_the_link_stands(tmp_path):
    version = tmp_path / "..2026_01"
    version.mkdir()
    (version / "plant.yaml").write_text(SMALLEST, encoding="utf-8")
    (tmp_path / "..data").symlink_to("..2026_01")
    (tmp_path / "plant.yaml").symlink_to("..data/plant.yaml")
    configuration = load(tmp_path / "plant.yaml", {})
    assert configuration.path == tmp_path / "plant.yaml"
    assert configuration.store.url == f"sqlite:///{tmp_path}/var/aegisflow.db"
    assert configuration.manuals.folder == tmp_path / "manuals"


def test_a_configuration_knows_which_content_it_was_made_of(plant):
    one, same, other = plant(SMALLEST), plant(SMALLEST), plant(SMALLEST + "# later\n")
    assert one.digest == same.digest != other.digest


def test_an_absolute_store_stays_where_it_is(plant):
    assert plant(SMALLEST + "store: {url: 'sqlite:////srv/a.db'}\n").store.url == "sqlite:////srv/a.db"


def test_the_environment_overrides_broker_and_store(plant, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path.parent)
    environ = {"MQTT_BROKER_HOST": "broker", "MQTT_BROKER_PORT": "2883", "AEGISFLOW_STORE_URL": "sqlite:///a.db"}
    configuration = plant(SMALLEST + "broker: {host: other, keepalive: 7}\n", environ)
    assert (configuration.broker.host, configuration.broker.port) == ("broker", 2883)
    assert configuration.broker.keepalive_s == 7
    assert configuration.store.url == f"sqlite:///{tmp_path.parent}/a.db"


def test_the_environment_overrides_where_a_container_listens(plant):
    environ = {"AEGISFLOW_HTTP_HOST": "0.0.0.0", "AEGISFLOW_HTTP_PORT": "9001"}
    http = plant(SMALLEST + "http: {host: 127.0.0.1, token_env: T}\n", environ).http
    assert (http.host, http.port, http.token_env) == ("0.0.0.0", 9001, "T")
    with pytest.raises(ConfigError) as caught:
        plant(SMALLEST, {"AEGISFLOW_HTTP_PORT": "99999"})
    assert [mistake.path for mistake in caught.value.mistakes] == ["AEGISFLOW_HTTP_PORT"]


def test_an_empty_variable_overrides_nothing(plant):
    assert plant(SMALLEST, {"MQTT_BROKER_HOST": "", "MQTT_BROKER_PORT": ""}).broker == BrokerSettings()


def test_the_process_environment_counts_where_none_is_given(tmp_path, monkeypatch):
    path = tmp_path / "plant.yaml"
    path.write_text(SMALLEST)
    monkeypatch.setenv("MQTT_BROKER_HOST", "from-outside")
    assert load(path).broker.host == "from-outside"


def test_a_wrong_variable_is_named_instead_of_the_file(plant):
    with pytest.raises(ConfigError) as caught:
        plant(SMALLEST, {"MQTT_BROKER_PORT": "mqtt", "AEGISFLOW_STORE_URL": "mysql://u:secret@h/x"})
    port, store = caught.value.mistakes
    assert (port.file, port.path, port.value, port.line) == ("environment", "MQTT_BROKER_PORT", "'mqtt'", None)
    assert port.expected == "a whole number from 1 up to 65535"
    assert (store.path, store.value) == ("AEGISFLOW_STORE_URL", "'mysql://u:***@h/x'")


def test_a_byte_order_mark_is_no_mistake(tmp_path):
    path = tmp_path / "plant.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + SMALLEST.encode())
    assert "pump-01" in load(path, {}).plant.devices


def test_importing_the_package_opens_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    plant_file = Path("plant.yaml")
    plant_file.write_text(SMALLEST)
    load(plant_file, {})
    assert os.listdir() == ["plant.yaml"]


@pytest.mark.parametrize("enabled", [True, False])
@pytest.mark.parametrize("content", ["plant: {name: x}\n", "plant: {nam: x}\n"])
def test_the_garbage_collector_is_left_as_it_was(tmp_path, enabled, content):
    file = tmp_path / "plant.yaml"
    file.write_text(content)
    was_enabled = gc.isenabled()
    try:
        gc.enable() if enabled else gc.disable()
        with pytest.raises(ConfigError):  # neither has a device
            load(file)
        assert gc.isenabled() is enabled
    finally:
        gc.enable() if was_enabled else gc.disable()
