"""What a change of the policy, or of who may come in, opens: what nobody could do before, and somebody could then.

Whatever is not plainly a tightening counts as an opening, and so does a change of what this module does not know.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields

from aegisflow.domain.audit import text_digest
from aegisflow.domain.callers import CallerKind
from aegisflow.domain.commands.bounds import Bound, bounds_of
from aegisflow.domain.commands.interlocks import Recovery
from aegisflow.domain.commands.policy_spec import PolicyRule, PolicySpec, Rate, Verdict
from aegisflow.domain.credentials import AgentAccess, OperatorSpec
from aegisflow.domain.equipment import DeviceSpec, Limits
from aegisflow.domain.people import SignInSpec
from aegisflow.domain.rights import RIGHTS, Grant

__all__ = [
    "access_openings",
    "device_openings",
    "line_diff",
    "operator_openings",
    "policy_digest",
    "policy_lines",
    "policy_openings",
    "sign_in_openings",
]

_SCOPES = ("callers", "commands", "devices", "lines", "kinds", "severities")
_KINDS = frozenset(CallerKind)
_ALWAYS_CLOSED = ("approve_within_s", "send_within_s", "answer_within_s")
"""How long something waits opens nothing: what is approved late is judged anew on the plant as it is then."""


def policy_lines(policy: PolicySpec) -> tuple[str, ...]:
    """Return a policy as lines, one for each rule and each limit, in a form that two equal policies share."""
    lines = [_rule_line(rule) for rule in policy.rules]
    names = [field.name for field in fields(policy) if field.name != "rules"]
    return (*lines, *(f"{name}: {_text(getattr(policy, name))}" for name in names))


def _rule_line(rule: PolicyRule) -> str:
    scope = [f"{name}={_text(list(getattr(rule, name)))}" for name in _SCOPES if getattr(rule, name)]
    scope += [
        f"{name}={getattr(rule, name):g}" for name in ("up_to_pct", "above_pct") if getattr(rule, name) is not None
    ]
    scope += [f"approvals={rule.approvals}"] if rule.verdict is Verdict.ASK else []
    return " ".join((f"rule {_text(rule.name)}: {rule.verdict}", *scope))


def _text(value: object) -> str:
    if isinstance(value, Rate):
        return f"{value.count} in {value.within_s:g} s"
    if isinstance(value, float):
        return f"{value:g}"
    return json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def policy_digest(policy: PolicySpec) -> str:
    """Return the SHA-256 of a policy's lines, in hex."""
    return text_digest("\n".join(policy_lines(policy)))


def line_diff(before: Iterable[str], after: Iterable[str]) -> tuple[str, ...]:
    """Return the lines that went, after a minus, then those that came, after a plus."""
    old, new = list(before), list(after)
    return (*(f"- {line}" for line in old if line not in new), *(f"+ {line}" for line in new if line not in old))


def policy_openings(old: PolicySpec, new: PolicySpec) -> tuple[str, ...]:
    """Return what a policy lets happen that the one before did not, a line each; none if it only tightens."""
    found = [f"new: {_rule_line(rule)}" for rule in new.rules if _is_new(rule, old.rules)]
    found += [f"gone: {_rule_line(rule)}" for rule in old.rules if _is_gone(rule, new.rules)]
    for field in fields(old):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.name != "rules" and before != after and not _tightens(field.name, before, after):
            found.append(f"{field.name}: {_text(before)} becomes {_text(after)}")
    return tuple(found)


def _is_new(rule: PolicyRule, old: tuple[PolicyRule, ...]) -> bool:
    """Return whether a rule lets something happen that no rule before it did."""
    return rule.verdict is not Verdict.DENY and not any(_let(before, rule) for before in old)


def _let(before: PolicyRule, rule: PolicyRule) -> bool:
    """Return whether one rule let happen all that another one does, with no more people asked."""
    if not _covers(before, rule):
        return False
    if before.verdict is Verdict.ASK:
        return rule.verdict is Verdict.ASK and rule.approvals >= before.approvals
    # An asking rule holds where one of a device's severities fits, an allowing one only where all of them do.
    return before.verdict is Verdict.ALLOW and (rule.verdict is Verdict.ALLOW or not before.severities)


