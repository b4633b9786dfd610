"""Every error that AegisFlow raises on purpose.

::

    AegisFlowError
    ├── ConfigError            plant.yaml has mistakes; carries all of them
    ├── RecordingError         a recorded file cannot be used
    ├── PayloadError           a message from the wire is refused; carries a reason code
    ├── BusError               the broker cannot be used as asked
    │   └── NotConnectedError  nothing may be published now
    ├── StoreError             the store cannot be used
    │   ├── StoreHeldError     another process writes to it
    │   └── StoreNewerError    it was written by a later version
    ├── TracingError           traces cannot be sent as asked
    ├── AddressUnknownError    nobody can say where the plant of a file runs
    ├── ListenError            the HTTP server may not, or cannot, listen where it should
    └── RequestError           what a person or an agent asked for cannot be answered as asked
        ├── UnknownNameError   no such device, sensor, alarm, ...; carries the valid choices
        ├── BadValueError      an argument outside of what is possible
        ├── NotAllowedError    this caller may not do it
        ├── ConflictError      it is no longer what the caller believes it is
        └── UnavailableError   who should answer did not, in time
            └── RefusedError   a plant that was asked over HTTP has answered, and says no

An error builds its text from its data and keeps the data.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath


def printable(text: str, most: int) -> str:
    """Return at most so many characters of a text, each of them one that every log, store and terminal can take."""
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in text[:most])


class AegisFlowError(Exception):
    """Base of every error raised on purpose."""


@dataclass(frozen=True, slots=True)
class Mistake:
    """One mistake in a file that a person wrote."""

    file: str
    path: str
    """Key path, dots between keys: ``kinds.pump.sensors.pressure.alarm.low``."""
    value: str
    """The offending value as text, shortened."""
    expected: str
    line: int | None = None
    """Line in the file, counted from 1, where it is known."""

    def __str__(self) -> str:
        where = self.file if self.line is None else f"{self.file}:{self.line}"
        at = self.path or "(whole file)"
        return f"{where}: {at}: found {self.value}, expected {self.expected}"


class ConfigError(AegisFlowError):
    """A configuration file cannot be used; all its mistakes at once."""

    def __init__(self, mistakes: Sequence[Mistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("\n".join(str(mistake) for mistake in self.mistakes))


class RecordingError(AegisFlowError):
    """A recorded file of readings cannot be used."""

    def __init__(self, file: PurePath, line: int | None, found: str, expected: str) -> None:
        self.file = file
        self.line = line
        self.found = found[:200]
        self.expected = expected
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: found {self.found}, expected {expected}")


class PayloadError(AegisFlowError):
    """A message from the wire is refused.

    ``reason`` is one of the fixed codes of ``aegisflow.bus.codec`` and safe as a metric label;
    ``detail`` is for people, bounded in length, and of characters that every log and store can take.
    """

    def __init__(self, reason: str, detail: str) -> None:
        self.reason = reason
        self.detail = printable(detail, 200)
        super().__init__(f"{reason}: {self.detail}")


class BusError(AegisFlowError):
    """The broker cannot be used as asked."""


class NotConnectedError(BusError):
    """There is no connection to the broker, so nothing may be published."""

    def __init__(self, broker: str) -> None:
        self.broker = broker
        super().__init__(f"not connected to {broker}; nothing was published")


class TracingError(AegisFlowError):
    """Traces cannot be sent as ``plant.yaml`` asks."""


class StoreError(AegisFlowError):
    """The store cannot be used."""


class StoreHeldError(StoreError):
    """Another process writes to this store."""

    def __init__(self, store: str, holder: str) -> None:
        self.store = store
        self.holder = holder
        super().__init__(f"the store {store} is in use by {holder}; only one process may write to it")


class StoreLostError(StoreError):
    """Another process has taken the store over; whoever finds that out must not write to it any more."""

    def __init__(self, store: str, why: str) -> None:
        self.store = store
        self.why = why
        super().__init__(f"the store {store} is no longer ours: {why}; nothing more is written from here")


class StoreNewerError(StoreError):
    """The store was written by a later version of AegisFlow."""

    def __init__(self, store: str, found: int, known: int) -> None:
        self.store = store
        self.found = found
        self.known = known
        super().__init__(
            f"the store {store} has schema version {found}, this AegisFlow knows up to {known}; "
            "start the newer version or use another store"
        )


class AddressUnknownError(AegisFlowError):
    """Nobody can say where the plant of a file runs, or whether it does; somebody must name its URL."""

    def __init__(self, plant_file: PurePath, why: str) -> None:
        self.plant_file = plant_file
        self.why = why
        super().__init__(f"where the plant of {plant_file} runs cannot be known: {why}; --url names it")


class ListenError(AegisFlowError):
    """The HTTP server may not, or cannot, listen where it should."""

    def __init__(self, where: str, why: str) -> None:
        self.where = where
        self.why = why
        super().__init__(f"cannot listen on {where}: {why}")


class RequestError(AegisFlowError):
    """What was asked for cannot be answered as asked."""


class UnknownNameError(RequestError):
    """A name that the plant does not have.

    ``kind`` is the sort of name ("device", "sensor", "alarm"), ``choices`` are names that would work.
    """

    def __init__(self, kind: str, name: str, choices: Sequence[str]) -> None:
        self.kind = kind
        self.name = name
        self.choices = tuple(choices)
        shown = ", ".join(self.choices[:20]) + (", …" if len(self.choices) > 20 else "")
        super().__init__(f"unknown {kind} {name[:100]!r}; choose one of: {shown or '(none)'}")


class BadValueError(RequestError):
    """An argument outside of what is possible."""

    def __init__(self, argument: str, value: object, expected: str) -> None:
        self.argument = argument
        self.value = value
        self.expected = expected
        super().__init__(f"{argument}={str(value)[:100]!r} cannot be used; expected {expected}")


class UnavailableError(RequestError):
    """Who should answer did not, in time."""

    def __init__(self, who: str, why: str) -> None:
        self.who = who
        self.why = why
        super().__init__(f"{who} did not answer: {why}")


class RefusedError(UnavailableError):
    """A plant that was asked over HTTP has answered, and says no."""

    def __init__(self, who: str, why: str) -> None:
        super().__init__(who, why)
        self.args = (f"{why} (says {who})",)


class NotAllowedError(RequestError):
    """This caller may not do what it asked for."""

    def __init__(self, what: str, who: str, why: str) -> None:
        self.what = what
        self.who = who
        self.why = why
        super().__init__(f"{who[:80]} may not {what}: {why}")


class ConflictError(RequestError):
    """What was asked for rests on a state that is no longer true."""
