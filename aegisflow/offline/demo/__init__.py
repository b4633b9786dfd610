"""The demo: a day of nine machines through broker, plant and store, in two minutes."""

from aegisflow.offline.demo.run import DemoOptions, run_demo

__all__ = ["DemoOptions", "run_demo"]