def _is_gone(rule: PolicyRule, new: tuple[PolicyRule, ...]) -> bool:
    """Return whether what a rule kept from happening is no longer kept from it."""
    if rule.verdict is Verdict.ALLOW or any(_keeps(after, rule) for after in new):
        return False
    return any(after.verdict is not Verdict.DENY and _overlap(after, rule) for after in new)


def _keeps(after: PolicyRule, rule: PolicyRule) -> bool:
    """Return whether one rule keeps from happening all that another one did."""
    if not _covers(after, rule):
        return False
    is_as_strict = rule.verdict is Verdict.ASK and after.verdict is Verdict.ASK and after.approvals >= rule.approvals
    return after.verdict is Verdict.DENY or is_as_strict


def _covers(wide: PolicyRule, narrow: PolicyRule) -> bool:
    """Return whether one rule holds wherever another one does."""
    for name in _SCOPES:
        allowed, wanted = getattr(wide, name), getattr(narrow, name)
        if allowed and not (wanted and set(wanted) <= set(allowed)):
            return False
    if wide.up_to_pct is not None and (narrow.up_to_pct is None or narrow.up_to_pct > wide.up_to_pct):
        return False
    return wide.above_pct is None or (narrow.above_pct is not None and narrow.above_pct >= wide.above_pct)


def _overlap(one: PolicyRule, other: PolicyRule) -> bool:
    """Return whether two rules may hold for the same command; a caller by name may be of any kind."""
    for name in _SCOPES:
        left, right = set(getattr(one, name)), set(getattr(other, name))
        if name == "severities":
            continue  # a device may have several: one that people are told of, and one that is set aside
        if left and right and not left & right and not (name == "callers" and (left | right) - _KINDS):
            return False
    return True


def _within(inner: Limits | Recovery, outer: Limits | Recovery) -> bool:
    low = outer.low is None or (inner.low is not None and inner.low >= outer.low)
    return low and (outer.high is None or (inner.high is not None and inner.high <= outer.high))


def _tightens(name: str, before: object, after: object) -> bool:
    """Return whether a changed limit lets less happen; one that is not known here does not."""
    if name in _ALWAYS_CLOSED:
        return True
    if isinstance(before, bool) and name == "agents_may_propose":
        return after is False
    if isinstance(before, Rate) and isinstance(after, Rate):
        return after.count <= before.count and after.within_s >= before.within_s
    if name == "line_reduction_pct" and isinstance(before, float) and isinstance(after, float):
        return after <= before
    if name == "approvals_to_open" and isinstance(before, int) and isinstance(after, int):
        return after >= before
    if name == "keep_running" and isinstance(before, Mapping) and isinstance(after, Mapping):
        return all(after.get(kind, 0) >= count for kind, count in before.items())
    if name == "doubtful" and isinstance(before, tuple) and isinstance(after, tuple):
        return set(before) <= set(after)
    return False


def device_openings(old: DeviceSpec, new: DeviceSpec) -> Iterator[str]:
    """Yield what a changed device lets happen: rules go by kind and line, setpoints have bounds, interlocks hold."""
    for what in ("kind", "line"):
        if getattr(old, what) != getattr(new, what):
            yield f"{new.device_id}: its {what} {getattr(old, what)} becomes {getattr(new, what)}"
    for name, parameter in new.parameters.items():
        before = old.parameters.get(name)
        if before is None:
            yield f"{new.device_id}: {name} can be set"
        elif not _within(parameter.limits, before.limits):
            yield f"{new.device_id}: {name} can be set beyond what it could be"
    if old.watched_only and not new.watched_only:
        yield f"{new.device_id}: it takes commands, and was only watched"
    if new.writing is not None and new.writing != old.writing and not new.watched_only:
        yield f"{new.device_id}: its commands are written in another way"
    if old.writing is not None and new.writing is None and not new.watched_only:
        yield f"{new.device_id}: its commands go by AegisFlow's own protocol"
    if old.signed and not new.signed:
        yield f"{new.device_id}: its readings need no signature any more"
    for what, after in bounds_of(new).items():
        bound = bounds_of(old).get(what)
        if bound is not None and _moves_further(bound, after):
            yield f"{new.device_id}: {what} can be moved further than it could be"
    if not new.watched_only:
        yield from _interlock_openings(old, new)


