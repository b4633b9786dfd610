"""A plant file that is changed, cut short, broken or swapped beside a running ``aegisflow``."""

import json
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import NamedTuple

import pytest

from aegisflow.bus.embedded import free_port
from aegisflow.cli import main
from aegisflow.config import StoreSettings
from aegisflow.domain.credentials import token_hash
from aegisflow.plant.address import read_address
from tests.support.serve_process import ServeProcess
from tests.support.waiting import eventually

pytestmark = pytest.mark.timeout(240)

TOKEN = "token-of-anna"
OPERATORS = f"\noperators:\n  anna: {{token_sha256: {token_hash(TOKEN)}}}\n"


class Done(NamedTuple):
    """A command that has ended."""

    returncode: int
    stdout: str
    stderr: str


class Linked(ServeProcess):
    """A serve whose file is a link into a folder that is swapped as a whole, as Kubernetes does with a ConfigMap."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder, free_port(), ("port: 8765", "port: 0"))
        self.good = self.plant.file.read_text("utf-8") + OPERATORS
        self.plant.file.unlink()
        self.plant.file.symlink_to("..data/plant.yaml")
        self.version = 0
        self.publish(self.good)

    def publish(self, text: str) -> None:
        """Put a new version in the place of the one before, which is deleted."""
        folder, self.version = self.plant.folder, self.version + 1
        (folder / f"..{self.version}").mkdir()
        (folder / f"..{self.version}" / "plant.yaml").write_text(text, "utf-8")
        (folder / "..new").symlink_to(f"..{self.version}")
        (folder / "..new").replace(folder / "..data")
        if self.version > 1:
            (folder / f"..{self.version - 1}" / "plant.yaml").unlink()
            (folder / f"..{self.version - 1}").rmdir()

    def put_right(self) -> None:
        """Publish the file as it was at first, and return once it is taken over."""
        self.publish(self.good)
        self.hear("plant_reloaded")

    def command(self, *arguments: str) -> Done:
        """Run a command that is told nothing but the file; in this process, which saves seconds each."""
        out, err = StringIO(), StringIO()
        with pytest.MonkeyPatch.context() as environment, redirect_stdout(out), redirect_stderr(err):
            for name, value in {**self.plant.settings, "AEGISFLOW_OPERATOR_TOKEN": TOKEN}.items():
                environment.setenv(name, value)
            with pytest.raises(SystemExit) as end:
                main([*arguments, "--plant", str(self.plant.file)])
        return Done(int(end.value.code or 0), out.getvalue(), err.getvalue())

    def notes(self) -> list[str]:
        """Return what health says of the file."""
        return [note for note in self.health()["notes"] if note.startswith("plant.yaml")]

    def metrics(self) -> str:
        with urllib.request.urlopen(f"{self.url}/metrics", timeout=20) as response:
            return str(response.read().decode())


@pytest.fixture(scope="module")
def serve(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Linked]:
    """One for all tests that put the file right again."""
    process = Linked(tmp_path_factory.mktemp("linked"))
    try:
        process.start()
        yield process
    finally:
        process.end()


def test_f2_a_file_whose_link_is_swapped_is_taken_over(serve: Linked) -> None:
    for number in (4, 5):
        serve.publish(serve.good.replace("pump-01: pump\n", f"pump-01: pump\n      pump-0{number}: pump\n"))
        assert f"pump-0{number}" in serve.hear("plant_reloaded")["added"]
    serve.put_right()
    assert serve.health()["devices"] == 9


def test_f1_a_file_cut_short_takes_nothing_away_until_somebody_says_yes(serve: Linked) -> None:
    serve.publish(serve.good[: serve.good.index("  line-2:")])
    heard = serve.hear("plant_reload_waits")
    assert "it removes 6 of 9 devices" in heard["reasons"][0]
    assert serve.health()["devices"] == 9
    (note,) = serve.notes()
    assert "waits for aegisflow reload --yes" in note
    assert 'aegisflow_reloads_total{outcome="waits"} 1.0' in serve.metrics()
    told = serve.command("reload")
    assert told.returncode == 1
    assert told.stderr.startswith("nothing was changed yet:\nit removes 6 of 9 devices: compressor-02, ")
    agreed = serve.command("reload", "--yes")
    assert (agreed.returncode, agreed.stderr) == (0, "")
    assert "removed: compressor-02, motor-02" in agreed.stdout
    assert serve.hear("plant_reloaded")["removed"][:2] == ["compressor-02", "motor-02"]
    assert serve.health()["devices"] == 3
    assert not [note for note in serve.notes() if "waits" in note]
    serve.put_right()
    assert serve.health()["devices"] == 9


def test_e4_a_signal_beside_a_broken_file_is_told_until_the_file_is_right(serve: Linked) -> None:
    serve.publish(serve.good.replace("pump-01: pump\n", "pump-01: pomp\n") + "nonsense: 1\n")
    serve.hang_up()
    serve.hear("plant_not_reloaded")
    (note,) = serve.notes()
    assert "was not taken over and the plant runs as before" in note
    assert "pomp" in note
    assert 'aegisflow_reloads_total{outcome="refused"}' in serve.metrics()
    told = serve.command("reload")
    assert told.returncode == 1
    assert told.stderr.startswith("nothing was changed:\n")
    assert all(word in told.stderr for word in ("pomp", "nonsense"))
    serve.put_right()
    assert serve.notes() == []


def test_f3_beside_a_broken_file_commands_ask_the_running_plant(serve: Linked) -> None:
    serve.publish(serve.good.replace("port: 0", "port: many"))
    serve.hear("plant_not_reloaded")
    for command in (("alarms",), ("approvals",), ("incidents",), ("agents", "stop", "--reason", "a test")):
        done = serve.command(*command)
        assert done.returncode == 0, command
        assert all(line.startswith("the broker is away") for line in done.stderr.splitlines()), command
    serve.publish("lines: [1, {\n")  # not even YAML: nobody knows the store but the environment
    assert serve.command("alarms").stdout == "no alarms\n"
    serve.put_right()


@pytest.mark.long
def test_f3_the_address_goes_with_the_plant_and_one_left_by_a_kill_is_known_to_be_stale(tmp_path: Path) -> None:
    serve = Linked(tmp_path)
    store = StoreSettings(url=f"sqlite:///{tmp_path}/aegisflow.db")
    try:
        serve.start()
        first = read_address(store)
        assert first is not None
        assert first.url == serve.url
        serve.kill()
        assert read_address(store) == first
        serve.publish("nonsense: 1\n")
        told = serve.command("alarms")
        assert told.returncode == 1
        assert f"process {first.pid}, which ran at {first.url}, is not there any more" in told.stderr
        serve.publish(serve.good)
        serve.start()
        second = read_address(store)
        assert second is not None
        assert second.instance != first.instance
        assert serve.stop() == 0
        assert read_address(store) is None
        serve.publish("nonsense: 1\n")
        told = serve.command("alarms")
        assert told.returncode == 1
        assert "no running plant has left its address" in told.stderr
    finally:
        serve.end()


@pytest.mark.long
def test_f3_aegisflow_mcp_leaves_its_address_once_it_holds_the_store(tmp_path: Path) -> None:
    plant = Linked(tmp_path)
    store = StoreSettings(url=f"sqlite:///{tmp_path}/aegisflow.db")
    command = plant.plant.mcp()
    with (tmp_path / "mcp.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=plant.plant.environment
        )
        try:
            here = eventually(lambda: read_address(store), 60.0)
            assert here is not None
            with urllib.request.urlopen(f"{here.url}/instance", timeout=20) as response:
                assert json.loads(response.read()) == {"instance": here.instance}
            plant.publish(plant.good[: plant.good.index("  line-2:")] + OPERATORS)
            assert plant.command("reload").stderr.startswith("nothing was changed yet:\nit removes 6 of 9 devices")
            assert plant.command("reload", "--yes").returncode == 0
            plant.publish("nonsense: 1\n")
            assert plant.command("alarms").returncode == 0
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(60) == 0
            assert read_address(store) is None
        finally:
            if process.poll() is None:
                process.kill()
                process.wait(10)
            assert process.stdout is not None
            process.stdout.close()
