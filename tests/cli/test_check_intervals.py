"""``aegisflow check`` holds a plant file against how often its devices have reported."""

from collections.abc import Callable
from pathlib import Path

import pytest

from aegisflow.cli import main
from aegisflow.store import open_store
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, reading, records

PLANT = """
kinds:
  pump:
    silent_after: {silent_after}
    sensors:
      temperature: {{unit: °C, normal: [0, 90], stale_after: {stale_after}}}
      pressure: {{unit: PSI, normal: [0, 90]}}
faults: {{leak: {{when: {{pressure: low}}}}}}
lines:
  line-1: {{devices: {{pump-01: pump, pump-02: pump, pump-03: pump}}}}
store: {{url: "sqlite:///{folder}/plant.db"}}
audit: {{head_topic: aegisflow/audit}}
"""

Check = Callable[..., str]


@pytest.fixture
def check(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Check:
    monkeypatch.setenv("COLUMNS", "300")

    def run(silent_after: str, stale_after: str) -> str:
        file = tmp_path / "plant.yaml"
        text = PLANT.format(silent_after=silent_after, stale_after=stale_after, folder=tmp_path)
        file.write_text(text, encoding="utf-8")
        with pytest.raises(SystemExit) as exit_:
            main(("check", str(file)))
        assert not exit_.value.code
        return capsys.readouterr().err

    return run


@pytest.fixture
def reported(tmp_path: Path) -> None:
    """Leave a store in which two pumps have reported every minute, and the third never."""
    store = open_store(f"sqlite:///{tmp_path}/plant.db")
    bench = StoreBench(store)
    for device_id in ("pump-01", "pump-02"):
        bench.take(records([reading(T0 + 60 * n, device_id=device_id) for n in range(100)]))
    bench.settle()
    store.close()


@pytest.mark.usefixtures("reported")
def test_c4_check_warns_of_a_sensor_that_is_stale_between_its_readings(check: Check) -> None:
    (line,) = check("5min", "30s").splitlines()
    assert line.startswith("warning: pump-01, pump-02: temperature reports every 1 min")
    assert "with stale_after: 30 s it is stale between its readings" in line


@pytest.mark.usefixtures("reported")
def test_c4_check_warns_of_a_device_that_is_silent_between_its_readings(check: Check) -> None:
    assert "with silent_after: 45 s it is silent between its readings" in check("45s", "never")


@pytest.mark.usefixtures("reported")
@pytest.mark.parametrize("fine", ["3min", "never", "null"])
def test_check_says_nothing_of_what_fits(check: Check, fine: str) -> None:
    assert check(fine, fine) == ""


def test_check_says_nothing_where_nothing_was_recorded(check: Check, tmp_path: Path) -> None:
    assert check("1s", "1s") == ""
    (tmp_path / "plant.db").write_bytes(b"no database")
    assert check("1s", "1s") == ""
