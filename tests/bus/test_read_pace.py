from aegisflow.bus.mqtt.pace import ReadPace


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_lone_message_does_not_wait() -> None:
    clock = Clock()
    pace = ReadPace(clock)
    assert pace.rest_s <= 0
    pace.note(200)
    clock.now += 1.0
    assert pace.rest_s <= 0


def test_what_comes_one_by_one_is_read_together_a_moment_later() -> None:
    clock = Clock()
    pace = ReadPace(clock)
    pace.note(200)
    assert 0.005 <= pace.rest_s <= 0.02
    clock.now += 0.02
    assert pace.rest_s <= 0


def test_where_much_comes_it_is_read_on_at_once() -> None:
    pace = ReadPace(Clock())
    pace.note(262_144)
    assert pace.rest_s <= 0
