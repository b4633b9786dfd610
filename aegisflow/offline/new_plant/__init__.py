"""Everything a new plant begins with, written into one folder: ``aegisflow init``."""

from aegisflow.offline.new_plant.folder import NewPlant, write_plant_folder

__all__ = ["NewPlant", "write_plant_folder"]
