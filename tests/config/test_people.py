"""Who may come in, as plant.yaml says it."""

from pathlib import Path

import pytest

from aegisflow.config import load
from aegisflow.config.warnings import two_voices
from aegisflow.errors import ConfigError

PLANT = """
kinds: {pump: {sensors: {temperature: {unit: °C}}}}
lines: {line-1: {devices: {pump-01: pump}}, line-2: {devices: {pump-02: pump}}}
"""
TOKEN = f'token_sha256: "{"a" * 64}"'


def read(folder: Path, text: str):
    path = folder / "plant.yaml"
    path.write_text(PLANT + text, "utf-8")
    return load(path, {})


def test_a_person_acts_on_the_lines_that_are_named_and_on_all_where_none_is(tmp_path: Path) -> None:
    people = read(tmp_path, f"operators:\n  anna: {{{TOKEN}, lines: [line-2]}}\n").operators
    assert people["anna"].lines == ("line-2",)
    assert read(tmp_path, f"operators:\n  anna: {{{TOKEN}}}\n").operators["anna"].lines is None


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ("lines: [line-3]", "found 'line-3', expected one of: line-1, line-2; did you mean"),
        ("lines: []", "expected a list of lines, such as [line-1]; left out, all lines"),
        ("lines: line-1", "expected a list of lines, such as [line-1]; left out, all lines"),
        ("lines: [line-1], role: admin", "found lines of an admin, expected none"),
    ],
)
def test_lines_that_make_no_sense_are_told(tmp_path: Path, more: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, f"operators:\n  anna: {{{TOKEN}, {more}}}\n")
    (mistake,) = raised.value.mistakes
    assert mistake.path.startswith("operators.anna.lines")
    assert told in str(mistake)


SIGN_IN = """
notifications: {page_url: "https://plant.example/"}
sign_in:
  issuer: https://login.plant.example/realms/plant
  client_id: aegisflow
  client_secret_env: AEGISFLOW_SIGN_IN_SECRET
  roles_claim: realm_access.roles
  roles:
    plant-operators: {role: operator}
    shift of line 2: {role: approver, lines: [line-2]}
"""


def test_a_sign_in_service_is_read_with_what_its_word_counts_for(tmp_path: Path) -> None:
    spec = read(tmp_path, SIGN_IN).sign_in
    assert spec is not None
    assert spec.back_url == "https://plant.example/sign-in/openid/back"
    assert {value: str(grant) for value, grant in spec.roles.items()} == {
        "plant-operators": "operator",
        "shift of line 2": "approver of line-2",
    }
    assert read(tmp_path, "").sign_in is None


@pytest.mark.parametrize(
    ("was", "wrong", "path"),
    [
        ("issuer: https:", "issuer: http:", "sign_in.issuer"),
        ("issuer: https://login.plant.example/realms/plant", "issuer: ''", "sign_in.issuer"),
        ('"https://plant.example/"', '"http://plant.example"', "notifications.page_url"),
        ('"https://plant.example/"', '"https://plant.example/page"', "notifications.page_url"),
        ('{page_url: "https://plant.example/"}', "{}", "notifications.page_url"),
        ("client_id: aegisflow", "client_id: ''", "sign_in.client_id"),
        ("AEGISFLOW_SIGN_IN_SECRET", "the secret itself", "sign_in.client_secret_env"),
        ("roles_claim: realm", "scopes: [profile]\n  roles_claim: realm", "sign_in.scopes"),
        ("lines: [line-2]", "lines: [line-9]", "sign_in.roles.shift of line 2.lines"),
        ("role: approver", "role: admin", "sign_in.roles.shift of line 2.lines"),
        ("role: operator", "role: owner", "sign_in.roles.plant-operators.role"),
        ("roles_claim: realm", "ca_file: none.crt\n  roles_claim: realm", "sign_in.ca_file"),
    ],
)
def test_a_sign_in_that_could_not_be_trusted_is_told(tmp_path: Path, was: str, wrong: str, path: str) -> None:
    assert SIGN_IN.count(was) == 1
    with pytest.raises(ConfigError) as raised:
        read(tmp_path, SIGN_IN.replace(was, wrong))
    assert [mistake.path for mistake in raised.value.mistakes] == [path]


def test_check_says_who_could_agree_twice_where_two_must(tmp_path: Path) -> None:
    two = "policy: {approvals_to_open: 2}\n"
    token = f"operators:\n  anna: {{{TOKEN}}}\n"
    cases = ((two + token + SIGN_IN, True), (token + SIGN_IN, False), (two + token, False), (two + SIGN_IN, False))
    for text, warns in cases:
        told = list(two_voices(read(tmp_path, text)))
        assert bool(told) is warns
        assert not told or told[0][1] == ["anna"]
