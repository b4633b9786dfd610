"""What senders write beside their values, and which of it means that a value is good."""

from collections.abc import Mapping
from typing import Any

from aegisflow.config.sources import SourceQuality

__all__ = ["quality_settings"]

_MOST = 10
"""Different qualities beyond which it is none, but something that is measured."""
_GOOD_DA = 3
"""The two highest bits of a good quality byte of OPC DA."""
_OPC_UA = 1 << 30
_GOOD = frozenset(str(word).casefold() for word in SourceQuality().good)
_KNOWN_BAD = frozenset({"bad", "false", "error", "fault", "invalid", "uncertain", "stale", "offline", "nok", "not ok"})


def quality_settings(said: Mapping[Any, int], key: str) -> dict[str, Any] | None:
    """Return the keys ``grades`` and ``good`` of a source; None for what is no quality.

    Args:
        said: what stood beside values, to how often.
        key: at which it stood; a status may as well be that of the machine.
    """
    told = {one: count for one, count in said.items() if one is not None and not isinstance(one, float)}
    if not told or len(told) > _MOST:
        return None
    if all(isinstance(one, int) and not isinstance(one, bool) for one in told):
        if all(0 <= one <= 255 for one in told) and any(one >> 6 == _GOOD_DA for one in told):
            return {"grades": "opcda"}
        if any(one >= _OPC_UA for one in told):
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
