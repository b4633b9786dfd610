"""A running plant leaves its address beside its store, and takes it away again."""

import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from aegisflow.config import Configuration, StoreSettings
from aegisflow.domain.equipment import PlantSpec
from aegisflow.plant.address import PlantAddress, address_file, announced, read_address, url_of


def store_in(folder: Path) -> StoreSettings:
    return StoreSettings(url=f"sqlite:///{folder}/store.db?timeout=3")


def address(folder: Path, port: int = 8765) -> PlantAddress:
    configuration = Configuration(folder / "plant.yaml", PlantSpec("test", {}, {}), store=store_in(folder))
    return PlantAddress.of(configuration, "127.0.0.1", port)


def test_f3_the_address_is_there_while_the_plant_runs_and_gone_afterwards(tmp_path: Path) -> None:
    here = address(tmp_path)
    with announced(store_in(tmp_path), here):
        assert read_address(store_in(tmp_path)) == here
        assert sorted(file.name for file in tmp_path.iterdir()) == ["store.db.address"]
    assert read_address(store_in(tmp_path)) is None
    assert list(tmp_path.iterdir()) == []


def test_f3_every_start_is_another_instance(tmp_path: Path) -> None:
    assert address(tmp_path).instance != address(tmp_path).instance


def test_f3_nobody_takes_away_the_address_of_a_successor(tmp_path: Path) -> None:
    successor = address(tmp_path, 9000)
    with announced(store_in(tmp_path), successor):
        with announced(store_in(tmp_path), address(tmp_path)):
            Path(tmp_path / "store.db.address").write_text(json.dumps(_as_written(successor)), encoding="utf-8")
        assert read_address(store_in(tmp_path)) == successor


def _as_written(address: PlantAddress) -> dict[str, object]:
    return {name: getattr(address, name) for name in ("url", "instance", "plant_file", "token_env", "pid")}


WRONG = ["", "{", "[]", "{}", "null", '"x"', json.dumps({"url": "http://127.0.0.1:1"}), "x" * 20_000]


@pytest.mark.parametrize("text", WRONG)
def test_f3_what_is_no_address_is_as_good_as_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "store.db.address").write_text(text, encoding="utf-8")
    assert read_address(store_in(tmp_path)) is None


@pytest.mark.parametrize("wrong", [{"pid": "1"}, {"url": "file:///etc/passwd"}, {"url": None}, {"more": 1}])
def test_f3_an_address_with_a_wrong_value_is_as_good_as_none(tmp_path: Path, wrong: dict[str, object]) -> None:
    written = {**_as_written(address(tmp_path)), **wrong}
    (tmp_path / "store.db.address").write_text(json.dumps(written), encoding="utf-8")
    assert read_address(store_in(tmp_path)) is None


def test_f3_a_place_that_cannot_be_written_to_is_told_and_stops_nothing(tmp_path: Path) -> None:
    missing = store_in(tmp_path / "missing")
    with capture_logs() as logs, announced(missing, address(tmp_path)):
        assert read_address(missing) is None
    assert [entry["event"] for entry in logs] == ["address_not_left"]


def test_f3_a_store_on_postgresql_has_its_address_beside_the_heads_of_its_audit(tmp_path: Path) -> None:
    store = StoreSettings(url="postgresql://u@db/plant", audit_head=tmp_path / "plant@db.audit-head")
    assert address_file(store) == tmp_path / "plant@db.address"
    assert address_file(StoreSettings(url="postgresql://u@db/plant")) is None


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:1"),
        ("0.0.0.0", "http://127.0.0.1:1"),
        ("::", "http://[::1]:1"),
        ("10.1.2.3", "http://10.1.2.3:1"),
    ],
)
def test_who_listens_everywhere_is_reached_on_this_machine(host: str, url: str) -> None:
    assert url_of(host, 1) == url
