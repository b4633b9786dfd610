"""What people do from the command line: tokens of their own."""

import hashlib
import re
import secrets

from aegisflow.errors import BadValueError

_NAME = re.compile("[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")
_BYTES = 32
"""So many random bytes nobody guesses, which is why a plain hash without salt is enough."""


def token_text(name: str) -> str:
    """Return a fresh token and the lines for plant.yaml, as text for the person who asked."""
    if not _NAME.fullmatch(name):
        raise BadValueError("NAME", name, "up to 64 letters, digits and _ . -, beginning with a letter or digit")
    token = secrets.token_urlsafe(_BYTES)
    digest = hashlib.sha256(token.encode()).hexdigest()
    return (
        f"Token of {name}, shown only now; whoever has it acts as {name}:\n\n"
        f"  {token}\n\n"
        "For plant.yaml (takes effect when AegisFlow starts again):\n\n"
        f'operators:\n  {name}:\n    token_sha256: "{digest}"\n'
    )
