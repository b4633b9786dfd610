"""The units that AegisFlow knows, and what people write for them: a slip of the pen is found before the night shift.

Any text may be a unit, for plants measure more than any list holds. But a known unit in another
spelling is a mistake, since readings and limits would else be compared under two names.
"""

import re
from difflib import get_close_matches
from fractions import Fraction
from typing import NamedTuple

UNITS: dict[str, tuple[str, ...]] = {
    # temperature
    "°C": ("c", "degc", "deg c", "celsius", "ºc", "℃"),
    "°F": ("f", "degf", "deg f", "fahrenheit", "ºf", "℉"),
    "K": ("kelvin", "°k"),
    # pressure
    "PSI": ("psig", "lbf/in2", "lb/in²"),
    "bar": ("bars", "barg"),
    "mbar": ("millibar",),
    "Pa": ("pascal",),
    "hPa": ("hectopascal",),
    "kPa": ("kilopascal",),
    "MPa": ("megapascal",),
    # vibration: velocity, acceleration, displacement
    "mm/s": ("mm/sec", "mms", "mm/s rms", "mm s-1"),
    "in/s": ("ips", "in/sec"),
    "m/s": ("m/sec",),
    "m/s²": ("m/s2", "m/s^2"),
    "g": ("gee", "g-force"),
    "µm": ("um", "μm", "micron", "micrometer", "micrometre"),
    "mm": ("millimeter", "millimetre"),
    "m": ("meter", "metre"),
    # humidity, ratios, counts
    "%RH": ("% rh", "rh", "%rh.", "% humidity"),
    "%": ("percent", "pct"),
    "ppm": ("parts per million",),
    "1": ("none", "ratio", "count", "-"),
    # power, energy, electricity
    "W": ("watt",),
    "kW": ("kilowatt", "kw/h"),
    "MW": ("megawatt",),
    "kVA": ("kilovoltampere",),
    "kvar": ("kilovar",),
    "Wh": ("watthour",),
    "kWh": ("kilowatthour", "kw h"),
    "MWh": ("megawatthour",),
    "V": ("volt",),
    "kV": ("kilovolt",),
    "mV": ("millivolt",),
    "A": ("amp", "amps", "ampere"),
    "mA": ("milliamp", "milliampere"),
    "Ω": ("ohm", "Ω"),
    "MΩ": ("megohm", "mohm"),
    "Hz": ("hertz", "1/s"),
    "kHz": ("kilohertz",),
    # rotation, force
    "rpm": ("1/min", "r/min", "min-1", "u/min"),
    "N": ("newton",),
    "kN": ("kilonewton",),
    "Nm": ("n·m", "newtonmeter"),
    # flow, volume, mass
    "l/min": ("lpm", "l/m", "liter/min"),
    "l/s": ("lps",),
    "m³/h": ("m3/h", "m^3/h", "cbm/h"),
    "gpm": ("gal/min",),
    "l": ("liter", "litre"),
    "m³": ("m3", "m^3"),
    "kg": ("kilogram",),
    "kg/h": ("kg/hr",),
    "t/h": ("tph",),
    # sound, light, time, chemistry
    "dB": ("decibel", "db(a)", "dba"),
    "lx": ("lux",),
    "ms": ("millisecond", "milliseconds"),
    "s": ("sec", "second", "seconds"),
    "min": ("minute", "minutes"),
    "h": ("hour", "hours"),
    "pH": ("ph value",),
    "µS/cm": ("us/cm", "μs/cm"),
}
"""Unit to other spellings that people write for it, in lower case."""


MAX_LETTERS = 32

_ALIASES = {spelling: unit for unit, others in UNITS.items() for spelling in others}
_ANY_CASE = {unit.casefold(): unit for unit in UNITS}
_SPELLINGS = _ANY_CASE | _ALIASES
_SI = re.compile(
    "[yzafpnuµmcdhkMGTPEZY]?(?:mol|rad|bar|cal|var|VA|Wh|Ah|Hz|Pa|Wb|lm|lx|Bq|Gy|Sv|kat|cd|eV"
    "|m|g|s|A|K|N|J|W|C|V|F|Ω|S|T|H|L|l|t|h|d|B|P|St)"
)
"""A symbol of the SI, or one used with it, with or without a prefix: mW is not MW, and S is no second."""


