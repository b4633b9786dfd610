"""A store has one writer, by whichever name it is reached (V3), and nobody else reads it (M3)."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from aegisflow.errors import StoreHeldError
from aegisflow.store import open_store
from aegisflow.store.chain import Head, HeadFile
from aegisflow.store.lock import network_file_system, open_to_others

HOLD = """
import sys
from aegisflow.store import open_store
held = open_store(sys.argv[1])
print("held", flush=True)
input()
"""


def url(path: Path) -> str:
    return f"sqlite:///{path}"


@contextmanager
def held_by_another_process(path: Path) -> Iterator[None]:
    child = subprocess.Popen(
        [sys.executable, "-c", HOLD, url(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "held\n"
        yield
    finally:
        child.kill()
        child.communicate()


def names(folder: Path) -> dict[str, Path]:
    """Return other names of ``folder/store.db``, which exists."""
    (folder / "elsewhere").mkdir()
    (folder / "linked").symlink_to(folder)
    symlink, hard = folder / "elsewhere" / "symlink.db", folder / "elsewhere" / "hard.db"
    symlink.symlink_to(folder / "store.db")
    os.link(folder / "store.db", hard)
    twice = folder / "twice.db"
    twice.symlink_to(symlink)
    return {"symlink": symlink, "hard link": hard, "symlink of a symlink": twice, "folder": folder / "linked/store.db"}


@pytest.mark.parametrize("name", ["symlink", "hard link", "symlink of a symlink", "folder"])
@pytest.mark.parametrize("first", [True, False], ids=["by its own name first", "by the other name first"])
@pytest.mark.parametrize("inside", [True, False], ids=["in one process", "in two"])
def test_v3_a_second_writer_is_kept_out_by_whichever_name_it_comes(
    tmp_path: Path, name: str, first: bool, inside: bool
) -> None:
    store = tmp_path / "store.db"
    open_store(url(store)).close()
    one, other = (store, names(tmp_path)[name]) if first else (names(tmp_path)[name], store)
    if inside:
        opened = open_store(url(one))
        for _ in range(2):
            with pytest.raises(StoreHeldError):
                open_store(url(other))
        opened.close()
    else:
        with held_by_another_process(one), pytest.raises(StoreHeldError):
            open_store(url(other))
    open_store(url(other)).close()


def test_v3_a_store_with_two_hard_links_is_told(tmp_path: Path) -> None:
    store = open_store(url(tmp_path / "store.db"))
    assert store.warnings() == ()
    os.link(tmp_path / "store.db", tmp_path / "again.db")
    assert "has 2 hard links" in store.warnings()[0]
    store.close()


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/mnt/share/plant/store.db", "nfs4"),
        ("/mnt/share space/store.db", "cifs"),
        ("/mnt/sharebutnot/store.db", ""),
        ("/mnt/share/local/store.db", ""),
        ("/var/lib/store.db", ""),
    ],
)
def test_v3_a_file_system_of_the_network_is_known_by_the_mount_that_is_nearest(
    path: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounts = (
        "/dev/sda1 / ext4 rw 0 0\nnas:/x /mnt/share nfs4 rw 0 0\n"
        "/dev/sdb1 /mnt/share/local xfs rw 0 0\n//nas/y /mnt/share\\040space cifs rw 0 0\n"
    )
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: mounts)
    assert network_file_system(Path(path)) == kind


def test_m3_what_we_make_is_for_us_alone(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        store = open_store(url(tmp_path / "store.db"))
        store.writer().run("SELECT 1")
        HeadFile(tmp_path / "head").export(Head(1, "a" * 64), 0.0)
    finally:
        os.umask(before)
    assert {path.name: oct(path.stat().st_mode & 0o777) for path in tmp_path.iterdir()} == dict.fromkeys(
        (path.name for path in tmp_path.iterdir()), "0o600"
    )
    assert {"store.db", "store.db.lock", "head"} <= {path.name for path in tmp_path.iterdir()}
    assert store.warnings() == ()
    (tmp_path / "store.db").chmod(0o644)
    assert "is open to other users of this host (mode 0644): chmod 600" in store.warnings()[0]
    store.close()


@pytest.mark.parametrize(("mode", "told"), [(0o600, 0), (0o400, 0), (0o640, 1), (0o602, 1), (0o777, 1)])
def test_m3_a_file_that_others_may_read_or_write_is_told(tmp_path: Path, mode: int, told: int) -> None:
    path = tmp_path / "plant.yaml"
    assert open_to_others(path) == ()
    path.touch()
    path.chmod(mode)
    assert len(open_to_others(path)) == told
