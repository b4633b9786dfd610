from dataclasses import replace
from pathlib import Path

import pytest

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.incidents.model import Incident, IncidentQuery
from aegisflow.domain.times import Period
from aegisflow.errors import BadValueError
from aegisflow.search import IncidentIndex
from tests.support.search_samples import FakeEncoder

T0 = 1_769_846_400.0


def report(number: int, title: str, *, device_id: str = "pump-01", fault: str = "bearing_failure") -> Incident:
    return Incident(
        incident_id=number,
        device_id=device_id,
        kind=device_id.partition("-")[0],
        alarm_id=None,
        fault_type=fault,
        severity=Severity.HIGH,
        title=title,
        root_cause="",
        actions_taken="",
        outcome="",
        author="ana",
        origin="person",
        occurred_at=T0 + number,
        reported_at=T0,
        reviewed=True,
    )


REPORTS = (
    report(1, "The coupling was out of line and shook the bearing"),
    report(2, "Gasket of the flange leaked", fault="pressure_leak"),
    report(3, "Winding too hot after a blocked fan", device_id="motor-01", fault="thermal_runaway"),
    report(4, "The coupling broke", device_id="motor-01"),
)


@pytest.fixture
def index() -> IncidentIndex:
    found = IncidentIndex()
    found.keep(REPORTS)
    return found


def ids(index: IncidentIndex, text: str, query: IncidentQuery | None = None, least: float | None = None) -> list[int]:
    return list(index.rank(text, query or IncidentQuery(), least).scores)


def test_reports_are_found_by_their_words_and_typing_mistakes(index: IncidentIndex) -> None:
    assert set(ids(index, "coupling")) == {1, 4}
    assert ids(index, "gaskte leaked at flange") == [2]
    assert index.rank("coupling", IncidentQuery()).note == "Found by words only: the model is not loaded yet."


def test_what_no_report_is_about_finds_none_and_says_so(index: IncidentIndex) -> None:
    found = index.rank("holiday of the works council", IncidentQuery())
    assert found.scores == {}
    assert found.note.startswith("No report is about this.")
    with pytest.raises(BadValueError):
        index.rank("  ", IncidentQuery())


def test_the_query_narrows(index: IncidentIndex) -> None:
    for query, expected in (
        (IncidentQuery(device_id="motor-01"), [4]),
        (IncidentQuery(kind="pump"), [1]),
        (IncidentQuery(fault_type="pressure_leak"), []),
        (IncidentQuery(period=Period(T0, T0 + 2)), [1]),
        (IncidentQuery(reviewed=False), []),
        (IncidentQuery(limit=1), ids(index, "coupling")[:1]),
    ):
        assert ids(index, "coupling", query) == expected, query


def test_a_corrected_report_is_found_by_its_new_words_and_a_withdrawn_one_by_none(index: IncidentIndex) -> None:
    index.keep([replace(REPORTS[1], title="The valve leaked", revision=2)])
    assert ids(index, "valve") == [2]
    assert ids(index, "gasket") == []
    index.keep([REPORTS[1]])
    assert ids(index, "gasket") == [], "an older revision must not come back"
    index.keep([replace(REPORTS[1], revision=3, withdrawn=True)])
    assert ids(index, "valve") == []


def test_with_a_model_reports_are_found_by_meaning_once_it_is_worked_out(index: IncidentIndex) -> None:
    encoder = FakeEncoder()
    index.use_encoder(encoder)
    assert index.rank("coupling", IncidentQuery()).method == "lexical"
    index.add_meaning()
    found = index.rank("winding temperature", IncidentQuery())
    assert found.method == "fused"
    assert found.note == ""
    assert next(iter(found.scores)) == 3
    index.keep([report(5, "The winding was hot again", device_id="motor-01", fault="thermal_runaway")])
    assert 5 in ids(index, "winding hot again"), "by its words, while its meaning is not known"
    index.add_meaning()
    assert next(iter(index.rank("winding temperature again", IncidentQuery()).scores)) == 5


def test_a_german_report_and_an_english_one_are_found_by_questions_in_either_language(index: IncidentIndex) -> None:
    index.keep([report(7, "Die Dichtung der Pumpe war undicht und wurde gewechselt", fault="pressure_leak")])
    index.use_multilingual(FakeEncoder())
    index.add_meaning()
    assert ids(index, "Ist die Wicklung zu heiß?")[0] == 3
    assert ids(index, "replace the seal")[0] == 7
    assert ids(index, "Dichtung gewechselt")[0] == 7


def test_the_same_text_is_encoded_once(index: IncidentIndex) -> None:
    encoder = FakeEncoder()
    index.use_encoder(encoder)
    index.add_meaning()
    before = len(encoder.encoded)
    for _ in range(3):
        index.rank("winding temperature", IncidentQuery())
    assert len(encoder.encoded) == before + 1


def test_a_model_that_breaks_leaves_words(index: IncidentIndex) -> None:
    encoder = FakeEncoder()
    index.use_encoder(encoder)
    index.add_meaning()
    encoder.broken = True
    found = index.rank("coupling", IncidentQuery())
    assert (found.method, set(found.scores)) == ("lexical", {1, 4})
    assert "no more memory" in found.note
    index.keep([report(6, "one more")])
    index.add_meaning()
    assert "no more memory" in index.rank("coupling", IncidentQuery()).note


def test_vectors_outlive_the_process(tmp_path: Path) -> None:
    for expected in (len(REPORTS), 0):
        index, encoder = IncidentIndex(tmp_path / "reports.db"), FakeEncoder()
        index.keep(REPORTS)
        index.use_encoder(encoder)
        index.add_meaning()
        assert len(encoder.encoded) == expected


def test_with_a_least_score_everything_near_is_ranked(index: IncidentIndex) -> None:
    assert len(ids(index, "motor thermal runaway winding", least=0.0)) >= 2


def test_an_empty_memory_answers(index: IncidentIndex) -> None:
    empty = IncidentIndex()
    empty.use_encoder(FakeEncoder())
    empty.add_meaning()
    assert empty.rank("coupling", IncidentQuery()).scores == {}
