"""The part of ``plant.yaml`` that says whether a model diagnoses serious alarms, and what that may cost."""

from typing import Annotated

from pydantic import Field

from aegisflow.config.fields import Measured, Number, Seconds, Section, Text, Variable, Wording

Usd = Annotated[Number, Field(ge=0, le=1_000_000), Wording("an amount in US dollars, 0 or more")]
Tokens = Annotated[int, Field(ge=0, le=10_000_000_000)]


class TokenBudget(Section):
    """How many tokens the model may read and write in all; the first that would be too many is not asked for."""

    diagnosis: Annotated[Tokens, Measured("tokens")] = 60_000
    """For one alarm."""
    hour: Annotated[Tokens, Measured("tokens")] = 300_000
    """In any hour."""
    day: Annotated[Tokens, Measured("tokens")] = 1_000_000
    """In any 24 hours."""


class UsdBudget(Section):
    """The same in US dollars, by the prices below."""

    diagnosis: Annotated[Usd, Measured("USD")] = 0.5
    """For one alarm."""
    hour: Annotated[Usd, Measured("USD")] = 2.0
    """In any hour."""
    day: Annotated[Usd, Measured("USD")] = 10.0
    """In any 24 hours."""


class TokenPrices(Section):
    """US dollars for a million tokens of the model."""

    input: Annotated[Usd, Measured("USD")] = 3.0
    """For a million tokens that it reads."""
    output: Annotated[Usd, Measured("USD")] = 15.0
    """For a million tokens that it writes."""


class DiagnosisSettings(Section):
    """Diagnoses of high and critical alarms by a model; off while there is no key. Those by rules are always made."""

    key_env: Variable = "ANTHROPIC_API_KEY"
    """Name of the environment variable with the key of the model's provider, or of a proxy's virtual key."""
    url: Text = Field(default="", examples=["http://archestra:9000/v1/anthropic"])
    """Endpoint that speaks Anthropic's Messages API; left out, ANTHROPIC_BASE_URL, else the provider's own."""
    model: Annotated[str, Field(min_length=1, max_length=200)] = "claude-sonnet-5-5"
    """The model that is asked."""
    propose: bool = True
    """Whether a command that the model proposes goes to the guard, as that of the agent below."""
    agent: Annotated[str, Field(min_length=1, max_length=60)] = "diagnosis"
    """Name under which it proposes; rules of the policy may name it among their callers."""
    rounds: Annotated[int, Measured("questions")] = Field(default=6, ge=1, le=30)
    """How often the model is asked for one alarm; the last time it must answer."""
    answer_tokens: Annotated[int, Measured("tokens")] = Field(default=2_000, ge=200, le=32_000)
    """The most it may write at a time."""
    timeout_s: Seconds = Field(default=60.0, ge=1, le=600)
    """How long one answer of it may take, to its last word."""
    tokens: TokenBudget = TokenBudget()
    usd: UsdBudget = UsdBudget()
    price: TokenPrices = TokenPrices()
