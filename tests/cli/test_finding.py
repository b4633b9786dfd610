"""F3: who asks the plant of a file asks that plant, or is told that nobody can know where it is."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.cli.arguments import DEFAULT_PLANT
from aegisflow.cli.client import OperatorClient, find_plant, named_url
from aegisflow.cli.main import main
from aegisflow.config import StoreSettings, load, load_store
from aegisflow.config.loader import VARIABLES
from aegisflow.errors import AddressUnknownError
from aegisflow.plant.address import PlantAddress, announced
from tests.support.canned_serve import Serve, run

GOOD = """\
kinds:
  pump: {sensors: {pressure: {unit: PSI}}}
lines:
  line-1: {devices: {pump-01: pump}}
http: {port: 9, token_env: OTHER_TOKEN}
store:
  # where readings are
  url: sqlite:///data/store.db

  raw_retention: 1d
"""
BROKEN = {
    "a mistake": GOOD + "nonsense: 1\n",
    "no YAML behind the store": GOOD + "lines: [1, {\n",
    "no YAML before the store": "plant: [1, {\n" + GOOD,
    "the store has a mistake": GOOD.replace("1d", "soon"),
    "a file cut short": GOOD[: GOOD.index("  raw_retention")],
}
BROKEN["a file cut short"] = BROKEN["a file cut short"].replace("lines:", "lanes:")


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES.values():
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AEGISFLOW_OPERATOR_TOKEN", "token-of-anna")


@pytest.fixture
def plant(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    file = tmp_path / "plant.yaml"
    file.write_text(GOOD, encoding="utf-8")
    return file


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Whoever listens: it answers everything, and remembers which tokens it was sent."""
    serve = Serve()
    thread = threading.Thread(target=serve.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serve
    serve.server.shutdown()
    thread.join()
    serve.server.server_close()


def left_by(plant: Path, url: str) -> PlantAddress:
    return PlantAddress(url, "instance-1", str(plant), "AEGISFLOW_TOKEN", 4711)


def store_of(plant: Path) -> StoreSettings:
    return StoreSettings(url=f"sqlite:///{plant.parent}/data/store.db")


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_f3_beside_a_broken_file_the_running_plant_is_asked(plant: Path, serve: Serve, text: str) -> None:
    serve.answer = (200, {"instance": "instance-1"})
    plant.write_text(text, encoding="utf-8")
    with announced(store_of(plant), left_by(plant, serve.url)):
        assert find_plant(plant).url == serve.url
    assert [path for _, path, _, _ in serve.asked] == ["/instance"]
    assert [token for _, _, token, _ in serve.asked] == [""]


@pytest.mark.parametrize("text", BROKEN.values(), ids=BROKEN.keys())
def test_f3_without_a_running_plant_a_broken_file_leads_nowhere(plant: Path, text: str) -> None:
    plant.write_text(text, encoding="utf-8")
    with pytest.raises(AddressUnknownError, match=r"no running plant has left its address in .*store\.db\.address"):
        find_plant(plant)


def test_f3_a_missing_file_leads_nowhere(tmp_path: Path) -> None:
    with pytest.raises(AddressUnknownError, match="no such file"):
        find_plant(tmp_path / "plant.yaml")


@pytest.mark.parametrize("answer", [(200, {"instance": "instance-2"}), (200, []), (404, {}), (500, {})])
def test_f3_somebody_else_at_a_stale_address_never_gets_a_token(
    plant: Path, serve: Serve, answer: tuple[int, object]
) -> None:
    serve.answer = answer
    plant.write_text(BROKEN["a mistake"], encoding="utf-8")
    with (
        announced(store_of(plant), left_by(plant, serve.url)),
        pytest.raises(AddressUnknownError, match=r"process 4711, which ran at .*, is not there any more"),
    ):
        OperatorClient(plant, None)
    assert {token for _, _, token, _ in serve.asked} == {""}


def test_f3_a_plant_that_was_killed_is_not_there_any_more(plant: Path) -> None:
    plant.write_text(BROKEN["a mistake"], encoding="utf-8")
    with (
        announced(store_of(plant), left_by(plant, "http://127.0.0.1:1")),
        pytest.raises(AddressUnknownError, match="is not there any more"),
    ):
        find_plant(plant)


def test_f3_beside_a_good_file_the_running_plant_counts_more_than_what_the_file_says(plant: Path, serve: Serve) -> None:
    serve.answer = (200, {"instance": "instance-1"})
    with announced(store_of(plant), left_by(plant, serve.url)):
        assert find_plant(plant) == (serve.url, "AEGISFLOW_TOKEN", "")
        serve.answer = (200, {"instance": "instance-2"})
        assert find_plant(plant) == ("http://127.0.0.1:9", "OTHER_TOKEN", "")
    assert find_plant(plant) == ("http://127.0.0.1:9", "OTHER_TOKEN", "")


def test_f3_where_the_file_does_not_name_its_store_another_plant_is_not_taken_for_its_own(
    plant: Path, serve: Serve
) -> None:
    serve.answer = (200, {"instance": "instance-1"})
    plant.write_text("nonsense: 1\n", encoding="utf-8")
    (plant.parent / "var").mkdir()
    store, said = load_store(plant, {})
    assert (store.url, said) == (f"sqlite:///{plant.parent}/var/aegisflow.db", False)
    with announced(store, left_by(plant, serve.url)):
        assert find_plant(plant).url == serve.url
    with (
        announced(store, left_by(plant.with_name("other.yaml"), serve.url)),
        pytest.raises(AddressUnknownError, match=r"another plant, of .*other\.yaml"),
    ):
        find_plant(plant)


def test_f3_a_url_that_somebody_names_is_believed(plant: Path) -> None:
    plant.write_text(BROKEN["a mistake"], encoding="utf-8")
    assert find_plant(plant, "http://127.0.0.1:77/") == ("http://127.0.0.1:77", "AEGISFLOW_TOKEN", "")


def test_f3_a_half_written_file_that_is_good_sends_no_token_where_a_default_points(plant: Path) -> None:
    plant.write_text(GOOD[: GOOD.index("http:")], encoding="utf-8")
    assert load(plant, {}).http.port == 8765
    with pytest.raises(AddressUnknownError, match=r"neither http\.host nor http\.port.*aegisflow\.db\.address"):
        find_plant(plant)


@pytest.mark.parametrize("text", [*BROKEN.values(), None], ids=[*BROKEN, "no file"])
def test_f3_no_file_keeps_people_from_stopping_the_agents_where_the_environment_names_the_plant(
    plant: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch, text: str | None
) -> None:
    plant.unlink() if text is None else plant.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AEGISFLOW_PLANT", str(plant))
    monkeypatch.setenv("AEGISFLOW_URL", f"{serve.url}/")
    serve.answer = (200, {"allowed": False, "by": "anna", "at": None, "reason": "drill", "durable": True})
    with pytest.raises(SystemExit) as end:
        main(["agents", "stop", "--reason", "drill"])
    assert end.value.code == 0
    assert serve.asked == [("POST", "/operator/agents/stop", "Bearer token-of-anna", {"reason": "drill"})]


def test_what_the_command_line_says_counts_more_than_the_environment(
    plant: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AEGISFLOW_URL", "http://127.0.0.1:1")
    assert named_url(DEFAULT_PLANT) == "http://127.0.0.1:1"
    assert named_url(DEFAULT_PLANT, serve.url) == serve.url
    assert named_url(plant) is None
    assert named_url(Path(str(DEFAULT_PLANT))) is None, "somebody has typed it"
    monkeypatch.delenv("AEGISFLOW_URL")
    monkeypatch.setenv("AEGISFLOW_PLANT", str(plant))
    serve.answer = (200, {"instance": "instance-1"})
    with announced(store_of(plant), left_by(plant, serve.url)), pytest.raises(SystemExit):
        main(["alarms"])
    assert [path for _, path, _, _ in serve.asked] == ["/instance", "/operator/alarms"]


def test_the_store_of_a_broken_file_is_the_one_of_the_good_file(plant: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    good = load(plant, {}).store
    for text in BROKEN.values():
        plant.write_text(text, encoding="utf-8")
        assert load_store(plant, {})[0].url == good.url
    monkeypatch.chdir(plant.parent)
    elsewhere, said = load_store(plant, {"AEGISFLOW_STORE_URL": "sqlite:///there.db"})
    assert (elsewhere.url, said) == (f"sqlite:///{plant.parent}/there.db", True)


def test_a_command_says_in_one_line_that_nobody_can_know(plant: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plant.write_text(BROKEN["a mistake"], encoding="utf-8")
    for arguments in (["alarms"], ["reload"], ["approvals"], ["agents"], ["incidents"]):
        with pytest.raises(SystemExit) as end:
            main([*arguments, "--plant", str(plant)])
        told = capsys.readouterr().err
        assert end.value.code == 1, told
        assert told.startswith("aegisflow: where the plant of ")
        assert "nonsense" in told
        assert len(told.splitlines()) == 1


def test_reload_says_what_waits_and_how_to_agree_to_it(
    plant: Path, serve: Serve, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = ["it removes 6 of 9 devices: pump-01", "what it removes has an open alarm: pump-01"]
    monkeypatch.delenv("AEGISFLOW_OPERATOR_TOKEN")
    serve.answer = (409, {"applied": False, "removed": ["pump-01"], "waits": waits})
    assert run(serve, "reload", "--plant", str(plant)) == 1
    told = capsys.readouterr().err
    assert told.splitlines() == ["nothing was changed yet:", *waits, "aegisflow reload --yes takes it over"]
    assert run(serve, "reload", "--yes", "--plant", str(plant)) == 1
    assert "only an operator can say yes, and AEGISFLOW_OPERATOR_TOKEN is empty" in capsys.readouterr().err
    assert [path for _, path, _, _ in serve.asked] == ["/reload"]
    monkeypatch.setenv("AEGISFLOW_OPERATOR_TOKEN", "token-of-anna")
    serve.answer = (403, {"error": "anna may not reload"})
    assert run(serve, "reload", "--yes", "--plant", str(plant)) == 1
    assert "anna may not reload" in capsys.readouterr().err
    serve.answer = (200, {"applied": True, "removed": ["pump-01"]})
    assert run(serve, "reload", "--yes", "--plant", str(plant)) == 0
    assert [path for _, path, _, _ in serve.asked] == ["/reload", *["/operator/plant/reload"] * 2]
    assert capsys.readouterr().out == "removed: pump-01\n"


def test_a_person_with_a_token_has_their_name_in_the_audit_of_a_reload(plant: Path, serve: Serve) -> None:
    serve.answer = (200, {"applied": True})
    assert run(serve, "reload", "--yes", "--plant", str(plant)) == 0
    assert serve.asked == [("POST", "/operator/plant/reload", "Bearer token-of-anna", {"yes": True})]


def test_a_token_that_is_not_known_there_keeps_nobody_from_a_reload(
    plant: Path, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTHER_TOKEN", "token-of-agents")
    serve.answer = (422, {"applied": False, "mistakes": ["nonsense"]})
    assert run(serve, "reload", "--plant", str(plant)) == 1
    assert [(path, token) for _, path, token, _ in serve.asked] == [
        ("/operator/plant/reload", "Bearer token-of-anna"),
        ("/reload", "Bearer token-of-agents"),
    ]


def test_the_address_holds_no_secret(plant: Path) -> None:
    with announced(store_of(plant), left_by(plant, "http://127.0.0.1:9")):
        written = json.loads((plant.parent / "data" / "store.db.address").read_text(encoding="utf-8"))
    assert set(written) == {"url", "instance", "plant_file", "token_env", "pid", "certificate"}
