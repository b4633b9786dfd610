"""The units that AegisFlow knows, and what people write for them: a slip of the pen is found before the night shift.

Any text may be a unit, for plants measure more than any list holds. But a known unit in another
spelling is a mistake, since readings and limits would else be compared under two names.
"""

import re
from difflib import get_close_matches

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
    "kWh": ("kilowatthour", "kw h"),
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
    # sound, time, chemistry
    "dB": ("decibel", "db(a)", "dba"),
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
