"""Commands: who may have them, what becomes of them, and how their effect is verified."""