def _interlock_openings(old: DeviceSpec, new: DeviceSpec) -> Iterator[str]:
    """Yield what keeps commands from a device no longer, or less than it did."""
    for sensor, before in old.recovery.items():
        after = new.recovery.get(sensor)
        if after is None or not _within(after, before) or after.for_s < before.for_s:
            yield f"{new.device_id}: a restart needs less of {sensor} than it did"
    was, now = old.silent_after_s, new.silent_after_s
    if was != now and (was is None or now is None or now > was):
        yield f"{new.device_id}: it may be silent for longer and still take commands"
    if old.load is not None and (new.load is None or new.load.sensor != old.load.sensor):
        yield f"{new.device_id}: another sensor than {old.load.sensor}, or none, shows whether it runs"


def _moves_further(before: Bound, after: Bound) -> bool:
    """Return whether a bound of change is gone or wider, or goes by another sensor."""
    limits = ((before.max_change, after.max_change), (before.max_change_per_hour, after.max_change_per_hour))
    wider = any(old is not None and (new is None or new > old) for old, new in limits)
    is_bound = any(old is not None for old, _ in limits)
    return wider or (is_bound and (before.sensor, before.unit) != (after.sensor, after.unit))


def operator_openings(old: Mapping[str, OperatorSpec], new: Mapping[str, OperatorSpec]) -> Iterator[str]:
    """Yield the people who could come in, or do more, or for longer, than before."""
    for name, spec in new.items():
        before = old.get(name)
        if before is None:
            yield f"new: operator {name} as {spec.grant}"
            continue
        if spec.token_sha256 != before.token_sha256:
            yield f"operator {name} has another token"
        if wider(before.grant, spec.grant):
            yield f"operator {name}: {before.grant} becomes {spec.grant}"
        if before.expires_at is not None and (spec.expires_at is None or spec.expires_at > before.expires_at):
            yield f"the token of operator {name} lasts longer"


def sign_in_openings(old: SignInSpec | None, new: SignInSpec | None) -> Iterator[str]:
    """Yield what the sign-in service's word counts for now that it did not before; another service is another word."""
    if new is None:
        return
    if old is None:
        yield f"people sign in by {new.issuer}"
    else:
        for field in fields(old):
            before, after = getattr(old, field.name), getattr(new, field.name)
            if field.name != "roles" and before != after:
                yield f"sign_in.{field.name}: {_text(before)} becomes {_text(after)}"
    known = {} if old is None else old.roles
    for value, grant in new.roles.items():
        if value not in known:
            yield f"new: whoever signs in as {_text(value)} is {grant}"
        elif wider(known[value], grant):
            yield f"whoever signs in as {_text(value)}: {known[value]} becomes {grant}"


def wider(before: Grant, after: Grant) -> bool:
    """Return whether a role lets somebody do what the one before did not, or on another line."""
    more = not RIGHTS[after.role] <= RIGHTS[before.role]
    is_within = before.lines is None or (after.lines is not None and set(after.lines) <= set(before.lines))
    return more or not is_within


def access_openings(old: AgentAccess, new: AgentAccess) -> Iterator[str]:
    """Yield what agents could do that they could not before."""
    if old.read_only and not new.read_only:
        yield "agents are no longer read-only"
    for tool in sorted(old.tools_off - new.tools_off):
        yield f"the tool {tool} is switched on"
    if new.anonymous != old.anonymous and (new.anonymous or old.anonymous is False):
        yield "agents need no token of their own"
    for user, name in new.users.items():
        if old.users.get(user) != name:
            yield f"user {user} is the agent {name}"
