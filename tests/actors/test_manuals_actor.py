import dataclasses
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pykka
import pytest

from aegisflow.actors.manuals import ManualsActor
from aegisflow.actors.messages.common import Tick
from aegisflow.actors.messages.manuals import (
    FindPassages,
    IncidentKept,
    IncidentsRecalled,
    ListManuals,
    RankIncidents,
    ReadManual,
    ReadManualProblems,
)
from aegisflow.actors.messages.store import RecallIncidents
from aegisflow.actors.runtime.directory import Directory
from aegisflow.config import ManualsSettings
from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.incidents.model import Incident, IncidentQuery, IncidentRanks
from aegisflow.errors import BadValueError, UnavailableError, UnknownNameError
from aegisflow.search import Encoder, IncidentIndex, ModelUnavailableError
from tests.support.search_samples import FakeEncoder
from tests.support.waiting import eventually as until_there

WAIT_S = 60.0


def a_report(number: int) -> Incident:
    return Incident(
        incident_id=number,
        device_id="pump-01",
        kind="pump",
        alarm_id=None,
        fault_type="bearing_failure",
        severity=Severity.HIGH,
        title="coupling out of line",
        root_cause="",
        actions_taken="",
        outcome="",
        author="ana",
        origin="person",
        occurred_at=0.0,
        reported_at=0.0,
        reviewed=True,
    )


class Loader:
    """Loads a model when it is let."""

    def __init__(self) -> None:
        self.may_load = threading.Event()
        self.error: Exception | None = None
        self.asked_for = ""

    def __call__(self, model: str) -> Encoder:
        self.asked_for = model
        assert self.may_load.wait(WAIT_S)
        if self.error:
            raise self.error
        return FakeEncoder()


class Plant:
    """A directory with a manuals actor in it."""

    def __init__(self, folder: Path, loader: Loader) -> None:
        self.directory = Directory()
        self.ref = ManualsActor.start(
            "manuals", self.directory, ManualsSettings(folder=folder, multilingual_model="none"), None, loader
        )
        self.directory.register("manuals", self.ref)

    def find(self, text: str, kind: str | None = None) -> tuple[str, list[str]]:
        answer = self.directory.ask("manuals", FindPassages(text, kind, 3), WAIT_S)
        return answer.method, [passage.section for passage in answer.passages]

    def problems(self) -> dict[str, str]:
        return dict(self.directory.ask("manuals", ReadManualProblems(), WAIT_S))


@pytest.fixture
def loader() -> Loader:
    return Loader()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    manuals = tmp_path / "manuals"
    manuals.mkdir()
    (manuals / "pump.md").write_text("---\nkinds: pump\n---\n# Pump\n\n## Seal\n\nReplace the seal.\n", "utf-8")
    return manuals


@pytest.fixture
def plant(folder: Path, loader: Loader) -> Iterator[Plant]:
    plant = Plant(folder, loader)
    yield plant
    loader.may_load.set()
    plant.ref.stop(timeout=WAIT_S)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("manuals")]


def eventually(plant: Plant, wanted: object, look: Callable[[], object]) -> None:
    """Let time pass until it is as wanted; each look is an answer of the actor."""
    end = threading.Event()
    for _ in range(500):
        if look() == wanted:
            return
        plant.ref.tell(Tick(0.0))
        end.wait(0.01)
    assert look() == wanted


def test_questions_are_answered_by_words_while_the_model_loads(plant: Plant, loader: Loader) -> None:
    assert plant.find("replace the seal") == ("lexical", ["Seal"])
    assert plant.problems() == {"model": "the model is not loaded yet"}
    loader.may_load.set()
    eventually(plant, ("fused", ["Seal"]), lambda: plant.find("replace the seal"))
    assert plant.problems() == {}
    assert loader.asked_for == "auto"


@pytest.mark.parametrize("error", [ModelUnavailableError("the folder is empty"), MemoryError("the folder is empty")])
def test_a_broken_model_leaves_the_actor_alive_and_says_why(plant: Plant, loader: Loader, error: Exception) -> None:
    loader.error = error
    loader.may_load.set()
    eventually(plant, True, lambda: "the folder is empty" in plant.problems()["model"])
    assert plant.find("replace the seal") == ("lexical", ["Seal"])


def test_a_manual_dropped_into_the_folder_is_found_after_a_tick(plant: Plant, loader: Loader, folder: Path) -> None:
    loader.may_load.set()
    (folder / "boiler.md").write_text("# Boiler\n\n## Whistle\n\nIt whistles before it bursts.\n", "utf-8")
    eventually(plant, ["Whistle"], lambda: plant.find("boiler whistles")[1])


