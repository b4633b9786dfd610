"""Topic templates, which say where the device id stands in a topic."""

__all__ = ["Template"]

_DEVICE = "{device_id}"


class Template:
    """A topic template, in which ``{device_id}`` is one whole level.

    Raises:
        ValueError: the template does not contain ``{device_id}``.
    """

    def __init__(self, template: str) -> None:
        self.prefix, found, self.suffix = template.partition(_DEVICE)
        if not found:
            raise ValueError(f"topic template {template!r} must contain {_DEVICE}")
        self.filter = f"{self.prefix}+{self.suffix}"

    def topic(self, device_id: str) -> str:
        """Return the topic of a device."""
        return f"{self.prefix}{device_id}{self.suffix}"

    def level(self, topic: str) -> str | None:
        """Return the level at which the device id stands, or None if the topic does not match the template."""
        end = len(topic) - len(self.suffix)
        if end <= len(self.prefix) or not (topic.startswith(self.prefix) and topic.endswith(self.suffix)):
            return None
        level = topic[len(self.prefix) : end]
        return None if "/" in level else level
