"""How the time of questions about the past grows with it: ``python -m benchmarks.retrieval.incidents``.

Reports are drawn from the words of the manuals, on nine devices and over five years; vectors are drawn
at random, since only their number matters here, so the time of the model itself is left out. Each
question is asked of a store on disk, as the archive's actor asks it, or of the index of the search.
"""

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from aegisflow.config import load
from aegisflow.domain.alarms.model import Alarm, AlarmState, Evidence, Severity
from aegisflow.domain.incidents.model import AlarmToMatch, Incident, IncidentQuery, NewIncident
from aegisflow.search import IncidentIndex
from aegisflow.store import open_store
from aegisflow.store.archive import Archive
from aegisflow.store.incidents import add_incident
from aegisflow.store.writer import Writer
from benchmarks.retrieval.scale import ROOT, RandomEncoder, words_of_manuals
from benchmarks.retrieval.sets import read_questions

SIZES = (100, 1_000, 10_000)
NOW = 1_769_846_400.0
FAULTS = ("thermal_runaway", "pressure_leak", "bearing_failure", "sensor_drift", "electrical_fault")
YEARS_S = 5 * 365 * 86_400.0
ASKED = 60


def reports(count: int, devices: Sequence[tuple[str, str]]) -> list[NewIncident]:
    chance, words = random.Random(1), words_of_manuals()

    def sentence(length: int) -> str:
        return " ".join(chance.choices(words, k=length))

    made = []
    for _ in range(count):
        device_id, kind = chance.choice(devices)
        texts = (sentence(6), sentence(20), sentence(20), sentence(10))
        at = NOW - chance.random() * YEARS_S
        made.append(
            NewIncident(device_id, None, chance.choice(FAULTS), Severity.HIGH, *texts, "claude", "agent", at, kind)
        )
    return made


def alarm(device_id: str, fault: str, number: int) -> Alarm:
    evidence = Evidence("vibration", "shift", 8.0, 1.5, 0.4, 16.0, "high", NOW)
    state = AlarmState.UNACKNOWLEDGED
    name = f"{device_id}@{number}"
    return Alarm(name, device_id, fault, fault, Severity.HIGH, state, "shift", (evidence,), NOW, NOW)


def p50_ms(ask: Callable[[int], object]) -> float:
    seconds = []
    for number in range(ASKED):
        began = time.perf_counter()
        ask(number)
        seconds.append(time.perf_counter() - began)
    return 1000 * statistics.median(seconds)


def measure(count: int) -> dict[str, float]:
    plant = load(ROOT / "config/plant.yaml", {}).plant
    devices = [(name, spec.kind) for name, spec in plant.devices.items()]
    questions = [question.ask for question in read_questions(Path(__file__).with_name("questions.yaml"))]
    found: dict[str, float] = {"reports": float(count)}
    with tempfile.TemporaryDirectory() as folder:
        store = open_store(f"sqlite:///{folder}/store.db")
        writer = Writer(store.writer())
        kept: list[Incident] = []
        # One commit for all of them: what a single one costs is not measured here.
        with writer.connection.transaction():
            kept += [add_incident(writer, one, NOW) for one in reports(count, devices)]
        archive = Archive(store.reader())
        query = IncidentQuery(device_id=devices[0][0], fault_type=FAULTS[0], limit=6)
        found["by device and fault p50 ms"] = p50_ms(lambda number: archive.incidents(query))

        def similar(number: int) -> object:
            device_id, kind = devices[number % 9]
            asked = AlarmToMatch(alarm(device_id, FAULTS[number % 5], number), kind)
            return archive.similar_incidents((asked,), 3)

        found["like an alarm p50 ms"] = p50_ms(similar)
        found["patterns p50 ms"] = p50_ms(lambda number: archive.patterns(plant, NOW))
        archive.close()
        writer.connection.close()
        store.close()
    index = IncidentIndex()
    index.keep(kept)
    found["by words p50 ms"] = p50_ms(lambda number: index.rank(questions[number], IncidentQuery()))
    index.use_encoder(RandomEncoder())
    index.add_meaning()
    found["by meaning p50 ms"] = p50_ms(lambda number: index.rank(questions[number], IncidentQuery()))
    return found


if __name__ == "__main__":
    for size in SIZES:
        print(*(f"{name} {value:.2f}" for name, value in measure(size).items()), sep=", ")
