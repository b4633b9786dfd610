from hypothesis import given
from hypothesis import strategies as st

from aegisflow.domain.alarms.book import AlarmBook
from aegisflow.domain.alarms.model import Alarm, Change
from aegisflow.domain.detection import Finding
from aegisflow.domain.equipment import AlarmSpec
from tests.support.alarm_bench import SENSORS, A, Bench, N, R, U, finding

LEGAL = {
    (None, Change.RAISED): {U},
    (U, Change.UPDATED): {U},
    (A, Change.UPDATED): {A},
    (U, Change.RETYPED): {U},
    (A, Change.RETYPED): {A},
    (U, Change.ESCALATED): {U},
    (A, Change.ESCALATED): {U},
    (U, Change.ACKNOWLEDGED): {A},
    (R, Change.ACKNOWLEDGED): {N},
    (U, Change.CLEARED): {R},
    (A, Change.CLEARED): {N},
    (R, Change.RAISED): {U},
}
FINDINGS = st.builds(
    finding,
    st.sampled_from(SENSORS),
    st.sampled_from(["low", "medium", "high", "critical"]),
    st.floats(3.01, 1e6),
)
MOVES = st.one_of(
    st.tuples(st.just("feed"), st.lists(FINDINGS, max_size=4), st.integers(1, 8)),
    st.tuples(st.just("leak"), st.lists(FINDINGS, max_size=4), st.integers(1, 70)),
    st.tuples(st.just("rest"), st.just([]), st.integers(1, 12)),
    st.tuples(st.just("acknowledge"), st.just([]), st.integers(0, 3)),
    st.tuples(st.just("drop"), st.just([]), st.integers(0, 2)),
    st.tuples(st.just("restart"), st.just([]), st.just(0)),
)


@given(st.lists(MOVES, max_size=60))
def test_whatever_happens_an_alarm_lives_by_the_rules(moves: list[tuple[str, list[Finding], int]]) -> None:
    bench = Bench()
    told: dict[str, Alarm] = {}
    for move, findings, number in moves:
        seen = len(bench.events)
        match move:
            case "feed" | "rest":
                bench.feed(*findings, times=number)
            case "leak":
                bench.feed(*findings, times=number, fault_type="pressure_leak")
            case "acknowledge" if bench.book.alarms():
                bench.acknowledge(bench.book.alarms()[number % len(bench.book.alarms())].alarm_id)
            case "drop":
                bench.events += bench.book.drop((SENSORS[number],), bench.at)
            case "restart":
                known = bench.book.alarms()
                bench.book = AlarmBook("pump-02", AlarmSpec(15.0, 30.0), bench.interval)
                assert bench.book.recall(known) == ()
                assert bench.book.alarms() == known
        for event in bench.events[seen:]:
            alarm, before = event.alarm, told.get(event.alarm.alarm_id)
            assert alarm.state in LEGAL[None if before is None else before.state, event.change]
            assert (alarm.cleared_at is None) == alarm.state.is_active
            assert (alarm.acknowledged_at is None) == (alarm.state in (U, R))
            assert alarm.evidence
            if before is not None and before.state.is_active:
                assert alarm.severity.rank >= before.severity.rank
                assert (alarm.severity.rank > before.severity.rank) == (event.change is Change.ESCALATED)
                assert alarm.repeats >= before.repeats
            told[alarm.alarm_id] = alarm
        alarms = bench.book.alarms()
        assert sum(alarm.state.is_active for alarm in alarms) <= 1
        assert {alarm.alarm_id: alarm.state for alarm in alarms} == {
            alarm_id: alarm.state for alarm_id, alarm in told.items() if alarm.state is not N
        }
