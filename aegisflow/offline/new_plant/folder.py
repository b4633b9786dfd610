"""The folder of a new plant: what is written, and that nothing is overwritten."""

import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aegisflow.errors import BadValueError
from aegisflow.offline.new_plant.certificate import broker_certificate
from aegisflow.shipped import shipped

_TEMPLATES = Path(__file__).parent / "templates"
_PRIVATE, _PUBLIC = 0o600, 0o644
_KEY = "deploy/mosquitto/certs/broker.key"
_SCHEMA = "plant.schema.json"
_SHOWN = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class NewPlant:
    """What a person says about a new plant."""

    name: str
    broker_host: str
    """Name or address by which the plant reaches its broker."""
    operators: str
    """The section ``operators`` of plant.yaml, with the hash of the first one's token."""
    sample: bool = False
    """Whether it begins with the nine machines of the sample plant, instead of one that is to be described."""


def write_plant_folder(folder: Path, plant: NewPlant) -> list[Path]:
    """Write a plant's folder, and return the files that were written, in the order people read them.

    Raises:
        BadValueError: a file that would be written is there already; nothing is written then.
        OSError: the folder cannot be written.
    """
    contents = _contents(plant)
    sources = _copies(plant)
    there = [name for name in (*contents, *sources) if (folder / name).exists()]
    if there:
        shown = ", ".join(there[:_SHOWN]) + (f" and {len(there) - _SHOWN} more" if len(there) > _SHOWN else "")
        raise BadValueError("DIR", str(folder), f"a folder without {shown}: nothing is overwritten")
    for name, content in contents.items():
        _write(folder / name, content, _PRIVATE if name == _KEY else _PUBLIC)
    for name, source in sources.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, folder / name)
        (folder / name).chmod(_PUBLIC)
    return [folder / name for name in (*contents, *sources)]


def _contents(plant: NewPlant) -> Mapping[str, bytes]:
    certificate, key = broker_certificate(plant.broker_host, time.time())
    return {
        "README.md": _text("README.md", plant),
        "config/plant.yaml": _sample_plant(plant) if plant.sample else _text("plant.yaml", plant),
        **({} if plant.sample else {"manuals/machine.md": _text("machine.md", plant)}),
        "deploy/mosquitto/certs/broker.crt": certificate,
        _KEY: key,
    }


def _copies(plant: NewPlant) -> Mapping[str, Path]:
    """Return what is copied as it is shipped, by the name it gets."""
    folders = [shipped("deploy"), *([shipped("manuals")] if plant.sample else [])]
    files = [path for folder in folders for path in sorted(folder.rglob("*")) if path.is_file()]
    named = {path.relative_to(shipped()).as_posix(): path for path in files}
    return {f"config/{_SCHEMA}": shipped("config", _SCHEMA), **named}


def _text(template: str, plant: NewPlant) -> bytes:
    text = (_TEMPLATES / template).read_text("utf-8")
    for mark, value in (("<NAME>", plant.name), ("<BROKER>", plant.broker_host), ("<OPERATORS>\n", plant.operators)):
        text = text.replace(mark, value)
    return text.encode()


def _sample_plant(plant: NewPlant) -> bytes:
    text = shipped("config", "plant.yaml").read_text("utf-8")
    return f"{text.rstrip()}\n\n{plant.operators}".replace(
        "  host: localhost\n", f"  host: {plant.broker_host}\n"
    ).encode()


def _write(path: Path, content: bytes, mode: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=mode, exist_ok=False)  # a key is never readable for others, not for a moment
    path.chmod(mode)
    path.write_bytes(content)
