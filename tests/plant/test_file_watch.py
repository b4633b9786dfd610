"""A changed file is taken over once it has rested, however it came to be changed."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from aegisflow.plant.file_watch import FileWatch, digest_of
from tests.support.waiting import eventually

REST_S = 5.0


class Watched:
    """A file and its watch on a clock of its own; ``reloads`` are the contents that were taken over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.exists():
            path.write_text("first", encoding="utf-8")
        self.judged = digest_of(path)
        self.now = 100.0
        self.reloads: list[str | None] = []
        self.watch = FileWatch(path, REST_S, lambda: self.judged, self.reload, lambda: self.now)

    def reload(self) -> None:
        self.judged = digest_of(self.path)
        self.reloads.append(self.path.read_text(encoding="utf-8") if self.judged else None)

    def passes(self, seconds: float) -> None:
        """Let time pass, with a look each half a second."""
        for _ in range(round(seconds / 0.5)):
            self.now += 0.5
            if self.watch.look():
                self.reload()


@pytest.fixture
def watched(tmp_path: Path) -> Watched:
    return Watched(tmp_path / "plant.yaml")


def test_f1_a_file_is_taken_over_when_its_content_has_rested(watched: Watched) -> None:
    watched.path.write_text("half", encoding="utf-8")
    watched.passes(2.5)
    watched.path.write_text("half and half", encoding="utf-8")
    watched.passes(REST_S)
    assert watched.reloads == []
    watched.passes(1.0)
    assert watched.reloads == ["half and half"]
    watched.passes(60.0)
    assert len(watched.reloads) == 1


def test_f1_a_file_that_is_written_all_the_time_is_never_taken_over_half(watched: Watched) -> None:
    for number in range(20):
        watched.path.write_text(f"part {number}", encoding="utf-8")
        watched.passes(REST_S - 1.0)
    assert watched.reloads == []
    watched.passes(REST_S)
    assert watched.reloads == ["part 19"]


def truncate_and_write_again(path: Path, rest: Callable[[], None]) -> None:
    with path.open("w", encoding="utf-8") as file:
        rest()
        file.write("second")


def rename_over(path: Path, rest: Callable[[], None]) -> None:
    path.with_suffix(".new").write_text("second", encoding="utf-8")
    rest()
    path.with_suffix(".new").replace(path)


def write_beside_a_swap_file(path: Path, rest: Callable[[], None]) -> None:
    swap = path.with_name(f".{path.name}.swp")
    swap.write_bytes(b"\0" * 4096)
    path.rename(path.with_name(f"{path.name}~"))
    rest()
    path.write_text("second", encoding="utf-8")
    swap.unlink()


def be_away_for_a_moment(path: Path, rest: Callable[[], None]) -> None:
    path.unlink()
    rest()
    path.write_text("second", encoding="utf-8")


def replace_the_folder(path: Path, rest: Callable[[], None]) -> None:
    other = path.parent.with_name("other")
    other.mkdir()
    (other / path.name).write_text("second", encoding="utf-8")
    path.parent.rename(path.parent.with_name("gone"))
    rest()
    other.rename(path.parent)


def lose_permission_for_a_moment(path: Path, rest: Callable[[], None]) -> None:
    path.unlink()
    path.mkdir()  # as unreadable as a file without permission, also to root
    rest()
    path.rmdir()
    path.write_text("second", encoding="utf-8")


def write_the_same_length_at_the_same_time(path: Path, rest: Callable[[], None]) -> None:
    times = path.stat()
    path.write_text("FIRST", encoding="utf-8")
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    rest()
    path.write_text("second", encoding="utf-8")


CHANGES = [
    truncate_and_write_again,
    rename_over,
    write_beside_a_swap_file,
    be_away_for_a_moment,
    replace_the_folder,
    lose_permission_for_a_moment,
    write_the_same_length_at_the_same_time,
]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_f1_however_a_file_is_written_it_is_taken_over_once_and_whole(
    tmp_path: Path, change: Callable[[Path, Callable[[], None]], None]
) -> None:
    (tmp_path / "folder").mkdir()
    watched = Watched(tmp_path / "folder" / "plant.yaml")
    change(watched.path, lambda: watched.passes(2.0))
    watched.passes(REST_S + 1.0)
    assert watched.reloads == ["second"]


def test_f1_a_file_that_stays_away_is_told_once_and_taken_over_when_it_is_back(watched: Watched) -> None:
    watched.path.unlink()
    watched.passes(60.0)
    assert watched.reloads == [None]
    watched.path.write_text("first", encoding="utf-8")
    watched.passes(60.0)
    assert watched.reloads == [None, "first"]


def test_f1_what_somebody_else_had_reloaded_is_not_reloaded_again(watched: Watched) -> None:
    watched.path.write_text("second", encoding="utf-8")
    watched.passes(1.0)
    watched.reload()
    watched.passes(60.0)
    assert watched.reloads == ["second"]


def config_map(folder: Path, version: str, text: str) -> None:
    """Write a version as Kubernetes does, and swap the link to it; the version before is deleted."""
    before = folder / "..data"
    old = before.resolve() if before.exists() else None
    new = folder / f"..{version}"
    new.mkdir(parents=True)
    (new / "plant.yaml").write_text(text, encoding="utf-8")
    (folder / "..data_tmp").symlink_to(new.name)
    (folder / "..data_tmp").replace(before)
    if old is not None:
        (old / "plant.yaml").unlink()
        old.rmdir()


def test_f2_a_link_that_is_swapped_is_followed(tmp_path: Path) -> None:
    config_map(tmp_path, "2026_01", "first")
    link = tmp_path / "plant.yaml"
    link.symlink_to("..data/plant.yaml")
    watched = Watched(link)
    config_map(tmp_path, "2026_02", "second")
    watched.passes(REST_S + 1.0)
    config_map(tmp_path, "2026_03", "third")
    watched.passes(REST_S + 1.0)
    assert watched.reloads == ["second", "third"]


def test_a_request_is_carried_out_at_once_and_interrupts_itself_unharmed(watched: Watched) -> None:
    watched.watch.start()
    before = signal.signal(signal.SIGUSR1, lambda number, frame: watched.watch.request())
    try:
        for _ in range(50):
            os.kill(os.getpid(), signal.SIGUSR1)
        eventually(lambda: watched.reloads)
    finally:
        signal.signal(signal.SIGUSR1, before)
        watched.watch.stop()


def test_a_reload_that_fails_ends_no_watch(tmp_path: Path) -> None:
    path, calls = tmp_path / "plant.yaml", []
    path.write_text("first", encoding="utf-8")

    def reload() -> None:
        calls.append(1)
        raise ValueError("not my day")

    watch = FileWatch(path, 0.0, lambda: digest_of(path), reload)
    watch.start()
    watch.request()
    watch.request()
    eventually(lambda: len(calls) == 2)
    watch.stop()
