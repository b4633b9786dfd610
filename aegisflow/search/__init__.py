"""Manuals and incident reports -> answers by words and by meaning. The model is injected, and never downloaded."""

from aegisflow.search.encoder import Encoder, ModelUnavailableError, load_encoder, load_multilingual
from aegisflow.search.incidents import IncidentIndex
from aegisflow.search.manuals import NOTHING_FOUND, ManualSearch

__all__ = [
    "NOTHING_FOUND",
    "Encoder",
    "IncidentIndex",
    "ManualSearch",
    "ModelUnavailableError",
    "load_encoder",
    "load_multilingual",
]
