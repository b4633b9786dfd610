"""``aegisflow init``: the folder of a new plant."""

import getpass
import re
import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegisflow.cli.tokens import can_have_token, fresh_token, operator_section
from aegisflow.domain.callers import is_reserved
from aegisflow.errors import BadValueError
from aegisflow.offline.new_plant import NewPlant, write_plant_folder

__all__ = ["init"]

_HOST = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9.:-]{0,251}[A-Za-z0-9])?")
_MAX_NAME = 100
_SOMEBODY = "first-admin"


def init(
    folder: Annotated[
        Path, Parameter(name="DIR", help="folder of the plant; it may exist, and nothing in it is overwritten")
    ],
    *,
    name: Annotated[str | None, Parameter(help="name of the plant (default: the folder's name)")] = None,
    broker: Annotated[
        str, Parameter(help="host by which machines reach the broker; its certificate is made for it")
    ] = "localhost",
    operator: Annotated[str | None, Parameter(help="who gets the first token (default: your user name)")] = None,
    sample: Annotated[bool, Parameter(negative="", help="begin with the nine machines of the sample plant")] = False,
) -> int:
    """Write the folder, show the first operator's token and say what to do next; return the exit code.

    Raises:
        BadValueError: a name cannot be used, or a file is there already.
    """
    title = _title(folder.absolute().name if name is None else name)
    if not _HOST.fullmatch(broker):
        raise BadValueError("--broker", broker, "a host name or an address, without port")
    person = _login() if operator is None else operator
    if is_reserved(person):
        raise BadValueError("--operator", person, "a person's name; this word means everybody of a kind")
    token = fresh_token(person)
    section = operator_section(person, token, "admin")
    files = write_plant_folder(folder, NewPlant(name=title, broker_host=broker, operators=section, sample=sample))
    shown = [path for path in files if "deploy" not in path.parts]
    lines = [
        f"Wrote {len(files)} files:",
        *(f"  {path}" for path in shown),
        f"  {folder / 'deploy'}  (broker with access control and TLS, service; each with a README)",
        "",
        f"Token of {person}, shown only now; whoever has it acts as {person}:",
        "",
        f"  export AEGISFLOW_OPERATOR_TOKEN={token}",
        "",
        "Next:",
        "",
        f"  cd {folder}",
        f"  aegisflow discover --broker {broker}   # if machines publish already: finds them and drafts a plant file",
        "  aegisflow check     # the plant as a table, or what is wrong in which line",
        "  aegisflow serve     # watches it; then: aegisflow alarms",
    ]
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def _title(name: str) -> str:
    if not name.strip() or len(name) > _MAX_NAME or not name.isprintable() or set(name) & set('"\\'):
        raise BadValueError("--name", name, f"a name of 1 to {_MAX_NAME} letters, without quotes")
    return name.strip()


def _login() -> str:
    """Return the name of the user, or a word that is as good where it is none for plant.yaml."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError):
        return _SOMEBODY
    return name if can_have_token(name) and not is_reserved(name) else _SOMEBODY
