from collections.abc import Iterator

import pytest

from aegisflow.domain.times import Period
from aegisflow.store import Store
from aegisflow.store import fold as fold_module
from aegisflow.store.batch import Record
from aegisflow.store.readings import newest, pages
from aegisflow.store.writer import Writer
from tests.support.store_bench import StoreBench
from tests.support.store_samples import T0, reading, records


@pytest.fixture
def writer(store: Store) -> Iterator[Writer]:
    made = Writer(store.writer())
    yield made
    made.connection.close()


def fill(writer: Writer, devices: int, each: int, start: float = T0) -> None:
    """Commit readings as they come: every device once, then every device again."""
    for number in range(each):
        writer.commit(
            [
                Record(None, None, [reading(start + 5 * number, 70 + number, f"pump-{device:03}")])
                for device in reversed(range(devices))
            ],
            T0,
        )


def everything(writer: Writer, device_id: str) -> list[float]:
    return [at for page in pages(writer.connection, writer.keys[device_id], Period(0, 1e12)) for at, _ in page]


def test_a_fold_puts_every_reading_at_its_place_and_empties_the_rest(writer: Writer) -> None:
    fill(writer, 20, 30)
    writer.fold.finish()
    assert writer.connection.value("SELECT count(*) FROM readings") == 600
    assert writer.connection.value("SELECT count(*) FROM fresh_readings") == 0
    assert (writer.fold.waiting, writer.fold.has(writer.keys["pump-003"])) == (0, False)


def test_half_a_fold_shows_every_reading_once_and_takes_new_ones(
    writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_module, "_NEIGHBOURS", 4)
    fill(writer, 20, 30)
    buckets = writer.fold.buckets()
    assert len(buckets) >= 5
    for steps, bucket in enumerate(buckets, start=1):
        writer.fold.step(bucket)
        fill(writer, 20, 1, T0 + 1000 + steps)
        for device_id in ("pump-000", "pump-019"):
            expected = [T0 + 5 * n for n in range(30)] + [T0 + 1001 + n for n in range(steps)]
            assert everything(writer, device_id) == expected
            assert writer.fold.has(writer.keys[device_id])
            found = newest(writer.connection, writer.keys[device_id], 5)
            assert [at for at, _ in found] == expected[-5:]
    assert writer.connection.value("SELECT count(*) FROM readings") >= 600
    assert writer.fold.waiting == writer.connection.value("SELECT count(*) FROM fresh_readings")


def test_a_writer_that_begins_anew_goes_on_where_another_fold_was_left(
    store: Store, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fold_module, "_NEIGHBOURS", 4)
    fill(writer, 20, 30)
    writer.fold.step(writer.fold.buckets()[0])
    writer.connection.close()
    successor = Writer(store.writer())
    successor.fold.finish()
    assert [at for at, _ in newest(successor.connection, successor.keys["pump-007"], 50)] == [
        T0 + 5 * n for n in range(30)
    ]
    assert successor.connection.value("SELECT count(*) FROM readings") == 600
    successor.connection.close()


def test_the_historian_folds_by_itself_once_enough_has_come(bench: StoreBench, store: Store) -> None:
    for number in range(30):
        bench.take(records([reading(T0 + 100 * number + second) for second in range(100)]))
        bench.settle()
    reader = store.reader()
    folded = reader.value("SELECT count(*) FROM readings")
    fresh = reader.value("SELECT count(*) FROM fresh_readings")
    reader.close()
    assert folded + fresh == 3000
    assert folded >= 2000


def test_pages_join_without_losing_or_repeating_a_reading(writer: Writer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aegisflow.store.readings.PAGE", 7)
    fill(writer, 1, 30)
    writer.fold.finish()
    fill(writer, 1, 10, T0 + 100)
    assert everything(writer, "pump-000") == [T0 + 5 * n for n in range(30)]
