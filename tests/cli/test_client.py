"""What the command line sends to a plant, and to nobody else."""

import pytest

from aegisflow.cli.client import exchange
from aegisflow.errors import UnavailableError
from tests.support.hook import running_hook


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_an_operators_token_is_sent_to_nobody_whom_an_answer_names(method: str, code: int) -> None:
    with running_hook() as plant, running_hook() as other:
        plant.answers["/operator/status"] = (code, f"{other.url}/operator/status")
        with pytest.raises(UnavailableError, match=f"it leads on to {other.url}/operator/status"):
            exchange(f"{plant.url}/operator/status", method, "token-of-anna")
        assert (plant.secrets, other.came) == (["Bearer token-of-anna"], [])
