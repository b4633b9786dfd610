"""Writes the page of all keys of ``plant.yaml``: ``python -m aegisflow.config.reference docs/reference.md``.

Like the JSON Schema it is made from the sections themselves, so that the page, the schema and what an editor
shows while one types say the same. A key is explained where it is declared, and nowhere else.
"""

import sys
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from aegisflow.config.fields import Duration, Measured, Section, SensorName, SeverityName, key_of
from aegisflow.config.file import PlantFile
from aegisflow.config.wording import Place, expected, unwrap
from aegisflow.domain.times import exact_duration

_HEAD = """\
# Every key of plant.yaml

<!-- Written by `python -m aegisflow.config.reference docs/reference.md`; do not edit. -->

Each section with its keys: what they mean, what may stand there, what holds where they are left out, the unit, and how
one is written. Editors show the same while you type, by the [schema](configuration.md); words in capitals, as in
`kinds.KIND`, stand for names of your own. [configuration.md](configuration.md) says what happens to the file,
[payloads.md](payloads.md) how `sources` are used.

| | |
|---|---|
| durations | `30s`, `5min`, `12h`, `7d`, or a number of seconds |
| bounds | `[low, high]` or `{low: ..., high: ...}`; left out or `null` where there is none |
| paths of files | relative to the folder that the file is named in, also where it is a link |
| inheritance | `defaults`, then the kind, then the device; mappings are merged key by key |
| secrets | never stand in the file; it names environment variables |
| environment | `MQTT_BROKER_HOST`, `MQTT_BROKER_PORT`, `MQTT_BROKER_USERNAME`, `MQTT_BROKER_PASSWORD_ENV`, \
`AEGISFLOW_STORE_URL`, `AEGISFLOW_HTTP_HOST`, `AEGISFLOW_HTTP_PORT`, `AEGISFLOW_HTTP_HOSTS` \
and `AEGISFLOW_HTTP_TRUSTED_PROXIES` (by comma) override the file; \
`AEGISFLOW_OPERATORS` (`anna=SHA256,ben=SHA256:viewer`) adds people |
"""
_COLUMNS = "| key | what it means | what may stand there | left out | unit | example |\n|---|---|---|---|---|---|"


class Key(NamedTuple):
    """One key of a section, as the page shows it."""

    section: type[Section]
    name: str
    meaning: str
    form: str
    """What may stand there, in words; empty where that is only the section below."""
    default: str
    unit: str
    example: str
    below: type[Section] | None
    """The section that stands there, or under each name that stands there."""
    path: str
    """Of what is below."""


def reference_text() -> str:
    """Return the page of all keys as the text of its file."""
    pages = dict(sections(PlantFile))
    anchors = {section: path for path, section in reversed(pages.items())}
    parts = [_HEAD]
    for path, section in pages.items():
        parts.append(_heading(path, section, anchors))
        keys = [key for key in keys_of(section, path) if _is_own(section, key.name)]
        parts.append("\n".join([_COLUMNS, *(_row(key, anchors) for key in keys)]) + "\n")
    return "\n".join(parts)


def keys_of(section: type[Section], path: str) -> list[Key]:
    """Return the keys of the section that stands at a path such as ``kinds.KIND``."""
    return [_key(section, key_of(name), field, path) for name, field in section.model_fields.items()]


def sections(section: type[Section], path: str = "") -> Iterator[tuple[str, type[Section]]]:
    """Yield each section once, where it first stands."""
    seen: set[type[Section]] = set()

    def walk(section: type[Section], path: str) -> Iterator[tuple[str, type[Section]]]:
        seen.add(section)
        yield path, section
        for key in keys_of(section, path):
            if key.below is not None and key.below not in seen and _is_own(section, key.name):
                yield from walk(key.below, key.path)

    return walk(section, path)


def _is_own(section: type[Section], key: str) -> bool:
    """Tell whether a key is declared by the section itself, and not by the one that it adds to."""
    return all(key not in map(key_of, base.model_fields) for base in section.__bases__ if issubclass(base, Section))


def _heading(path: str, section: type[Section], anchors: Mapping[type[Section], str]) -> str:
    title = f"## {path}" if path and "." not in path else f"### {path}" if path else "## The sections"
    text = " ".join((section.__doc__ or "").split("\n\n")[0].split())
    rest = " ".join(" ".join((section.__doc__ or "").split("\n\n")[1:]).split())
    inherited = [base for base in section.__bases__ if base in anchors and base is not Section]
    more = [f"Beside these keys, all of {_link(anchors[base])}, where it differs." for base in inherited]
    return "\n".join([title, "", " ".join(part for part in (text, rest, *more) if part), ""])


