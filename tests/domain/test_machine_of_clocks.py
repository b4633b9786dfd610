"""Whatever the clocks do, the senders' and our own: no device is blind for longer than its silence time."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aegisflow.domain.alarms.model import Timeliness
from tests.support.clock_bench import HOUR, SENDERS, YEAR, ClockBench, Regime
from tests.support.sizes import examples

OURS = [0.0, 2 * HOUR, -HOUR, YEAR, 61.0, -30.0]
REGIMES = st.lists(
    st.builds(
        Regime,
        st.sampled_from(sorted(SENDERS)),
        st.sampled_from([0.0, 0.0, *OURS]),
        st.integers(1, 25),
        st.booleans(),
    ),
    min_size=1,
    max_size=6,
)
JUMBLED = ("anything", "now and then wrong", "shakes", "stood still just now")
"""Clocks whose readings have no instant."""


def check_nobody_is_blind(regimes: list[Regime], every_s: float, seed: int) -> None:
    bench = ClockBench(every_s, seed)
    for regime in regimes:
        bench.run(regime)
    assert bench.dropped == 0
    assert [alarm.fault_type for alarm in bench.alarms()] == [], "a machine that reports well is alarmed for its clock"
    began, last = bench.true, regimes[-1]
    raised: list[float] = []
    while not raised and bench.true - began <= max(bench.silent_after_s, 60 * every_s):
        bench.run(Regime(last.sender, last.ours_s, 20), faulty=True)
        raised = [true for true, event in bench.told if event.alarm.severity.rank >= 2]
    assert raised, f"no alarm in the time of silence: {bench.alarms()}"
    bench.run(Regime(last.sender, last.ours_s, max(60, int(4.0 / every_s))), faulty=True)
    assert bench.dropped == 0
    assert raised[0] - began <= max(bench.silent_after_s, 20 * every_s)
    (alarm,) = bench.alarms(began)
    if last.sender != "shakes" or 60 * every_s > 300.0:
        assert alarm.timeliness is Timeliness.LIVE, "it is told to nobody but the first level"
    assert all(ahead <= 2.0 for _, ahead in bench.judged)
    if last.sender not in JUMBLED:
        settled = began + max(bench.silent_after_s, 6 * every_s)
        assert all(-75.0 - every_s / 5.0 <= off for true, off in bench.judged if true >= settled)
    stopped = bench.true
    bench.wait(2 * bench.silent_after_s + 5.0)
    silent = [
        true
        for true, event in bench.told
        if true > stopped and any("no reading since" in why for why in event.alarm.reasons)
    ]
    assert silent
    assert silent[0] - stopped == pytest.approx(bench.silent_after_s, abs=2.0 + 0.2 * every_s)


@given(REGIMES, st.sampled_from([1.0, 5.0, 60.0]), st.integers(0, 3))
@settings(max_examples=examples(40))
def test_whatever_clocks_do_a_fault_is_told_within_the_time_of_silence(
    regimes: list[Regime], every_s: float, seed: int
) -> None:
    check_nobody_is_blind(regimes, every_s, seed)


@pytest.mark.parametrize("sender", sorted(SENDERS))
def test_under_each_clock_a_fault_is_told_within_the_time_of_silence(sender: str) -> None:
    check_nobody_is_blind([Regime(sender, 0.0, 40)], 5.0, 3)


@pytest.mark.long
@pytest.mark.timeout(400)
@given(REGIMES, st.sampled_from([0.1, 1.0, 5.0, 60.0, 900.0]), st.integers(0, 20))
@settings(max_examples=examples(300))
def test_whatever_clocks_do_for_long_a_fault_is_told_within_the_time_of_silence(
    regimes: list[Regime], every_s: float, seed: int
) -> None:
    check_nobody_is_blind(regimes, every_s, seed)
