"""``aegisflow simulate``: hands its arguments to the simulator, wherever that is installed."""

from importlib import import_module
from importlib.util import find_spec
from typing import Annotated

from cyclopts import App, Parameter

__all__ = ["simulate_app", "simulator_package"]

simulate_app = App(name="simulate", help_flags=[], version_flags=[])


def simulator_package() -> str:
    """Return the name of the simulator's package.

    A wheel has it within ``aegisflow``, for nothing else may claim so common a name in a place that all
    packages share. A checkout has it beside ``aegisflow``.
    """
    inside = "aegisflow.simulator"
    return inside if find_spec(inside) is not None else "simulator"


@simulate_app.default
def simulate(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> int:
    """Run the simulator's own command line; return its exit code."""
    program = import_module(f"{simulator_package()}.__main__")
    code: int = program.main(arguments, prog="aegisflow simulate")
    return code
