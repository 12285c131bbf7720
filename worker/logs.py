"""Logs: structlog, as JSON lines or for a console. Ids and numbers only: never a body, a secret or personal data."""

import logging
import sys
from typing import Literal

import structlog


def as_a_warning(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Aiokafka tries again by itself what it logs as an error; what does not come to an end, the worker says itself."""
    if event["level"] == "error" and str(event.get("logger", "")).startswith("aiokafka"):
        event["level"] = "warning"
    return event


def configure_logs(log_format: Literal["json", "console"], level: str) -> None:
    """Set up structlog, and send what libraries log through it, warnings and worse."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer() if log_format == "json" else structlog.dev.ConsoleRenderer()
    )
    number = logging.getLevelName(level.upper())
    structlog.configure(
        processors=[*shared, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(number),
        logger_factory=structlog.WriteLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[structlog.stdlib.add_logger_name, *shared, as_a_warning],
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(number, logging.WARNING))
