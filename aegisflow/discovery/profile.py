"""What the values of a sensor are like: how often they come, in which range, of which kind and unit."""

import re
from collections import Counter
from collections.abc import Collection
from math import isfinite
from statistics import median
from typing import Any

from aegisflow.bus.sources.formats import is_hex, is_number
from aegisflow.config.units import MAX_LETTERS, known_unit, misspelt
from aegisflow.discovery import Found
from aegisflow.domain.equipment import SensorKind
from aegisflow.offline.recordings.kinds import kind_of
from aegisflow.offline.recordings.missing import find_markers
from aegisflow.offline.recordings.survey import ColumnSurvey

__all__ = ["DeviceProfile", "SensorProfile", "number_in", "unit_of"]

_MAX_KEPT = 5_000
"""Values of one sensor that are looked at; a later one tells little that these do not."""
_MAX_WORDS = 6
_FEW = 20
"""Values below which nothing is said of how they come."""
_SELDOM = 0.5
"""A sensor in a smaller share of its device's messages sends only what has changed."""
_GROWING = re.compile(r"(?:^|_)(?:total|energy|count|counter|pulses|hours|kwh|wh|runtime|cycles)(?:_|$)")
_IN_TEXT = re.compile(
    r"((?>[-+]?(?:\d{1,3}(?:\.\d{3})+,\d+|\d+,\d+|\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?))"
    r" ?([^\W\d_]{1,6}(?:[/²³][^\W_]{0,4})?|[°%µ].{0,4})?"
)
"""A number as people write it, and a unit behind it."""
_NUMBERED = re.compile(r"-\d+$")
"""End of a name that another one has already."""
_EITHER_COMMA = re.compile(r"[-+]?[1-9]\d{0,2},\d{3}")
"""12,345 may be twelve and a bit, or twelve thousand."""
_PARAMETERS = frozenset(
    {"rated", "nominal", "setpoint", "setpt", "sp", "limit", "max", "min", "threshold", "config", "soll", "sollwert"}
    | {"target", "desired", "firmware", "fw", "version", "serial", "baud", "address", "interval", "timeout"}
)
"""Words in names of what is set, and not measured."""
_ON = frozenset(
    {"on", "true", "open", "running", "run", "active", "yes", "online", "alarm", "1"}
    | {"ein", "an", "ja", "auf", "offen", "aktiv", "läuft", "wahr", "marche", "oui", "ouvert", "encendido", "si", "sí"}
)
_OFF = frozenset(
    {"off", "false", "closed", "stopped", "stop", "idle", "no", "offline", "ok", "0"}
    | {"aus", "nein", "zu", "geschlossen", "inaktiv", "steht", "falsch", "arrêt", "non", "fermé", "apagado"}
)

_LONG_END = 6
"""Letters from which on a word tells at the end of another one what is measured."""
_SUFFIXES = {
    "c": "°C", "degc": "°C", "celsius": "°C", "f": "°F", "degf": "°F", "bar": "bar", "mbar": "mbar", "psi": "PSI",
    "kpa": "kPa", "hpa": "hPa", "mpa": "MPa", "pa": "Pa", "mm_s": "mm/s", "mms": "mm/s", "kw": "kW", "w": "W", "v": "V",
    "kv": "kV", "mv": "mV", "a": "A", "ma": "mA", "hz": "Hz", "rpm": "rpm", "pct": "%", "percent": "%", "kwh": "kWh",
    "wh": "Wh", "l_min": "l/min", "lpm": "l/min", "m3_h": "m³/h", "kg": "kg", "kg_h": "kg/h", "nm": "Nm", "ppm": "ppm",
    "lux": "lx", "db": "dB", "um": "µm", "mm": "mm", "ms": "ms", "rh": "%RH",
}  # fmt: skip
"""Ends of names that say a unit."""
_WORDS = {
    "temperature": "°C", "temp": "°C", "temperatur": "°C", "humidity": "%RH", "feuchte": "%RH", "voltage": "V",
    "spannung": "V", "current": "A", "strom": "A", "power": "W", "leistung": "W", "energy": "kWh", "frequency": "Hz",
    "freq": "Hz", "speed": "rpm", "drehzahl": "rpm", "vibration": "mm/s", "battery": "%", "co2": "ppm",
    "illuminance": "lx", "usage": "%", "factor": "1", "period": "1", "count": "1", "state": "1", "status": "1",
}  # fmt: skip
"""Words in names that let a unit be guessed."""


