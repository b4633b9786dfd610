"""``aegisflow demo``."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from aegisflow.cli.arguments import DEFAULT_PLANT, PlantPath
from aegisflow.offline.demo import DemoOptions, run_demo
from aegisflow.shipped import shipped

__all__ = ["demo"]


def demo(
    *,
    minutes: Annotated[float, Parameter(help="how long the simulated day takes")] = 2.0,
    speed: Annotated[float | None, Parameter(help="simulated seconds per second, instead; 0: at full speed")] = None,
    plant: PlantPath = DEFAULT_PLANT,
    folder: Annotated[Path, Parameter(help="folder for the recording, the store and the log")] = Path("var/demo"),
    port: Annotated[int, Parameter(help="port of the embedded broker; 0: any free one")] = 0,
    seed: Annotated[int, Parameter(help="seed of the simulated noise")] = 42,
) -> int:
    """Run the demo; return its exit code.

    Where nobody has said which plant, and none lies here, it is the sample plant that is shipped.
    """
    if plant == DEFAULT_PLANT and not plant.exists():
        plant = shipped("config", "plant.yaml")
    return run_demo(DemoOptions(plant=plant, folder=folder, minutes=minutes, speed=speed, port=port, seed=seed))