def _link(path: str) -> str:
    return f"[{path}](#{path.lower().replace('.', '')})"


def _key(section: type[Section], name: str, field: FieldInfo, path: str) -> Key:
    place = unwrap(Place(field.annotation, tuple(field.metadata)))
    below, below_path = _below(place, f"{path}.{name}".lstrip("."))
    type_ = "" if below is not None else _expected(place)
    alone = [note.alone for note in _notes(field) if hasattr(note, "alone")]
    return Key(
        section=section,
        name=name,
        meaning=" ".join((field.description or (below.__doc__ if below else "") or "").split("\n\n")[0].split()),
        form="; or ".join([*alone, type_] if type_ else alone),
        default=_default(field, below),
        unit=_unit(name, field),
        example=_example(name, field),
        below=below,
        path=below_path,
    )


def _expected(place: Place) -> str:
    """Return what may stand at a place; of a mapping also what each of its names leads to."""
    if get_origin(place.type) is not dict or any(hasattr(note, "text") for note in place.notes):
        return expected(place)
    value = unwrap(Place(get_args(place.type)[1], ()))
    return f"a mapping, each name to {expected(value)}"


def _below(place: Place, path: str) -> tuple[type[Section] | None, str]:
    """Return the section that stands at a place or under the names or in the list there, and its path."""
    if isinstance(place.type, type) and issubclass(place.type, Section):
        leaf = any(hasattr(note, "text") for note in place.notes)
        return (None, "") if leaf else (place.type, path)
    if get_origin(place.type) is list:
        item = unwrap(Place(get_args(place.type)[0], ()))
        return _below(item, f"{path}[]")
    if get_origin(place.type) is dict:
        key, value = get_args(place.type)
        named = {SensorName: "SENSOR", SeverityName: "SEVERITY"}.get(key) or path.rpartition(".")[2].rstrip("s").upper()
        return _below(unwrap(Place(value, ())), f"{path}.{named}")
    return None, ""


def _notes(field: FieldInfo) -> list[Any]:
    """Return everything that a field's type says about itself and about what stands in it, the nearest first."""
    found, types = list(reversed(field.metadata)), [field.annotation]
    while types:
        type_ = types.pop()
        if get_origin(type_) is Annotated:
            type_, *notes = get_args(type_)
            found += notes
            types.append(type_)
        elif get_origin(type_) in (Union, UnionType, tuple, dict, list):
            types += get_args(type_)
    return found


def _default(field: FieldInfo, below: type[Section] | None) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if below is not None or value is None or value == "" or value in ((), {}) or isinstance(value, Section):
        return ""
    if any(isinstance(note, Duration) for note in _notes(field)):
        return f"`{_duration(value)}`"
    return f"`{_yaml('', value).partition(': ')[2]}`"


def _duration(seconds: float) -> str:
    return "never" if seconds == inf else exact_duration(seconds)


def _unit(name: str, field: FieldInfo) -> str:
    notes = _notes(field)
    for note in notes:
        if isinstance(note, Measured):
            return note.unit
    if any(isinstance(note, Duration) for note in notes):
        return "duration"
    return "bytes" if name.endswith("_bytes") else "%" if name.endswith("_pct") else ""


def _example(name: str, field: FieldInfo) -> str:
    """Return how a key may be written: as declared, or as it is where it is left out, or, of two, the other way."""
    given = field.examples or []
    if not given and not field.is_required():
        value = field.get_default(call_default_factory=True)
        if isinstance(value, Section) or value is None or value in ("", (), {}):
            return ""
        is_duration = any(isinstance(note, Duration) for note in _notes(field))
        given = [not value if isinstance(value, bool) else _duration(value) if is_duration else value]
    return f"`{_yaml(name, given[0])}`" if given else ""


def _yaml(key: str, value: Any) -> str:
    """Return a key and its value as they may be written on one line of YAML."""
    import yaml

    text: str = yaml.safe_dump(
        {key: _plain(value)}, default_flow_style=True, sort_keys=False, width=inf, allow_unicode=True
    )
    return text.strip()[1:-1]


def _plain(value: Any) -> Any:
    """Return a value with nothing in it but what YAML has."""
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return str(value) if isinstance(value, Path | str) else value


def _row(key: Key, anchors: Mapping[type[Section], str]) -> str:
    type_ = key.form
    if key.below is not None:
        type_ = "; or ".join(part for part in (key.form, f"keys of {_link(anchors[key.below])}") if part)
    cells = (f"`{key.name}`", key.meaning, type_, key.default, key.unit, key.example)
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(reference_text(), encoding="utf-8")
