"""What the name of a column says about what stands in it."""

import re
from functools import lru_cache

TIME = (
    "timestamp", "datetime", "date_time", "time_stamp", "time", "date", "ts", "t", "zeitstempel", "datum_zeit", "zeit",
    "datum", "fecha_hora", "fecha", "horodatage", "local_time", "time_local", "utc", "time_utc", "utc_time",
    "timestamp_utc", "recorded_at", "measured_at", "created_at", "event_time", "sample_time",
)  # fmt: skip
"""Names of columns with timestamps, the most telling first."""
DATE = ("date", "datum", "fecha", "data", "day")
HOUR = ("hour", "hr", "hh", "stunde", "std", "heure", "hora", "ora")
TIME_OF_DAY = ("time", "zeit", "uhrzeit", "hora", "heure", "ora", "time_of_day", "hour", "hr", "hh", "stunde", "hhmm")
CALENDAR = (
    ("year", "yr", "yyyy", "jahr", "annee", "année", "ano", "año", "anno"),
    ("month", "mon", "mm", "monat", "mois", "mes", "mese"),
    ("day", "dd", "tag", "jour", "dia", "día", "giorno", "day_of_month"),
    HOUR,
    ("minute", "min", "minuto"),
    ("second", "sec", "sekunde", "seconde", "segundo", "secondo"),
)
"""Names of columns that hold a part of a time each, from the year to the second."""
DEVICE = (
    "device_id", "device", "deviceid", "asset_id", "asset", "assetid", "machine_id", "machine", "machineid",
    "equipment_id", "equipment", "unit_id", "unit_number", "turbine_id", "turbine", "station_id", "station",
)  # fmt: skip
"""Names of columns that say whose row it is."""
COUNT_UNITS = {
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "sek": "s", "sekunden": "s",
    "ms": "ms", "msec": "ms", "millis": "ms", "milliseconds": "ms", "us": "us", "µs": "us", "microseconds": "us",
    "min": "min", "mins": "min", "minute": "min", "minutes": "min", "minuten": "min",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "stunden": "h", "d": "d", "day": "d", "days": "d",
}  # fmt: skip
"""What a column of time counts, as its name has it, to the unit."""
_COUNTED = frozenset(
    {
        "time",
        "times",
        "timestamp",
        "t",
        "ts",
        "zeit",
        "elapsed",
        "relative",
        "rel",
        "since",
        "start",
        "test",
        "laufzeit",
    }
    | {"runtime", "stamp", "offset", "duration", "dauer", "temps", "tiempo", "tempo", "total", "from", "begin"}
)
"""Words beside the unit in the name of a column that counts time from the start."""
TAG = (
    "tag", "tag_name", "tagname", "tag_id", "point", "point_id", "signal", "signal_name", "sensor_id", "variable",
    "sensor", "sensor_name", "channel", "channel_name", "parameter", "metric", "metric_name", "series", "messstelle",
)  # fmt: skip
"""Names of columns that say which sensor a row with a single value is of."""
VALUE = ("value", "val", "wert", "reading", "measurement", "valor", "valeur")
LABEL = (
    "fault_type", "anomaly_type", "failure_type", "anomaly", "fault", "label", "labels", "class", "target", "status",
    "is_anomaly", "is_fault", "attack", "att_flag", "outlier", "is_outlier", "anomalies", "failure", "machine_failure",
    "normal_attack", "machine_status", "ground_truth",
)  # fmt: skip
"""Names of columns that say what was really wrong, those that name it first."""
HEALTHY = frozenset({"", "0", "false", "no", "none", "normal", "nan", "healthy", "ok", "good", "benign"})
"""Labels, as ``plain_label`` gives them, that say that nothing is wrong."""
NOTES = ("severity", "changepoint", "change_point", "comment", "comments", "remark", "note", "notes")
"""Names of columns that speak about rows, but do not say from when to when something was wrong."""
INDEX = (
    "index",
    "id",
    "row",
    "row_id",
    "row_number",
    "no",
    "nr",
    "number",
    "record",
    "record_id",
    "udi",
    "#",
    "sample",
)
_TELLING = frozenset(
    {"anomaly", "anomalies", "anomalous", "outlier", "outliers", "attack", "attacks", "att", "fault", "faults"}
    | {"faulty", "failure", "failures", "label", "labels", "lable", "changepoint"}
)
"""Words that make a column a label where it holds no more than a few different values."""
_NUMBERING = frozenset(
    {"id", "idx", "index", "row", "no", "nr", "num", "number", "record", "seq", "sequence", "sample"}
)
"""Words that make a column one of row numbers where it counts up row by row."""
_UNIT = re.compile(r"^(?P<name>.*\S)\s*(?:\((?P<round>[^()]*)\)|\[(?P<square>[^\[\]]*)\]|\{(?P<curly>[^{}]*)\})$")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")


def plain(name: str) -> str:
    """Return a name in lower case with underlines between its words: ``Wind Speed`` is ``wind_speed``."""
    words = re.findall(r"[^\W_]+", name.lower())
    return "_".join(words) if words else name.strip()


def name_and_unit(name: str) -> tuple[str, str]:
    """Return a name without the unit in brackets behind it, and that unit, empty for none."""
    match = _UNIT.match(name)
    if match is None:
        return name, ""
    unit = match["round"] or match["square"] or match["curly"] or ""
    return match["name"], unit.strip()


def count_unit(name: str) -> str | None:
    """Return what a column counts whose name says time and a unit, as ``time_s`` and ``Elapsed [min]`` do."""
    words = plain(name).replace("µs", "us").split("_")
    units = [word for word in words if word in COUNT_UNITS]
    others = [word for word in words if word not in COUNT_UNITS]
    long_enough = others or (len(words) == 1 and len(words[0]) > len("hours"))
    return COUNT_UNITS[units[0]] if len(units) == 1 and long_enough and set(others) <= _COUNTED else None


def is_label(name: str, few_values: bool) -> bool:
    """Return whether a column is a label by its name, or by a word in it where its values are few."""
    if plain(name) in LABEL or plain(name) in NOTES:
        return True
    return few_values and bool(_words(name) & _TELLING)


def is_index(name: str) -> bool:
    """Return whether a column numbers rows by its name, or has none."""
    return not name or name.lower().startswith("unnamed") or plain(name) in INDEX


def may_be_index(name: str) -> bool:
    """Return whether a column that counts up row by row does no more than that."""
    return bool(_words(name) & _NUMBERING)


def rank(name: str) -> int:
    """Return how telling a label column is; smaller is more."""
    where = plain(name)
    return LABEL.index(where) if where in LABEL else len(LABEL)


def _words(name: str) -> set[str]:
    return set(plain(name).split("_")) | set(plain(_CAMEL.sub(" ", name)).split("_"))


@lru_cache(maxsize=1_000)  # labels are few, and rows are many
def plain_label(cell: str) -> str:
    """Return a label in lower case, and a whole number without decimals."""
    text = cell.strip().lower()
    try:
        number = float(text)
    except ValueError:
        return text
    return f"{number:.0f}" if number.is_integer() else text
