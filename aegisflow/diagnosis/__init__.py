"""What is probably the matter behind an alarm: by rules for everybody, by a model where a key is given."""

from aegisflow.diagnosis.actor import DiagnosisActor

__all__ = ["DiagnosisActor"]