class Memory(pykka.ThreadingActor):
    """An archive that tells of reports in parts, or of why it cannot."""

    use_daemon_thread = True

    def __init__(self, directory: Directory) -> None:
        super().__init__()
        self.directory = directory
        self.failures = ["the store cannot be read"]
        self.asked: list[int] = []

    def on_receive(self, message: object) -> None:
        assert isinstance(message, RecallIncidents)
        self.asked.append(message.after)
        told = tuple(REPORTS[message.after : message.after + 2])
        failure = self.failures.pop() if message.after and self.failures else ""
        answer = IncidentsRecalled((), failure) if failure else IncidentsRecalled(told)
        self.directory.tell(message.reply_to, answer)


REPORTS = [a_report(number) for number in range(1, 6)]


def test_reports_are_recalled_in_parts_again_after_a_failure_and_kept_when_told(folder: Path, loader: Loader) -> None:
    loader.error = ModelUnavailableError("none")
    loader.may_load.set()
    directory = Directory()
    memory = Memory.start(directory)
    directory.register("archive", memory)
    directory.expect("manuals")
    ref = ManualsActor.start(
        "manuals", directory, ManualsSettings(folder=folder, multilingual_model="none"), None, loader
    )
    directory.register("manuals", ref)
    question = RankIncidents(("coupling", "gasket"), IncidentQuery())

    def ranks() -> tuple[IncidentRanks, ...]:
        ref.tell(Tick(0.0))
        try:
            return directory.ask("manuals", question, WAIT_S)
        except UnavailableError:  # the reports are still being read
            return ()

    coupling, gasket = until_there(ranks)
    assert set(coupling.scores) == {1, 2, 3, 4, 5}
    assert coupling.method == "lexical"
    assert gasket.scores == {}
    assert memory.proxy().asked.get() == [0, 2, 2, 4, 5]
    ref.tell(IncidentKept(dataclasses.replace(a_report(6), title="a gasket leaked")))
    assert set(directory.ask("manuals", question, WAIT_S)[1].scores) == {6}
    ref.stop(timeout=WAIT_S)
    memory.stop(timeout=WAIT_S)


def test_a_model_that_is_ready_before_the_reports_are_known_makes_no_vector_anew(folder: Path, tmp_path: Path) -> None:
    kept, model = tmp_path / "reports.db", FakeEncoder()
    before = IncidentIndex(kept)
    before.keep(REPORTS)
    before.use_encoder(FakeEncoder())
    before.add_meaning()
    directory = Directory()
    ref = ManualsActor.start(
        "manuals", directory, ManualsSettings(folder=folder, multilingual_model="none"), None, lambda name: model, kept
    )
    directory.register("manuals", ref)
    found = FindPassages("replace the seal", None, 1)
    until_there(lambda: directory.ask("manuals", found, WAIT_S).method == "fused")
    memory = Memory.start(directory)
    directory.register("archive", memory)

    def method() -> bool:
        ref.tell(Tick(0.0))
        try:
            return directory.ask("manuals", RankIncidents(("coupling",), IncidentQuery()), WAIT_S)[0].method == "fused"
        except UnavailableError:  # the reports are still being read
            return False

    until_there(method)
    assert not [text for text in model.encoded if "bearing failure" in text]
    ref.stop(timeout=WAIT_S)
    memory.stop(timeout=WAIT_S)


def test_manuals_are_listed_and_read(plant: Plant) -> None:
    assert [manual.name for manual in plant.directory.ask("manuals", ListManuals(), WAIT_S)] == ["pump.md"]
    assert "Replace the seal." in plant.directory.ask("manuals", ReadManual("pump.md"), WAIT_S)


def test_a_bad_question_reaches_the_one_who_asked_and_harms_nobody(plant: Plant) -> None:
    with pytest.raises(BadValueError):
        plant.directory.ask("manuals", FindPassages(" ", None, 3), WAIT_S)
    with pytest.raises(UnknownNameError, match=r"pump\.md"):
        plant.directory.ask("manuals", ReadManual("fan.md"), WAIT_S)
    assert plant.find("replace the seal")[1] == ["Seal"]


def test_an_actor_without_a_folder_lives(tmp_path: Path, loader: Loader) -> None:
    loader.may_load.set()
    plant = Plant(tmp_path / "nowhere", loader)
    assert plant.find("seal")[1] == []
    assert "no such folder" in plant.problems()[str(tmp_path / "nowhere")]
    plant.ref.stop(timeout=WAIT_S)
