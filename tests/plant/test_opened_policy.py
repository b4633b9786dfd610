"""V11: a reload that opens the policy waits for people; who agrees, and to what, from both sides."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from aegisflow.actors.messages.store import FindAudit, FlushStore
from aegisflow.actors.runtime.directory import ARCHIVE, HISTORIAN
from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import load
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.people import ProvedPerson
from aegisflow.domain.rights import Role
from aegisflow.domain.views import AuditEntry
from aegisflow.errors import NotAllowedError
from aegisflow.plant.policy_record import IN_FORCE

ANNA, BEN = (Caller(name, CallerKind.OPERATOR, True, Role.APPROVER) for name in ("anna", "ben"))
OLAF = Caller("olaf", CallerKind.OPERATOR, True, Role.OPERATOR)
DENY = "    - {name: no restarts, decision: deny, callers: [agent], commands: [restart]}\n"
ASK = "    - {name: ask, decision: ask, callers: [agent]}\n"
ALLOW = "    - {name: allow all, decision: allow, callers: [agent]}\n"
PEOPLE = "".join(
    f'  {name}: {{token_sha256: "{letter * 64}", role: {role}}}\n'
    for name, letter, role in (("anna", "a", "approver"), ("ben", "b", "approver"), ("olaf", "c", "operator"))
)
LINES = "{line-1: {devices: {pump-01: pump}}}"
PLANT = """
kinds: {{pump: {{sensors: {{temperature: {{unit: °C}}}}}}}}
lines: {lines}
reload: {{ask_above_pct: 100}}
policy:
  approvals_to_open: {needed}
  rules:
{rules}
operators:
{people}
store: {{url: "sqlite:///store.db"}}
clock: {{source: stream}}
manuals: {{folder: manuals, model: none}}
"""


class Changing:
    def __init__(self, folder: Path) -> None:
        self.path = folder / "plant.yaml"
        self.write(DENY + ASK)
        self.app = App(load(self.path, {}), FakeBus())

    def write(self, rules: str, people: str = PEOPLE, needed: int = 1, lines: str = LINES) -> None:
        self.path.write_text(PLANT.format(rules=rules, people=people, needed=needed, lines=lines), "utf-8")

    def waits(self, by: Caller | None = None, *, yes: bool = False) -> str:
        """Reload; return why it waits, empty where it was taken over."""
        change = self.app.plant.reload(yes=yes, by=by)
        assert change.applied == (not change.waits)
        return "; ".join(change.waits)

    def rules(self) -> list[str]:
        return [rule.name for rule in self.app.plant.inventory().policy.rules]

    def audit(self, act: str) -> tuple[AuditEntry, ...]:
        assert self.app.directory.ask(HISTORIAN, FlushStore(), 5.0)
        return self.app.directory.ask(ARCHIVE, FindAudit(act, 20), 5.0)


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Changing]:
    made = Changing(tmp_path)
    with made.app:
        yield made


@pytest.mark.parametrize("opened", [DENY + ASK + ALLOW, ASK, DENY + ALLOW])
def test_v11_a_reload_that_opens_the_policy_waits_for_an_approver_who_was_told(plant: Changing, opened: str) -> None:
    plant.write(opened)
    assert "must agree" in plant.waits(ANNA, yes=True)  # nobody was told of it before
    assert "must agree" in plant.waits()
    assert "must agree" in plant.waits(yes=True)
    assert "must agree" in plant.waits(OLAF, yes=True)
    assert plant.rules() == ["no restarts", "ask"]
    assert plant.waits(ANNA, yes=True) == ""
    assert plant.rules() != ["no restarts", "ask"]
    newest = plant.audit("plant_reloaded")[-1]
    assert newest.detail["agreed_by"] == ["anna"]
    assert newest.detail["policy_diff"]


def test_v11_an_approver_of_one_line_agrees_to_nothing(plant: Changing) -> None:
    limited = Caller("ben", CallerKind.OPERATOR, True, Role.APPROVER, ("line-1",))
    plant.write(DENY + ASK + ALLOW)
    assert "must agree" in plant.waits()
    with pytest.raises(NotAllowedError, match="about the whole plant"):
        plant.waits(limited, yes=True)
    assert "must agree" in plant.waits(limited)
    assert plant.rules() == ["no restarts", "ask"]


def test_v11_one_person_of_the_sign_in_service_agrees_once_by_whatever_name(plant: Changing) -> None:
    first, second = (
        Caller(ProvedPerson("https://login.example", "a", "1", name).shown, CallerKind.OPERATOR, True, Role.APPROVER)
        for name in ("Anna", "Ben")
    )
    plant.write(DENY + ASK, needed=2)
    assert plant.waits() == ""
    plant.write(DENY + ASK + ALLOW, needed=2)
    for by in (None, first, second, first):
        assert "2 approvers must agree" in plant.waits(by, yes=by is not None)
    assert plant.waits(BEN, yes=True) == ""


def test_v11_a_person_on_more_lines_opens_and_on_fewer_does_not(plant: Changing) -> None:
    spec, one, both = PEOPLE.rstrip(), "lines: [line-1]", "lines: [line-1, line-2]"
    lines = "{line-1: {devices: {pump-01: pump}}, line-2: {devices: {pump-02: pump}}}"
    for limit in (both, one):
        plant.write(DENY + ASK, f"{spec[:-1]}, {limit}}}\n", lines=lines)
        assert plant.waits() == ""
    plant.write(DENY + ASK, f"{spec[:-1]}, {both}}}\n", lines=lines)
    assert "olaf: operator of line-1 becomes operator of line-1, line-2" in plant.waits()
    plant.write(DENY + ASK, PEOPLE, lines=lines)
    assert "olaf: operator of line-1 becomes operator" in plant.waits()


def test_v11_the_last_approver_of_the_whole_plant_stays_until_a_restart(plant: Changing) -> None:
    limited = PEOPLE.replace("role: approver}", "role: approver, lines: [line-1]}")
    plant.write(DENY, limited)
    change = plant.app.plant.reload()
    assert (change.applied, change.needs_restart) == (True, ("operators",))
    assert all(spec.lines is None for spec, _ in plant.app.plant.operators().values())


def test_v11_what_only_tightens_is_taken_over_at_once(plant: Changing) -> None:
    plant.write(DENY)
    assert plant.waits() == ""
    assert plant.rules() == ["no restarts"]


def test_v11_a_device_that_went_and_comes_back_with_more_waits_as_if_it_had_stayed(plant: Changing) -> None:
    patient, quick = (
        f"{{line-1: {{devices: {{pump-01: pump, pump-02: {{kind: pump, silent_after: {after}}}}}}}}}"
        for after in ("90s", "60s")
    )
    for lines in (quick, LINES):
        plant.write(DENY + ASK, lines=lines)
        assert plant.waits() == ""
    plant.write(DENY + ASK, lines=patient)
    assert "pump-02: it may be silent for longer" in plant.waits()
    plant.write(DENY + ASK, lines=quick)
    assert plant.waits() == ""


def test_v11_where_two_must_agree_one_is_not_enough_however_often(plant: Changing) -> None:
    plant.write(DENY + ASK, needed=2)
    assert plant.waits() == ""
    plant.write(DENY + ASK + ALLOW, needed=1)  # how many is for the policy that runs to say
    plant.waits()
    for _ in range(3):
        assert "given so far by anna" in plant.waits(ANNA, yes=True)
    assert plant.waits(BEN, yes=True) == ""
    assert plant.audit("plant_reloaded")[-1].detail["agreed_by"] == ["anna", "ben"]


def test_v11_whoever_agreed_has_agreed_to_that_content_and_to_no_other(plant: Changing) -> None:
    plant.write(DENY + ASK, needed=2)
    plant.waits()
    plant.write(DENY + ASK + ALLOW, needed=2)
    plant.waits()
    plant.waits(ANNA, yes=True)
    plant.write(ASK + ALLOW, needed=2)
    assert "changed since" in plant.waits(BEN, yes=True)
    assert "given so far by ben" in plant.waits(BEN, yes=True)
    assert plant.waits(ANNA, yes=True) == ""


@pytest.mark.parametrize(
    ("people", "said"),
    [
        (PEOPLE + f'  eve: {{token_sha256: "{"e" * 64}", role: admin}}\n', "new: operator eve as admin"),
        (PEOPLE.replace("role: operator", "role: admin"), "operator olaf: operator becomes admin"),
    ],
)
def test_v11_more_people_are_an_opening_and_fewer_are_none(plant: Changing, people: str, said: str) -> None:
    plant.write(DENY + ASK, people)
    assert said in plant.waits()
    assert "eve" not in plant.app.identities.operators()
    plant.write(DENY + ASK, PEOPLE.partition("  olaf")[0])
    assert plant.waits() == ""
    assert "olaf" not in plant.app.identities.operators()


def test_a_file_cut_short_does_not_shut_out_who_could_put_it_right(plant: Changing) -> None:
    plant.write(DENY + ASK, "  {}")
    change = plant.app.plant.reload()
    assert "operators" in change.needs_restart
    assert set(plant.app.identities.operators()) == {"anna", "ben", "olaf"}


def test_v11_where_nobody_could_agree_only_a_restart_opens_the_policy(tmp_path: Path) -> None:
    made = Changing(tmp_path)
    made.write(DENY, "  olaf: " + PEOPLE.partition("olaf: ")[2])
    with App(load(made.path, {}), FakeBus()) as app:
        made.app = app
        made.write(DENY + ALLOW)
        assert "a restart brings it in" in made.waits(OLAF, yes=True)
        assert made.rules() == ["no restarts"]


def test_v11_the_audit_tells_each_policy_once_with_its_revision_digest_and_difference(tmp_path: Path) -> None:
    made = Changing(tmp_path)
    for _ in range(2):
        with App(load(made.path, {}), FakeBus()) as app:
            made.app = app
            rows = made.audit(IN_FORCE)
            assert [row.detail["revision"] for row in rows] == [1]
    made.write(DENY + ASK + ALLOW)
    with App(load(made.path, {}), FakeBus()) as app:
        made.app = app
        made.write(DENY)
        made.waits(ANNA)
        rows = made.audit(IN_FORCE)
    assert [row.detail["revision"] for row in rows] == [1, 2, 3]
    assert rows[1].detail["diff"] == ['+ rule "allow all": allow callers=["agent"]']
    assert rows[2].actor == "anna"
    assert len({row.detail["policy_sha256"] for row in rows}) == 3