def misspelt(text: str) -> list[str]:
    """Return the known units that a text is only another spelling of; empty for any other text."""
    plain = " ".join(text.casefold().split())
    if text in UNITS:
        return []
    if plain in _ALIASES:
        return [_ALIASES[plain]]
    if plain in _ANY_CASE and not _SI.fullmatch(text):
        return [_ANY_CASE[plain]]
    return []


def close_units(text: str) -> list[str]:
    """Return units that were perhaps meant, the likeliest first; empty if nothing comes close."""
    plain = " ".join(text.casefold().split())
    if plain in _SPELLINGS:
        return [_SPELLINGS[plain]]
    near = get_close_matches(plain, [spelling for spelling in _SPELLINGS if len(spelling) > 1], n=5, cutoff=0.75)
    return list(dict.fromkeys(_SPELLINGS[spelling] for spelling in near))[:3]


_SIZES: dict[str, tuple[str, ...]] = {
    "K": ("K 1", "°C 1 273.15", "°F 5/9 45967/180"),
    "Pa": ("Pa 1", "hPa 100", "mbar 100", "kPa 1000", "bar 100000", "MPa 1000000", "PSI 6894.757293168361"),
    "m/s": ("m/s 1", "mm/s 0.001", "in/s 0.0254"),
    "m/s²": ("m/s² 1", "g 9.80665"),
    "m": ("m 1", "mm 0.001", "µm 0.000001"),
    "W": ("W 1", "kW 1000", "MW 1000000"),
    "V": ("V 1", "kV 1000", "mV 0.001"),
    "A": ("A 1", "mA 0.001"),
    "Ω": ("Ω 1", "MΩ 1000000"),
    "Hz": ("Hz 1", "kHz 1000", "rpm 1/60"),
    "N": ("N 1", "kN 1000"),
    "kWh": ("kWh 1", "Wh 0.001", "MWh 1000"),
    "m³/h": ("m³/h 1", "l/min 0.06", "l/s 3.6", "gpm 0.2271247070"),
    "m³": ("m³ 1", "l 0.001"),
    "kg/h": ("kg/h 1", "t/h 1000"),
    "s": ("s 1", "min 60", "h 3600", "ms 0.001"),
    "1": ("1 1", "% 0.01", "ppm 0.000001"),
}
"""Units of one quantity: how much of the first one each is, and where its zero lies (exact where the definition is)."""

_SENDERS = {"cel": "°C", "m3": "m³", "m3/h": "m³/h", "ohm": "Ω", "%rh": "%RH"}
"""Names of units that machines write and people don't (SenML, RFC 8428), in lower case."""


class Conversion(NamedTuple):
    """How a value in one unit becomes one in another: ``value × scale + offset``."""

    scale: float
    offset: float


def conversion(given: str, wanted: str) -> Conversion | None:
    """Return how values in one unit become values in another; None where they measure different things.

    Spellings that people use for a unit count as the unit; a unit that is not known converts to itself only.
    """
    given, wanted = known_unit(given), known_unit(wanted)
    if given == wanted:
        return Conversion(1.0, 0.0)
    for sizes in _SIZES.values():
        known = {unit: rest for unit, *rest in (size.split() for size in sizes)}
        if given in known and wanted in known:
            (one, zero), (other, other_zero) = (
                (Fraction(size), Fraction(rest[0]) if rest else Fraction(0))
                for size, *rest in (known[given], known[wanted])
            )
            return Conversion(float(one / other), float((zero - other_zero) / other))
    return None


def known_unit(text: str) -> str:
    """Return the unit that a text is another spelling of, or the text itself."""
    meant = [_SENDERS[text.casefold()]] if text.casefold() in _SENDERS else misspelt(text)
    return meant[0] if meant else text
