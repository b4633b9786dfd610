"""``aegisflow archestra export`` as a person types it."""

import json
from pathlib import Path

import pytest

from aegisflow.cli import main
from tests.support.places import PLANT_FILE


@pytest.fixture
def export(capsys, monkeypatch):
    """Runs the command on the shipped plant, or on another; returns exit code, stdout and stderr."""
    monkeypatch.setenv("COLUMNS", "200")

    def export(*arguments: str, plant: Path = PLANT_FILE) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as exit_:
            main(["archestra", "export", *arguments, "--plant", str(plant)])
        printed = capsys.readouterr()
        return int(exit_.value.code or 0), printed.out, printed.err

    return export


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_writes_once_and_then_nothing_changes(export, tmp_path):
    code, out, _ = export(str(tmp_path / "out"))
    assert code == 0
    assert "wrote main.tf" in out
    assert "README.md says how to apply it" in out
    written = content(tmp_path / "out")
    assert {"main.tf", "policies.tf", "openappa/appa.toml", "README.md"} < set(written)
    assert export(str(tmp_path / "out"))[:2] == (0, f"{tmp_path / 'out'}: nothing changed\n")
    assert content(tmp_path / "out") == written


def test_the_environment_changes_nothing(export, tmp_path, monkeypatch):
    export(str(tmp_path / "one"))
    monkeypatch.setenv("MQTT_BROKER_HOST", "elsewhere.example")
    export(str(tmp_path / "two"))
    assert content(tmp_path / "one") == content(tmp_path / "two")


def test_a_later_export_is_made_as_the_folder_was_unless_told_otherwise(export, tmp_path):
    export(str(tmp_path), "--remote", "https://plant.example", "--name", "works-1")
    assert export(str(tmp_path), "--check")[0] == 0
    made = json.loads((tmp_path / "export.json").read_text())
    assert (made["name"], made["image"], made["remote"]) == ("works-1", "", "https://plant.example/mcp")
    assert export(str(tmp_path), "--image", "aegisflow:2")[0] == 0
    made = json.loads((tmp_path / "export.json").read_text())
    assert (made["name"], made["image"], made["remote"]) == ("works-1", "aegisflow:2", "")


def test_check_names_what_has_drifted_and_writes_nothing(export, tmp_path):
    folder = tmp_path / "out"
    export(str(folder))
    (folder / "limits.tf").write_text((folder / "limits.tf").read_text().replace("token_cost", "tool_calls"))
    (folder / "outputs.tf").unlink()
    plant = tmp_path / "plant.yaml"
    plant.write_text(
        PLANT_FILE.read_text().replace("      above_pct: 30\n", "      above_pct: 30\n      severities: [critical]\n")
    )
    before = content(folder)
    code, out, _ = export(str(folder), "--check", plant=plant)
    assert code == 1
    named = {line.partition(":")[0] for line in out.splitlines()}
    assert {"limits.tf", "outputs.tf", "policies.tf", "openappa/appa.toml", "README.md"} <= named
    assert "main.tf" not in named
    assert "outputs.tf: is missing" in out
    assert content(folder) == before


def test_what_plant_yaml_no_longer_gives_is_told_and_removed_and_what_a_person_put_there_stays(export, tmp_path):
    export(str(tmp_path))
    manifest = tmp_path / "export.json"
    made = json.loads(manifest.read_text())
    made["files"] += ["openappa/traces/old.appa", "../precious.txt", "/etc/hostname"]
    manifest.write_text(json.dumps(made))
    (tmp_path / "openappa/traces/old.appa").write_text("# old\n")
    (tmp_path / "own.tf").write_text("# mine\n")
    (tmp_path.parent / "precious.txt").write_text("keep")
    code, out, _ = export(str(tmp_path), "--check")
    assert code == 1
    assert "openappa/traces/old.appa: plant.yaml no longer gives it" in out
    _, out, _ = export(str(tmp_path))
    assert "removed openappa/traces/old.appa" in out
    assert not (tmp_path / "openappa/traces/old.appa").exists()
    assert (tmp_path / "own.tf").read_text() == "# mine\n"
    assert (tmp_path.parent / "precious.txt").read_text() == "keep"


def test_a_file_of_somebody_else_is_never_overwritten(export, tmp_path):
    (tmp_path / "main.tf").write_text("# a person's\n")
    code, _, err = export(str(tmp_path))
    assert code == 2
    assert "main.tf of your own" in err
    assert content(tmp_path) == {"main.tf": b"# a person's\n"}


@pytest.mark.parametrize("manifest", ["", "[]", "{", '{"files": 7, "name": 3}', "null", "\x00"])
def test_a_damaged_manifest_proves_nothing_about_the_files_beside_it(export, tmp_path, manifest):
    export(str(tmp_path))
    (tmp_path / "export.json").write_text(manifest)
    code, _, err = export(str(tmp_path), "--name", "aegisflow")
    assert code == 2
    assert "export.json of your own" in err


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        (("--remote", "ftp://x"), "--remote='ftp://x' cannot be used"),
        (("--remote", "http://x", "--image", "y"), "either --image or --remote"),
        (("--name", "a__b"), "--name='a__b'"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(export, tmp_path, arguments, named):
    code, out, err = export(str(tmp_path / "out"), *arguments)
    assert (code, out) == (2, "")
    assert named in err
    assert not (tmp_path / "out").exists()


def test_a_command_to_block_that_does_not_exist_is_a_mistake_in_the_file(export, tmp_path):
    plant = tmp_path / "plant.yaml"
    plant.write_text(
        PLANT_FILE.read_text().replace("blocked: [emergency_shutdown, restart]", "blocked: [emergency_stop]")
    )
    code, _, err = export(str(tmp_path / "out"), plant=plant)
    assert code == 2
    assert "archestra.blocked" in err
    assert "emergency_shutdown" in err
