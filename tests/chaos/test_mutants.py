"""Each of the seeded mistakes makes a test fail; only the long run has the time."""

import os
import subprocess
from pathlib import Path

import pytest

from aegisflow.compiled import SWITCH
from tests.support.bounds_mutants import BOUNDS, SIGNED
from tests.support.identity_mutants import (
    AUDIT_CHECK,
    CONNECTIONS,
    CREDENTIALS,
    IDENTITIES,
    LINES,
    OPENID,
    OPENING,
    OPENINGS,
    OPERATORS,
    PEOPLE,
    PROOF,
    RELOAD,
    RIGHTS,
    SEALS,
    SIGN_INS,
    TOKENS,
    TOOLBOX,
    VERIFICATION,
)
from tests.support.mutants import (
    CLIENT,
    CODEC,
    CONNECTION,
    DELIVERIES,
    DEVICE_ACTOR,
    DISPATCHER,
    GATEWAY,
    MUTANTS,
    RECALL,
    REPORTS,
    ROOT,
    STORE_LOCK,
    WRITER,
    Mutant,
)
from tests.support.warm import run_pytest
from tests.support.writing_mutants import WRITING_MUTANTS

DOMAIN = [
    f"tests/domain/{name}.py"
    for name in (
        "test_callers",
        "commands/test_answers",
        "test_rights",
        "commands/test_quota",
        "test_foreign_commands",
        "incidents/test_similarity",
        "commands/test_policy",
        "commands/test_bounds",
        "commands/test_interlocks",
        "commands/test_verification",
        "commands/test_execution",
        "commands/test_command_state_machine",
        "commands/test_told_again",
        "commands/test_authorizer",
    )
]
GUARD = ["tests/actors/test_guard.py", "tests/actors/test_publishing.py"]
STORE = ["tests/store/test_publishing.py"]
WALK = [
    "tests/walks/test_command_walk.py",
    "tests/walks/test_walk_of_foreign_commands.py",
    "tests/walks/test_walk_of_signed_readings.py",
]
MQTT = [
    "tests/bus/test_mqtt.py::test_nothing_is_published_while_there_is_no_connection",
    "tests/bus/test_mqtt.py::test_what_is_published_arrives_for_sure_expires_and_is_not_kept_for_late_comers",
]
WRITTEN = {
    "domain": "tests/domain/commands/test_writing.py",
    "bus/sparkplug": "tests/bus/test_sparkplug_commands.py",
    "": "tests/actors/test_writing.py",
}
"""Where a file begins, to the tests of what is written by templates."""
KNOWN = ["tests/plant/test_identities.py"]
OTHERS = {
    STORE_LOCK: ["tests/store/test_one_writer.py", "tests/store/test_fencing.py"],
    REPORTS: ["tests/store/test_reports.py"],
    RIGHTS: ["tests/domain/test_rights.py", "tests/domain/test_callers.py", "tests/http/test_rights.py"],
    LINES: ["tests/http/test_lines.py"],
    OPENID: ["tests/console/test_openid.py"],
    SIGN_INS: ["tests/console/test_openid.py"],
    PEOPLE: ["tests/domain/test_people.py", "tests/console/test_openid.py"],
    OPERATORS: ["tests/http/test_rights.py"],
    CREDENTIALS: KNOWN,
    IDENTITIES: [*KNOWN, "tests/console/test_openid.py"],
    TOKENS: KNOWN,
    TOOLBOX: ["tests/mcp/test_gate.py"],
    CONNECTIONS: ["tests/http/test_connections.py"],
    PROOF: ["tests/store/test_proof.py"],
    SEALS: ["tests/store/test_seals.py", "tests/store/test_proof.py"],
    VERIFICATION: ["tests/store/test_seals.py"],
    AUDIT_CHECK: ["tests/plant/test_audit_check.py"],
    OPENING: ["tests/store/test_seals.py"],
    OPENINGS: ["tests/domain/test_openings.py"],
    BOUNDS: ["tests/domain/commands/test_bounds.py"],
    RELOAD: ["tests/plant/test_opened_policy.py"],
    WRITER: STORE,
    RECALL: [*STORE, "tests/walks/test_walk_of_the_way_back.py"],
    CODEC: ["tests/bus/test_codec.py", "tests/bus/test_signed_readings.py"],
    SIGNED: ["tests/bus/test_signed_readings.py"],
    DISPATCHER: ["tests/actors/test_dispatcher.py::test_a_turn_ends_by_time_too_however_few_messages_it_had"],
    DELIVERIES: ["tests/bus/test_deliveries.py"],
    CLIENT: MQTT,
    CONNECTION: MQTT,
}


def run(mutant: Mutant | None, files: list[str]) -> subprocess.CompletedProcess[str]:
    """Run test files in pure Python, with a mistake in the source."""
    chosen = {} if mutant is None else {"AEGISFLOW_MUTANT": str(MUTANTS.index(mutant))}
    chosen["AEGISFLOW_EXAMPLES"] = "100"
    # Several of these run at once, so that what needs the machine for itself proves nothing here.
    options = ["-p", "tests.support.mutants", "-p", "no:cacheprovider", "-m", "not serial"]
    environment = {**os.environ, SWITCH: "1", **chosen}
    return run_pytest([*options, "-x", "-q", "--no-header", *files], environment, ROOT, timeout_s=170)


def survives(mutant: Mutant) -> str:
    """Return what the tests say if they do not notice; empty if they do."""
    files = OTHERS.get(mutant.file) or (DOMAIN if mutant.file.startswith("domain/") else GUARD)
    files = GUARD + WALK if mutant.file in (GATEWAY, DEVICE_ACTOR) else files
    if mutant in WRITING_MUTANTS:
        files = [next(tests for begins, tests in WRITTEN.items() if mutant.file.startswith(begins))]
    done = run(mutant, sorted(files, key=lambda tests: Path(mutant.file).stem not in tests))  # its own tests first
    failed = done.returncode == 1 and "failed" in done.stdout.splitlines()[-1]
    return "" if failed else f"{mutant.name}: exit {done.returncode}\n{done.stdout[-2_000:]}"


def test_there_are_enough_and_each_stands_once_in_its_file() -> None:
    assert len(MUTANTS) >= 24
    assert len({mutant.name for mutant in MUTANTS}) == len(MUTANTS)
    for mutant in MUTANTS:
        compile(mutant.source(), mutant.file, "exec")


@pytest.mark.long
@pytest.mark.timeout(300)
def test_without_a_mistake_the_same_tests_pass() -> None:
    done = run(None, DOMAIN + GUARD + WALK + [*WRITTEN.values()] + STORE + OTHERS[CODEC] + MQTT)
    assert done.returncode == 0, done.stdout[-3_500:]


@pytest.mark.long
@pytest.mark.timeout(200)
@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda mutant: mutant.name)
def test_every_mistake_is_noticed(mutant: Mutant) -> None:
    told = survives(mutant)
    assert not told, told
