from aegisflow.api.periods import asked_period

NOW = 1_767_571_200.0


def test_a_period_without_an_end_includes_this_very_instant() -> None:
    """On recorded time the newest reading, and an alarm it raises, lie exactly at now."""
    period = asked_period(None, None, "1h", now=NOW, default_s=60.0)
    assert period.start == NOW - 3_600.0
    assert period.start <= NOW < period.end < NOW + 0.001


def test_a_given_end_is_not_part_of_the_period() -> None:
    period = asked_period(None, "2026-01-05T00:00:00Z", "1h", now=NOW + 500.0, default_s=60.0)
    assert period.end == NOW
