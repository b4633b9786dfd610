"""Logs, set up in one place: they go to stderr, since stdout may carry the protocol."""

import logging
import sys
from typing import TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer

# Neither form shows the values of local variables, which structlog's own defaults do: among them are tokens,
# passwords and the address of a webhook.
_FRAMES = structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False))


def configure_logs(level: str = "info", *, json_lines: bool = False, file: TextIO | None = None) -> None:
    """Send structlog's events, and the libraries' warnings, to stderr or to a file.

    Args:
        level: the least important level that is shown: debug, info, warning or error.
        json_lines: one JSON object a line, for collectors, instead of lines for people.
        file: open for writing, instead of stderr.
    """
    file = file or sys.stderr
    number = logging.getLevelNamesMapping()[level.upper()]
    rendering: list[structlog.typing.Processor] = (
        [_FRAMES, structlog.processors.JSONRenderer()]
        if json_lines
        else [structlog.dev.ConsoleRenderer(colors=file.isatty(), exception_formatter=structlog.dev.plain_traceback)]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendering,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.PrintLoggerFactory(file),
        # Modules make their loggers as they are imported, before this says where to.
        cache_logger_on_first_use=False,
    )
    # Whatever our own level is, of libraries only warnings are of interest.
    logging.basicConfig(stream=file, level=max(number, logging.WARNING), format="%(levelname)s %(name)s: %(message)s")
