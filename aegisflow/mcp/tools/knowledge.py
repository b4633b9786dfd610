"""The tool over the manuals."""

from typing import Annotated

from pydantic import Field

from aegisflow.api.text import clean, clean_lines, clip
from aegisflow.domain.times import format_instant
from aegisflow.mcp.answers import ManualAnswer, PassageItem
from aegisflow.mcp.budget import largest_that_fits
from aegisflow.mcp.shape import unavailable
from aegisflow.mcp.starting import PlantSource

_PASSAGE_BYTES = 6_000


class KnowledgeTools:
    """``query_device_manual``."""

    def __init__(self, plant: PlantSource) -> None:
        self._plant = plant

    def query_device_manual(
        self,
        query: Annotated[str, Field(min_length=2, max_length=500, description="a question or key words")],
        device_id: Annotated[str | None, Field(max_length=100, description="keeps other kinds' manuals out")] = None,
        limit: Annotated[int, Field(ge=1, le=10, description="passages")] = 4,
    ) -> ManualAnswer:
        """What the equipment manuals and the plant's procedures say.

        Use it before every command and whenever you name a cause: cite manual and section. No
        passage means the manuals do not say; then say that, do not guess. Whole manuals:
        aegisflow://manuals. Next: execute_device_command, or acknowledge_anomaly to keep watching.
        """
        answer = self._plant().find_passages(query, device_id, limit)
        found = answer.value
        passages = found.passages[:limit]
        texts = [clean_lines(passage.text, _PASSAGE_BYTES) for passage in passages]
        longest = max((len(text.encode()) for text in texts), default=0)

        def build(text_bytes: int) -> ManualAnswer:
            return ManualAnswer(
                as_of=format_instant(answer.as_of),
                unavailable=unavailable(answer.unavailable),
                method=found.method,
                note=clean(found.note, 300) or None,
                truncated=text_bytes < longest,
                passages=[
                    PassageItem(
                        manual=passage.manual,
                        title=clean(passage.title, 120),
                        revision=clean(passage.revision, 40),
                        section=clean(passage.section, 200),
                        origin="shipped" if passage.is_ours else "added by the plant",
                        score=round(passage.score, 3),
                        text=clip(text, text_bytes),
                    )
                    for passage, text in zip(passages, texts, strict=True)
                ],
            )

        return largest_that_fits(build, least=200, most=max(200, longest))
