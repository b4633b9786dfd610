"""Manuals and incident reports -> answers by words and by meaning. The model is injected, and never downloaded."""

from aegisflow.library.encoder import Encoder, ModelUnavailableError, load_encoder
from aegisflow.library.incidents import IncidentIndex
from aegisflow.library.library import NOTHING_FOUND, Library

__all__ = ["NOTHING_FOUND", "Encoder", "IncidentIndex", "Library", "ModelUnavailableError", "load_encoder"]
