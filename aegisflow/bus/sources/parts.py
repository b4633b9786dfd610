"""What one message says of several devices or instants, gathered to readings."""

from aegisflow.domain.readings import Reading, Receipt, RefusedValue

__all__ = ["Parts"]


class Parts:
    """Gathers the values of one message by device and instant; each value of a sensor at an instant is kept."""

    def __init__(self, received_at: float, receipt: Receipt | None) -> None:
        self.received_at = received_at
        self._receipt = receipt
        self._parts: dict[tuple[str, float], list[tuple[dict[str, float], list[RefusedValue]]]] = {}
        self.any = False

    def put(self, device_id: str, at: float, values: dict[str, float], refused: list[RefusedValue]) -> None:
        """Add values of one device at one instant."""
        self.any = True
        parts = self._parts.setdefault((device_id, at), [])
        # A sensor that has two values at one instant is a conflict, which is the device's to judge.
        if parts and not values.keys() & parts[-1][0].keys():
            parts[-1][0].update(values)
            parts[-1][1].extend(refused)
        else:
            parts.append((values, refused))

    def readings(self) -> tuple[Reading, ...]:
        """Return a reading for each device and instant, in the order in which they came up."""
        return tuple(
            Reading(device_id, at, values, self.received_at, self._receipt, tuple(refused))
            for (device_id, at), parts in self._parts.items()
            for values, refused in parts
        )
