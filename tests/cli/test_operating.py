import hashlib
import re

import pytest

from aegisflow.cli.tokens import token_text
from aegisflow.config import load
from aegisflow.domain.credentials import OperatorSpec
from aegisflow.domain.rights import Role
from aegisflow.errors import BadValueError, ConfigError
from tests.support.places import PLANT_FILE

SHIPPED = PLANT_FILE


def test_a_token_is_new_each_time_and_its_lines_fit_plant_yaml(tmp_path):
    text = token_text("anna")
    (token,) = re.findall(r"^  (\S{43})$", text, re.MULTILINE)
    file = tmp_path / "plant.yaml"
    file.write_text(SHIPPED.read_text() + text[text.index("operators:") :])
    assert load(file, {}).operators == {"anna": OperatorSpec(hashlib.sha256(token.encode()).hexdigest(), Role.APPROVER)}
    assert token not in token_text("anna")


def test_a_name_that_plant_yaml_would_refuse_is_refused_at_once():
    with pytest.raises(BadValueError, match="letters, digits"):
        token_text("anna: x")


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("  anna: {token_sha256: secret}", "64 digits"),
        (f"  anna: {{token_sha256: {'a' * 64}}}\n  ben: {{token_sha256: {'a' * 64}}}", "the token of anna"),
    ],
)
def test_mistakes_in_operators_are_explained(tmp_path, lines, said):
    file = tmp_path / "plant.yaml"
    file.write_text(f"operators:\n{lines}\n")
    with pytest.raises(ConfigError, match=said):
        load(file, {})
