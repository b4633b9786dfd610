"""What Archestra is told of a plant: registry item, agent, proxy policies, limits; written from ``plant.yaml``."""
