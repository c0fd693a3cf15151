"""Structured logs: one event, its facts, and the request or conversation it belongs to.

Never log a customer's text, an address book entry, a token or a password: ids are enough to find them.
"""

from __future__ import annotations

import logging
import sys
from contextvars import ContextVar

import structlog

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)  # of the request that is being answered


def configure(*, json: bool, level: str = "info") -> None:
    """Set up structlog and route the standard library's loggers through it."""
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        _with_request,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
    ]
    renderer: structlog.typing.Processor = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(),
            # Never the rich one: it prints local variables, and with them what customers wrote and secrets.
            exception_formatter=structlog.dev.plain_traceback,
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    final: list[structlog.typing.Processor] = [structlog.stdlib.ProcessorFormatter.remove_processors_meta]
    if json:
        final.append(structlog.processors.format_exc_info)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(foreign_pre_chain=shared, processors=[*final, renderer]))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    # These log whole mails, requests or every job at INFO and below.
    for noisy in ("aioimaplib", "aiohttp.access", "twilio", "mail.log", "rq.worker"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # While the database is away it would complain ten times a second; those who need it say so themselves.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)


def _with_request(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    if (found := request_id.get()) is not None:
        event.setdefault("request_id", found)
    return event


def get(name: str) -> structlog.stdlib.BoundLogger:
    """A logger under `name`; bind ids with `.bind(...)` or `structlog.contextvars.bind_contextvars`."""
    return structlog.stdlib.get_logger(name)
