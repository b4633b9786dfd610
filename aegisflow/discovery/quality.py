"""What senders write beside their values, and which of it means that a value is good."""

from collections import Counter
from collections.abc import Iterable
from typing import Any

from aegisflow.config.sources import SourceQuality

__all__ = ["quality_settings"]

_MOST = 10
"""Different qualities beyond which it is none, but something that is measured."""
_GOOD_DA = 3
"""The two highest bits of a good quality byte of OPC DA."""
_OPC_UA = 1 << 30
_TOO_LARGE = 1 << 63
_GOOD = frozenset(str(word).casefold() for word in SourceQuality().good)
_KNOWN_BAD = frozenset({"bad", "false", "error", "fault", "invalid", "uncertain", "stale", "offline", "nok", "not ok"})


def quality_settings(said: Iterable[object], key: str) -> dict[str, Any] | None:
    """Return the keys ``grades`` and ``good`` of a source; None for what is no quality.

    Args:
        said: what stood beside values, once for each; what is neither a word nor a whole number says nothing.
        key: at which it stood; a status may as well be that of the machine.
    """
    told = Counter(one for one in said if isinstance(one, str) or (isinstance(one, int) and abs(one) < _TOO_LARGE))
    if not told or len(told) > _MOST:
        return None
    numbers = [one for one in told if isinstance(one, int) and not isinstance(one, bool)]
    if len(numbers) == len(told):
        if all(0 <= one <= 255 for one in numbers) and any(one >> 6 == _GOOD_DA for one in numbers):
            return {"grades": "opcda"}
        if any(one >= _OPC_UA for one in numbers):
            return {"grades": "opcua"}
    words = {str(one).casefold() for one in told}
    if words & _GOOD:
        return {}
    usual = max(told, key=lambda one: told[one])
    if str(usual).casefold() in _KNOWN_BAD:
        return {}
    if key.lower().endswith("status") and isinstance(usual, str):
        return None
    # Siemens says 3 and Kepware true: what comes mostly is good.
    return {"good": [usual]}
