"""``aegisflow check --sample`` says step by step what becomes of a message, and ``check`` what will hurt."""

from pathlib import Path

import pytest

PLANT = """\
kinds:
  store:
    sensors:
      temperature: {unit: °C, normal: [-25, -15], span: [-60, 200]}
      pressure: {unit: bar}
    recovery: {temperature: {low: 300, hold: 5min}}
lines: {l: {devices: {store-02: store}}}
sources: {house: {preset: zigbee2mqtt, devices: {Cold store 2: store-02}}}
"""


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    path = tmp_path / "plant.yaml"
    path.write_text(PLANT)
    return path


def test_each_step_of_a_message_is_shown_and_what_is_refused_ends_with_1(run, plant: Path) -> None:
    said = '{"last_seen":"2026-03-14T10:26:53+01:00","pressure":1012.8,"temperature":"cold","battery":90}'
    code, out, _ = run("check", str(plant), "--sample", "zigbee2mqtt/Cold store 2", said)
    assert out.splitlines() == [
        f"message  zigbee2mqtt/Cold store 2, {len(said)} bytes",
        "topic    sources.house (preset zigbee2mqtt), format json",
        "device   'Cold store 2' is store-02",
        "reading  store-02 at 2026-03-14T09:26:53Z, by its stamp",
        "         pressure = 1.0128 bar",
        "         temperature REFUSED, wrong_type: found 'cold'",
        "unused   battery: numbers where nobody looks",
        "",
    ]
    assert code == 1


def test_a_message_that_is_taken_whole_ends_with_0_also_in_our_own_format(run, plant: Path, tmp_path: Path) -> None:
    said = tmp_path / "said.json"
    said.write_text('{"timestamp":"2026-03-14T09:26:53Z","temperature":-18.5}')
    code, out, _ = run("check", str(plant), "--sample", "aegisflow/sensors/store-02", f"@{said}")
    assert (code, out.splitlines()[2:]) == (
        0,
        [
            "reading  store-02 at 2026-03-14T09:26:53Z, by its stamp",
            "         temperature = -18.5 °C",
            "         not in it: pressure",
            "",
        ],
    )


@pytest.mark.parametrize(
    ("topic", "said", "expected"),
    [
        ("zigbee2mqtt/Kitchen", '{"temperature":1}', "'Kitchen' is no device of the plant"),
        ("zigbee2mqtt/Cold store 2", "rubbish", "REFUSED  not_json"),
        ("zigbee2mqtt/Cold store 2", '{"battery":90}', "passed over"),
        ("tele/a/SENSOR", '{"Time":"x"}', "it looks like tasmota"),
        ("a/b", "1", "no source takes it"),
        ("aegisflow/sensors/nobody", "{}", "REFUSED  unknown_device"),
    ],
)
def test_what_is_not_taken_is_explained(run, plant: Path, topic: str, said: str, expected: str) -> None:
    _, out, _ = run("check", str(plant), "--sample", topic, said)
    assert expected in out


def test_a_capture_is_explained_message_by_message(run, plant: Path, tmp_path: Path) -> None:
    capture = tmp_path / "capture"
    capture.write_text(
        'aegisflow/sensors/store-02 {"timestamp":"2026-03-14T09:26:53Z","temperature":-18.5}\n'
        '{"topic":"zigbee2mqtt/Cold store 2","retain":0,"payload":{"pressure":1000}}\n'
        "\n"
    )
    code, out, _ = run("check", str(plant), "--capture", str(capture))
    assert (code, out.count("message  ")) == (0, 2)
    assert "pressure = 1 bar" in out
    capture.write_text("no-payload\n")
    code, _, err = run("check", str(plant), "--capture", str(capture))
    assert (code, err) == (1, "line 1: expected a topic, a space and a payload\n")


def test_check_warns_of_what_will_hurt(run, plant: Path) -> None:
    code, out, err = run("check", str(plant))
    told = " ".join(err.split())
    assert code == 0
    assert "every alarm is unclassified and agents may do next to nothing (store)" in told
    assert "no limit says what is normal, so that only its own past does (pressure of store)" in told
    assert "recovery.temperature wants at least 300, which its span [-60, 200] never shows" in told
    assert "zigbee2mqtt on zigbee2mqtt/{device}" in out


@pytest.mark.parametrize("topic", ["logger/a/csv", "zigbee2mqtt/Cold store 2"])
def test_what_no_source_decodes_is_named(run, plant: Path, tmp_path: Path, topic: str) -> None:
    (tmp_path / "said").write_bytes(bytes.fromhex("a16474656d70fb4034000000000000"))
    _, out, _ = run("check", str(plant), "--sample", topic, f"@{tmp_path / 'said'}")
    assert "CBOR" in out
    _, out, _ = run("check", str(plant), "--sample", topic, "12.3;45.6;OK")
    assert "hint     it looks like lines of fields: format: csv takes them" in out
    _, out, _ = run("check", str(plant), "--sample", topic, "offline")
    assert "lines of fields" not in out
