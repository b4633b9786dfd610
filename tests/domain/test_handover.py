import pytest

from aegisflow.domain.handover import HANDED_OVER, TAKEN_OVER, check_take_over, handovers
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import ConflictError


def left(at: float, by: str) -> AuditEntry:
    return AuditEntry(at, by, HANDED_OVER, "shift", {"note": f"note of {by}", "facts": ["one is open"]})


def took(at: float, by: str, of: object) -> AuditEntry:
    return AuditEntry(at, by, TAKEN_OVER, "shift", {"note": "", "handover_at": of})


def test_two_rows_of_the_audit_are_one_handover() -> None:
    newest, older = handovers([left(30, "ben"), took(20, "ben", 10), left(10, "anna")])
    assert (newest.left_by, newest.taken_by) == ("ben", "")
    assert (older.left_by, older.taken_by, older.taken_at, older.facts) == ("anna", "ben", 20, ("one is open",))


def test_rows_of_another_version_are_read_as_far_as_they_can() -> None:
    strange = AuditEntry(5, "anna", HANDED_OVER, "shift", {"facts": 7})
    (found,) = handovers([took(9, "ben", "soon"), took(8, "ben", None), strange])
    assert (found.note, found.facts, found.taken_by) == ("", (), "")


@pytest.mark.parametrize(("at", "by"), [(99, "cem"), (10, "cem"), (30, "ben")])
def test_nobody_takes_over_from_themselves_twice_or_what_never_was(at: float, by: str) -> None:
    known = handovers([left(30, "ben"), took(20, "ben", 10), left(10, "anna")])
    with pytest.raises(ConflictError):
        check_take_over(known, at, by)
    check_take_over(known, 30, "cem")
