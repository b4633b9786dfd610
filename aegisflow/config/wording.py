"""What the form of the file complains about, in the words of a plant engineer."""

from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from aegisflow.config.fields import Duration, Wording
from aegisflow.config.file import PlantFile
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of, show


class _Place(NamedTuple):
    """What may stand at a key path: its type and what is said about it."""

    type: Any
    notes: tuple[Any, ...]


def parse(data: dict[str, Any], mistakes: Mistakes) -> PlantFile:
    """Return the file as far as its form is right; what is not is added to ``mistakes`` and left out.

    ``data`` loses what is wrong.
    """
    while True:
        try:
            return PlantFile.model_validate(data)
        except ValidationError as error:
            for item in error.errors(include_url=False):
                _complain(item["loc"], item, mistakes)
            for item in error.errors(include_url=False, include_context=False, include_input=False):
                _remove(data, item["loc"])


def _complain(loc: KeyPath, item: Any, mistakes: Mistakes) -> None:
    if item["type"] == "extra_forbidden":
        keys = _keys(_place(loc[:-1]).type)
        name = str(loc[-1])
        mistakes.add(loc, Shown(f"the unknown key {show(name)}"), one_of(keys) + closest(name, keys))
    elif item["type"] == "worded":
        mistakes.add(loc, item["input"], item["ctx"]["expected"])
    elif loc[-1:] == ("[key]",):
        place = _place(loc[:-2])
        mistakes.add(loc[:-1], str(loc[-2]), _expected(_unwrap(_Place(get_args(place.type)[0], ()))))
    else:
        mistakes.add(loc, item["input"], _expected(_place(loc)))


def _remove(data: Any, loc: KeyPath) -> None:
    """Take out what stands at a key path, or the nearest thing above it."""
    keys = loc[:-1] if loc[-1:] == ("[key]",) else loc
    for key in keys[:-1]:
        below = data.get(key)
        if not isinstance(below, dict) or ((key, keys[-1]) == keys[-2:] and keys[-1] not in below):
            data.pop(key, None)
            return
        data = below
    data.pop(keys[-1], None)


def _place(loc: KeyPath) -> _Place:
    place = _unwrap(_Place(PlantFile, ()))
    for key in loc:
        if isinstance(place.type, type) and issubclass(place.type, BaseModel):
            field = place.type.model_fields[str(key)]
            place = _unwrap(_Place(field.annotation, tuple(field.metadata)))
        else:
            place = _unwrap(_Place(get_args(place.type)[1], ()))
    return place


def _unwrap(place: _Place) -> _Place:
    """Peel ``Annotated`` and ``| None`` off a type and keep what they say."""
    type_, notes = place
    while True:
        if get_origin(type_) is Annotated:
            type_, *more = get_args(type_)
            notes += tuple(more)
        elif get_origin(type_) in (Union, UnionType):
            (type_,) = (choice for choice in get_args(type_) if choice is not NoneType)
        else:
            flat = (note.metadata if isinstance(note, FieldInfo) else [note] for note in notes)
            return _Place(type_, tuple(note for group in flat for note in group))


def _keys(type_: Any) -> list[str]:
    return list(type_.model_fields)


def _expected(place: _Place) -> str:
    """Return what may stand at a place."""
    for note in place.notes:
        if isinstance(note, Wording):
            return note.text
    if any(isinstance(note, Duration) for note in place.notes):
        return f"a duration {_bounds(place.notes, _duration)}, such as 30s, 5min or 7d"
    if place.type is int:
        return f"a whole number {_bounds(place.notes, str)}".rstrip()
    if place.type is float:
        return f"a finite number {_bounds(place.notes, str)}".rstrip()
    if place.type is str:
        return "a text"
    if isinstance(place.type, type) and issubclass(place.type, BaseModel):
        return f"a mapping with keys out of {', '.join(_keys(place.type))}"
    return "a mapping (one name per line, each followed by a colon)"


def _bounds(notes: tuple[Any, ...], show_bound: Any) -> str:
    words = []
    for note in notes:
        if isinstance(note, Gt):
            words.append(f"above {show_bound(note.gt)}")
        elif isinstance(note, Ge):
            words.append(f"from {show_bound(note.ge)}")
        elif isinstance(note, Lt):
            words.append(f"below {show_bound(note.lt)}")
        elif isinstance(note, Le):
            words.append(f"up to {show_bound(note.le)}")
    return " ".join(words)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:.10g} s"
