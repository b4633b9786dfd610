"""``check --command``: what a command would publish, with nothing running."""

from pathlib import Path

import pytest

from tests.support.foreign_plants import plant_text
from tests.support.places import PLANT_FILE, ROOT


@pytest.fixture
def plant(tmp_path: Path):
    def write(dialect: str) -> str:
        path = tmp_path / "plant.yaml"
        path.write_text(plant_text(dialect), "utf-8")
        return str(path)

    return write


def test_the_documentation_shows_what_it_prints(run, plant) -> None:
    code, out, _ = run("check", plant("zigbee2mqtt"), "--command", "plug-01", "emergency_shutdown")
    assert code == 0
    assert out in (ROOT / "docs" / "foreign-commands.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("dialect", "words", "code", "expected"),
    [
        ("tasmota", "plug-01 restart", 0, "publish  cmnd/Cold store/POWER, QoS 1, not retained\npayload  ON\n"),
        ("shelly", "plug-01 restart", 0, "refused '*'; by the command's id"),
        ("sparkplug", "drive-01 set_parameter name=speed value=1200", 0, "answer   none: readings alone can prove it"),
        ("sparkplug", "drive-01 emergency_shutdown", 1, "denied   plant.yaml does not say how emergency_shutdown"),
        ("sparkplug", "drive-01 set_parameter name=speed value=9000", 2, "from 500 to 3000"),
        ("sparkplug", "drive-01 set_parameter speed", 2, "name=value"),
        ("sparkplug", "drive-01", 1, "unknown command ''"),
        ("sparkplug", "drive-99 restart", 1, "drive-01"),
    ],
)
def test_a_command_is_written_out_or_refused_with_its_reason(
    run, plant, dialect: str, words: str, code: int, expected: str
) -> None:
    done, out, err = run("check", plant(dialect), "--command", *words.split())
    assert done == code
    assert expected in out + err


def test_one_of_our_own_protocol_is_shown_too(run) -> None:
    code, out, _ = run("check", str(PLANT_FILE), "--command", "pump-02", "reduce_load", "reduction_pct=30")
    assert code == 0
    assert out.startswith("publish  aegisflow/commands/pump-02, QoS 1, not retained\n")
    assert '"parameters":{"reduction_pct":30.0}' in out
