"""The part of ``plant.yaml`` that says where traces go."""

from typing import Annotated

from pydantic import Field

from aegisflow.config.fields import Section, Wording

Collector = Annotated[
    str,
    Field(pattern=r"^(?:https?://[^\s/@]+(?:/\S*)?)?$", max_length=500),
    Wording("an http or https URL without user and password, such as http://localhost:4318, or nothing"),
]


class TracingSettings(Section):
    """One trace from the reading that raised an alarm to the machine, over OTLP; off without an endpoint."""

    endpoint: Collector = Field(default="", examples=["http://localhost:4318"])
    """OTLP over HTTP of a collector; OTEL_EXPORTER_OTLP_HEADERS may carry its credentials. Needs aegisflow[tracing]."""
