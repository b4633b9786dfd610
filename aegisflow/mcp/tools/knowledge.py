"""The tool over the manuals."""

from typing import Annotated

from pydantic import Field

from aegisflow.api.names import device_named
from aegisflow.api.text import clean, clip
from aegisflow.domain.times import format_instant
from aegisflow.mcp.budget import largest_that_fits
from aegisflow.mcp.presenters import broker_away, passage_item, unavailable
from aegisflow.mcp.schemas import ManualAnswer
from aegisflow.plant.protocol import PlantSource


class KnowledgeTools:
    """Answers ``query_device_manual``."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def query_device_manual(
        self,
        query: Annotated[str, Field(min_length=2, max_length=500)],
        device_id: Annotated[str | None, Field(max_length=100)] = None,
        limit: Annotated[int, Field(ge=1, le=10)] = 4,
    ) -> ManualAnswer:
        """What the equipment manuals and the plant's procedures say.

        Use it before every command and whenever you name a cause: cite manual and section. No
        passage means the manuals do not say; then say that, do not guess.
        Next: execute_device_command, or acknowledge_anomaly to keep watching.
        """
        plant = self._plant()
        answer = plant.find_passages(query, device_named(device_id, plant.inventory()), limit)
        found = answer.value
        passages = [passage_item(passage) for passage in found.passages[:limit]]
        longest = max((len(passage.text.encode()) for passage in passages), default=0)

        def build(text_bytes: int) -> ManualAnswer:
            return ManualAnswer(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable(answer.unavailable),
                broker_away=broker_away(answer),
                method=found.method,
                note=clean(found.note, 300) or None,
                truncated=text_bytes < longest,
                passages=[passage.model_copy(update={"text": clip(passage.text, text_bytes)}) for passage in passages],
            )

        return largest_that_fits(build, least=200, most=max(200, longest))
