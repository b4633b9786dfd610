"""Mistakes about how far things may be moved, and what leads back; see ``mutants``."""

from tests.support.mutant import Mutant

BOUNDS = "domain/commands/bounds.py"

BOUNDS_MUTANTS = (
    Mutant("a step at the bound is one too far", BOUNDS, "step > at_once + _slack(noise, at_once)", "step >= at_once"),
    Mutant(
        "only steps upwards are bounded",
        BOUNDS,
        "step = abs(change.after - change.before)",
        "step = change.after - change.before",
    ),
    Mutant(
        "an hour counts only what is shown now",
        BOUNDS,
        "was = max((*held.get(change.what, ()), change.before)",
        "was = max((change.before,)",
    ),
    Mutant(
        "an hour counts only what was before",
        BOUNDS,
        "(*held.get(change.what, ()), change.before)",
        "held.get(change.what, ()) or (change.before,)",
    ),
    Mutant(
        "what nobody knows may be moved",
        BOUNDS,
        "    if change.before is None:\n        yield f",
        "    if change.before is None:\n        return\n        yield f",
    ),
    Mutant(
        "a stale value is a live one",
        BOUNDS,
        "if not bound.sensor or device.silent or bound.sensor in device.stale:",
        "if not bound.sensor:",
    ),
    Mutant(
        "unrest widens a bound without end", BOUNDS, "return min(noise, _SLACK * limit) + 1e-9", "return noise + 1e-9"
    ),
    Mutant("the load is not bounded", BOUNDS, "spec.load.max_change, spec.load.max_change_per_hour", "None, None"),
    Mutant(
        "a cap was what the machine draws",
        BOUNDS,
        "shown = None if bound.is_cap else _shown(bound, device)",
        "shown = _shown(bound, device)",
    ),
    Mutant(
        "the way back is not checked",
        BOUNDS,
        "WayBack(command, check_proposal(command, parameters, spec))",
        "WayBack(command, parameters)",
    ),
    Mutant(
        "a machine that stood is started on the way back",
        BOUNDS,
        "case CommandName.EMERGENCY_SHUTDOWN if running:",
        "case CommandName.EMERGENCY_SHUTDOWN:",
    ),
)

SIGNED = "bus/signed_readings.py"

SIGNED_MUTANTS = (
    Mutant("any mac signs a reading", SIGNED, "if hmac.compare_digest(made.hexdigest(), mac):", "if True:"),
    Mutant("one machine signs for another", SIGNED, 'f"{device_id}\\n".encode()', 'b"\\n"'),
    Mutant("a mac may stand anywhere", SIGNED, r"\s*\}\s*\Z", r"\s*"),
    Mutant("recorded readings are news", SIGNED, "stamp < newest - BACK_S:", "False:"),
    Mutant("a clock that was ahead shuts its device out", SIGNED, "min(stamp, received_at))", "stamp)"),
    Mutant("the newest stamp goes back", SIGNED, "max(stamp, self._newest.get(device_id, stamp))", "stamp"),
)
