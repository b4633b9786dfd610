"""What the command line sends to a plant, and to nobody else."""

import pytest

from aegisflow.api import endpoints as ends
from aegisflow.cli.arguments import DEFAULT_PLANT
from aegisflow.cli.client import TOKEN_ENV, OperatorClient, exchange
from aegisflow.errors import RefusedError, UnavailableError
from tests.support.hook import running_hook


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
def test_an_operators_token_is_sent_to_nobody_whom_an_answer_names(method: str, code: int) -> None:
    with running_hook() as plant, running_hook() as other:
        plant.answers["/operator/status"] = (code, f"{other.url}/operator/status")
        with pytest.raises(UnavailableError, match=f"it leads on to {other.url}/operator/status"):
            exchange(f"{plant.url}/operator/status", method, "token-of-anna")
        assert (plant.secrets, other.came) == (["Bearer token-of-anna"], [])


def test_a_plant_that_says_no_has_answered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_ENV, "token-of-anna")
    with running_hook() as plant:
        plant.answers["/operator/status"] = (409, "")
        with pytest.raises(RefusedError) as refused:
            OperatorClient(DEFAULT_PLANT, plant.url).call(ends.SHOW_STATUS)
    assert "did not answer" not in str(refused.value)
    assert str(refused.value).endswith(f"(says {plant.url})")