def unit_of(name: str, said: str, low: float, high: float) -> tuple[str, bool]:
    """Return the unit of a sensor, and whether it is only guessed.

    Args:
        name: of the sensor, in lower case with underlines.
        said: what the message or the preset says; empty for nothing.
        low: the lowest value.
        high: the highest value.
    """
    if said:
        meant = misspelt(said)
        return (meant[0] if meant else said), False
    words = _NUMBERED.sub("", name).split("_")
    for length in (2, 1):
        # A letter alone is a name of its own: v is no volt.
        if (len(words) > length or len(name) > 1) and (unit := _SUFFIXES.get("_".join(words[-length:]))):
            return unit, False
    if {"pressure", "druck"} & set(words) and 800 <= low <= high <= 1_100:
        return "hPa", True
    known = (unit for word in reversed(words) if (unit := _WORDS.get(word) or _by_end(word)))
    return next(known, "1"), True


def _by_end(word: str) -> str:
    """Return the unit of a compound such as oeltemperatur; empty for none."""
    return next((unit for end, unit in _WORDS.items() if len(end) >= _LONG_END and word.endswith(end)), "")


def _is_finite(number: float | str) -> bool:
    """Return whether a number, or the text of one, is neither infinite nor beyond every float, as 400 digits are."""
    try:
        return isfinite(float(number))
    except OverflowError:
        return False


def number_in(text: str) -> tuple[str, str] | None:
    """Return the number that a text is, with a point, and the unit behind it; None for any other text."""
    if is_hex(text):
        return str(int(text, 16)), ""
    match = _IN_TEXT.fullmatch(text)
    if match is None:
        return None
    number, unit = match.groups()
    if "," in number:
        number = number.replace(".", "").replace(",", ".")
    return (number, known_unit(unit or "")) if is_number(number) and _is_finite(number) else None


