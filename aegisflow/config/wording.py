"""What the form of the file complains about, in the words of a plant engineer."""

from collections.abc import Callable
from types import NoneType, UnionType
from typing import Annotated, Any, NamedTuple, Union, get_args, get_origin

from annotated_types import Ge, Gt, Le
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from aegisflow.config.fields import Duration, Wording, key_of
from aegisflow.config.file import PlantFile
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown, closest, one_of, show


class Place(NamedTuple):
    """What may stand at a key path: its type and what is said about it."""

    type: Any
    notes: tuple[Any, ...]


def parse(data: dict[str, Any], mistakes: Mistakes) -> PlantFile:
    """Return the file as far as its form is right; what is not is added to ``mistakes`` and left out.

    ``data`` loses what is wrong.
    """
    while True:
        try:
            return PlantFile.model_validate(data, by_alias=True, by_name=False)
        except ValidationError as error:
            places = [_complain(item, mistakes) for item in error.errors(include_url=False)]
            if not sum(_remove(data, at) for at in places):
                mistakes.stop()


def _complain(item: ErrorDetails, mistakes: Mistakes) -> KeyPath:
    """Add one complaint to ``mistakes``; return the key path of what is wrong."""
    at: KeyPath = item["loc"]
    if at[-1:] == ("[key]",) and get_origin(_place(at[:-2]).type) is dict:
        keys = unwrap(Place(get_args(_place(at[:-2]).type)[0], ()))
        at = at[:-1]
        mistakes.add(at, str(at[-1]), expected(keys))
    elif item["type"] == "extra_forbidden":
        names = _keys(_place(at[:-1]).type)
        name = str(at[-1])
        mistakes.add(at, Shown(f"the unknown key {show(name)}"), one_of(names) + closest(name, names))
    elif item["type"] == "worded":
        mistakes.add(at, item["input"], item["ctx"]["expected"])
    else:
        mistakes.add(at, item["input"], expected(_place(at)))
    return at


def _remove(data: Any, at: KeyPath) -> bool:
    """Take out what stands at a key path, or the short form that stands above it; tell whether it was there."""
    for key in at[:-1]:
        if not isinstance(data.get(key), dict):
            return data.pop(key, data) is not data
        data = data[key]
    return data.pop(at[-1], data) is not data


def _place(loc: KeyPath) -> Place:
    place = unwrap(Place(PlantFile, ()))
    for key in loc:
        if isinstance(place.type, type) and issubclass(place.type, BaseModel):
            field = _fields(place.type)[str(key)]
            place = unwrap(Place(field.annotation, tuple(field.metadata)))
        else:
            place = unwrap(Place(get_args(place.type)[0 if isinstance(key, int) else 1], ()))
    return place


def unwrap(place: Place) -> Place:
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
            return Place(type_, tuple(note for group in flat for note in group))


def _fields(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a section by their keys in the file."""
    return {key_of(name): field for name, field in section.model_fields.items()}


def _keys(type_: Any) -> list[str]:
    return list(_fields(type_))


def expected(place: Place) -> str:
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
    if place.type is bool:
        return "true or false"
    if isinstance(place.type, type) and issubclass(place.type, BaseModel):
        return f"a mapping with keys out of {', '.join(_keys(place.type))}"
    return "a mapping (one name per line, each followed by a colon)"


def _bounds(notes: tuple[Any, ...], say: Callable[[Any], str]) -> str:
    low = high = ""
    for note in notes:
        if isinstance(note, Gt):
            low = f"above {say(note.gt)}"
        elif isinstance(note, Ge):
            low = f"from {say(note.ge)}"
        elif isinstance(note, Le):
            high = f"up to {say(note.le)}"
    return " ".join(part for part in (low, high) if part)


def _duration(seconds: float) -> str:
    for unit, size in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:.10g} s"
