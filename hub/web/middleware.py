"""What every request passes: an id for the log, a metric, security headers, and errors as problem+json (RFC 9457)."""

from __future__ import annotations

import itertools
import secrets
import time
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
import psycopg
from aiohttp import web
from prometheus_client import Histogram

from hub.core import log
from hub.core.errors import ConnectionLost, HubError, TooMany, Unavailable
from hub.core.field_errors import FieldError
from hub.core.metrics import REQUESTS
from hub.core.urls import below
from hub.web.context import CONTEXT

logger = log.get(__name__)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_SAFE = frozenset({"GET", "HEAD"})
_PLAIN = frozenset({"", "identity"})
SLOW = 1.0  # seconds; a request that takes longer is worth a line
_PROCESS = secrets.token_hex(4)
_numbers = itertools.count(1)
_timers: dict[tuple[str, str, int], Histogram] = {}  # by method, route and status: a label's look-up takes a lock


@web.middleware
async def outer(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Time, name and guard every request; a stranger never sees a stack trace."""
    request_id = f"{_PROCESS}{next(_numbers):08x}"
    log.request_id.set(request_id)
    started = time.perf_counter()
    response = await _answered(request, handler)
    took = time.perf_counter() - started
    route = request.match_info.route.resource
    name = route.canonical if route is not None else "unmatched"
    if not response.prepared:
        response.headers["X-Request-Id"] = request_id
        response.headers.setdefault("X-Content-Type-Options", "nosniff")
        response.headers.setdefault("Referrer-Policy", "same-origin")
        if below(request.app[CONTEXT].prefix, request.path).startswith("/api/"):
            response.headers.setdefault("Cache-Control", "no-store")
        _timer(request.method, name, response.status).observe(took)
        if took > SLOW:
            logger.warning(
                "slow_request", method=request.method, route=name, status=response.status, seconds=round(took, 3)
            )
    return response


def _timer(method: str, route: str, status: int) -> Histogram:
    found = _timers.get((method, route, status))
    if found is None:
        found = _timers[method, route, status] = REQUESTS.labels(method, route, str(status))
    return found


async def _answered(request: web.Request, handler: Handler) -> web.StreamResponse:
    if request.headers.get("Content-Encoding", "").strip().lower() not in _PLAIN:
        # A few kilobytes may unpack to gigabytes, and nobody who calls us needs to pack anything.
        remedy = "Send the body as it is, without Content-Encoding."
        return _problem(415, "Unsupported Media Type", "Packed bodies are not taken.", remedy=remedy)
    try:
        return await _handled(request, handler)
    except HubError as error:
        if error.status >= 500:
            logger.error("refused", error=error.detail, path=request.path)  # noqa: TRY400 - expected; no trace
        return problem(error)
    except web.HTTPException as error:
        if error.status < 400:
            raise
        return _http_problem(request, error)
    except psycopg.errors.LockNotAvailable:
        return problem(Unavailable("The database is busy.", remedy="Try again shortly."))
    except psycopg.errors.ForeignKeyViolation as error:
        return _problem(422, "The input is not valid", _nothing_there(error), remedy="Use an id that exists.")
    except (psycopg.DataError, psycopg.errors.ProgramLimitExceeded, UnicodeError) as error:
        logger.warning("bad_data", error=str(error), path=request.path)
        return _problem(
            422,
            "The input is not valid",
            "A value cannot be stored.",
            remedy="Check for odd characters or huge numbers.",
        )
    except Exception:
        logger.exception("unexpected", path=request.path)
        return _problem(
            500,
            "Something went wrong here",
            "The error was logged under this request's id.",
            remedy="Try again; if it stays, tell your administrator the id in X-Request-Id.",
        )


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    """The answer; what only reads (RFC 9110 §9.2.1) is tried once more when the database hung up in the middle."""
    try:
        return await handler(request)
    except ConnectionLost:
        if request.method not in _SAFE or "Upgrade" in request.headers:
            raise
        return await handler(request)


def _nothing_there(error: psycopg.errors.ForeignKeyViolation) -> str:
    """Which reference leads nowhere, in the words of the API: `conversation_queue_id_fkey` is about `queue_id`."""
    table, name = error.diag.table_name or "", error.diag.constraint_name or ""
    return f"{name.removeprefix(f'{table}_').removesuffix('_fkey')} refers to nothing that exists."


_UNCODED: dict[str, Any] = {"code": "other", "params": {}}  # the problem's own code says what is wrong


def problem(error: HubError) -> web.Response:
    """A refusal as the caller should read it."""
    fields = [
        {"field": f, "message": m, **({"code": m.code, "params": m.params} if isinstance(m, FieldError) else _UNCODED)}
        for f, m in error.fields.items()
    ]
    code = error.code or error.kind
    response = _problem(
        error.status, error.title, error.detail, remedy=error.remedy, errors=fields, code=code, params=error.params
    )
    if isinstance(error, TooMany):
        response.headers["Retry-After"] = str(error.retry_after)
    if isinstance(error, Unavailable):
        response.headers["Retry-After"] = "5"
    return response


def _http_problem(request: web.Request, error: web.HTTPException) -> web.Response:
    details = {
        404: "There is nothing at this address.",
        405: f"{request.method} is not possible here.",
        408: "The body did not come in time.",
        413: error.text or "That is too large.",
    }
    response = _problem(error.status, error.reason, details.get(error.status, error.reason))
    if "Allow" in error.headers:
        response.headers["Allow"] = error.headers["Allow"]
    return response


_CODES = {404: "not_found", 405: "method", 408: "timeout", 413: "too_large", 415: "packed", 422: "invalid"}


def _problem(  # noqa: PLR0913 - the members of a problem
    status: int,
    title: str,
    detail: str,
    *,
    remedy: str | None = None,
    errors: list[dict[str, Any]] | None = None,
    code: str | None = None,
    params: dict[str, Any] | None = None,
) -> web.Response:
    body = {
        "type": "about:blank",
        "title": title,
        "status": status,
        "detail": detail,
        "code": code or _CODES.get(status, "failed"),
        "params": params or {},
        "errors": errors or [],
        "remedy": remedy,
    }
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/problem+json")