class SensorProfile:
    """One sensor of a device, as its messages show it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.count = 0
        self.paths: Counter[str] = Counter()
        self.units: Counter[str] = Counter()
        self.truths = self.in_text = self.with_comma = 0
        """Values that were true or false, numbers that came as text, and those of them with a decimal comma."""
        self.decimal_commas = 0
        """Those of them whose comma cannot stand between thousands."""
        self.words: Counter[str] = Counter()
        self.has_changed = False
        self._first: object = None
        self._numbers: list[str] = []

    def add(self, found: Found) -> None:
        """Take in one value; null is none."""
        said = found.said
        if said is None or isinstance(said, dict | list):
            return
        self.count += 1
        self.paths[found.path] += 1
        if self._first is None:
            self._first = said
        elif said != self._first:
            self.has_changed = True
        unit = found.unit
        if isinstance(said, bool):
            self.truths += 1
            self._keep("1" if said else "0")
        elif isinstance(said, int | float):
            if _is_finite(said):
                self._keep(f"{said:.15g}")
        elif isinstance(said, str) and (number := self._in_text(said.strip())) is not None:
            self.in_text += 1
            self._keep(number[0])
            unit = unit or number[1]
        elif len(self.words) <= _MAX_WORDS:
            self.words[str(said)[:60]] += 1
        if unit and len(unit) <= MAX_LETTERS and unit.isprintable() and unit == unit.strip():
            self.units[unit] += 1

    def _in_text(self, text: str) -> tuple[str, str] | None:
        found = number_in(text)
        if found is not None and "," in text:
            self.with_comma += 1
            self.decimal_commas += _EITHER_COMMA.fullmatch(text) is None
        return found

    def _keep(self, text: str) -> None:
        if len(self._numbers) < _MAX_KEPT:
            self._numbers.append(text)

    @property
    def is_watched(self) -> bool:
        """Whether it is a sensor at all: numbers, truth values, or a few words that come again."""
        return bool(self._numbers) or self.is_of_words

    @property
    def gaps(self) -> list[str]:
        """Words that come instead of a number now and then."""
        few = 0 < len(self.words) <= _MAX_WORDS and 2 * sum(self.words.values()) < self.count
        return sorted(self.words) if few and self._numbers else []

    @property
    def is_comma_guessed(self) -> bool:
        """Whether each of its commas may as well stand between thousands."""
        return self.with_comma > 0 and not self.decimal_commas

    @property
    def is_text(self) -> bool:
        """Whether it only says text that is no number and no word that comes again."""
        return bool(self.words) and not self._numbers and not self.is_of_words

    @property
    def is_set(self) -> bool:
        """Whether its name is that of what is set, and not measured."""
        return bool(set(self.name.split("_")) & _PARAMETERS)

    @property
    def is_switch(self) -> bool:
        """Whether all its words say that something is on or off."""
        return set(map(str.lower, self.words)) <= _ON | _OFF

    @property
    def is_of_words(self) -> bool:
        """Whether it says in words which state something is in."""
        words = self.words
        again = sum(words.values()) > len(words) or self.is_switch
        return bool(words) and not self._numbers and len(words) <= _MAX_WORDS and again

    @property
    def map(self) -> dict[str, float]:
        """Words to the numbers that stand for them."""
        lower = {word: word.lower() for word in sorted(self.words)}
        if set(lower.values()) <= _ON | _OFF:
            return {word: float(said in _ON) for word, said in lower.items()}
        return {word: float(number) for number, word in enumerate(sorted(self.words))}

    def survey(self) -> ColumnSurvey:
        """Return what its numbers look like."""
        column = ColumnSurvey()
        if self._numbers:
            column.take(self._numbers)
        return column

    def kind(self, column: ColumnSurvey) -> tuple[SensorKind, bool]:
        """Return its kind, and whether that is only guessed from few values."""
        if self.truths or self.is_of_words:
            return SensorKind.STATE, False
        found = kind_of(column)
        if found is not SensorKind.MEASUREMENT:
            return found, False
        grows = column.rises > 2 and not column.falls and _GROWING.search(self.name)
        return (SensorKind.COUNTER, True) if grows else (found, False)

    def missing(self, column: ColumnSurvey) -> list[float]:
        """Return numbers that seem to stand for no value."""
        return list(find_markers({0: column}).values())


class DeviceProfile:
    """One device, as its messages show it."""

    def __init__(self) -> None:
        self.messages = 0
        self.sensors: dict[str, SensorProfile] = {}
        self.senders: dict[str, str] = {}
        """Source to the sender's name of the device."""
        self._counts: dict[str, Counter[str]] = {}
        """Source to how often it said something of each sensor."""
        self.left_out: set[str] = set()
        """Sensors that are not worth to be watched."""
        self._last: float | None = None
        self._gaps: list[float] = []

    def add(self, source: str, at: float, found: tuple[Found, ...]) -> None:
        """Take in what one message says of it."""
        self.messages += 1
        self.senders.setdefault(source, found[0].device)
        if self._last is not None and at > self._last and len(self._gaps) < _MAX_KEPT:
            self._gaps.append(at - self._last)
        self._last = at
        self._counts.setdefault(source, Counter()).update({one.sensor for one in found if one.said is not None})
        for one in found:
            self.sensors.setdefault(one.sensor, SensorProfile(one.sensor)).add(one)

    @property
    def interval_s(self) -> float | None:
        """Usual time between two of its messages, in seconds; None where there were too few."""
        return median(self._gaps) if self._gaps else None

    def by_exception(self, sensor: SensorProfile) -> bool:
        """Return whether a sensor seems to be sent only when it has changed."""
        usual = max(max(counts.values()) for counts in self._counts.values() if sensor.name in counts)
        own = max(counts[sensor.name] for counts in self._counts.values())
        return usual >= _FEW and own < _SELDOM * usual

    def leave_out(self, names: Collection[str]) -> None:
        """Watch some sensors no longer."""
        self.left_out |= set(names)

    def said_by(self, source: str) -> dict[str, SensorProfile]:
        """Return the sensors that come by one source, by name."""
        counts = self._counts.get(source, Counter[str]())
        return {name: one for name, one in self.watched().items() if name in counts}

    def watched(self) -> dict[str, SensorProfile]:
        """Return its sensors, by name."""
        return {name: one for name, one in self.sensors.items() if name not in self.left_out and one.is_watched}


def described(column: ColumnSurvey) -> tuple[Any, Any]:
    """Return the lowest and the highest number; a column without any has none of them."""
    return (column.low.value, -column.high.value) if column.numbers else (None, None)
