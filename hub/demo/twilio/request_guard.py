"""What the stand-in checks of a request: who may ask, whether Twilio would understand it, and what goes wrong today."""

from __future__ import annotations

import asyncio
import base64
import hmac
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from hub.demo.twilio.messages import API, ApiError
from hub.demo.twilio.shapes import Request
from hub.demo.twilio.wire import Faults

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Fields = dict[str, list[str]]
_KEPT = 5000
_DOMAINS = (f"/{API}/", "/v1/Content")
# What is said about a missing field where Twilio has an error of its own.
_MISSING: dict[tuple[tuple[str, ...], str], tuple[int, str]] = {
    (("Messages",), "To"): (21604, "A 'To' phone number is required."),
    (("Calls",), "To"): (21201, "No 'To' number is specified"),
    (("Calls",), "From"): (21213, "'From' parameter is required."),
    (("Conferences", "Participants"), "To"): (21201, "No 'To' number is specified"),
    (("Conferences", "Participants"), "From"): (21213, "'From' parameter is required."),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """One request of the API, as it came: `fields` of its form, `query` of its address."""

    method: str
    path: str
    query: Fields
    fields: Fields


@dataclass(slots=True)
class RequestGuard:
    """Stands before every resource. `api_keys` open it as the account's own token does; `problems` are refusals."""

    account_sid: str
    token: str
    faults: Faults
    problems: list[tuple[int, str]]
    api_keys: dict[str, str] = field(default_factory=dict[str, str])
    asked: list[Asked] = field(default_factory=list[Asked])

    async def pass_through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """What an API request comes to; errors as Twilio words them."""
        try:
            if not request.path.startswith(_DOMAINS):
                return await handler(request)
            self._sign_in(request)
            if request.method != "POST":
                await self._understand(request)
                return await handler(request)
            return await self._posted(request, handler)
        except ApiError as error:
            return answer(error.body, error.status, error.headers)
        except web.HTTPNotFound:
            return answer(missing(request).body, 404)
        except (KeyError, ValueError) as error:
            return answer({"code": 20001, "message": f"Bad request: {error}", "status": 400}, 400)

    def _sign_in(self, request: web.Request) -> None:
        keys = {self.account_sid: self.token, **self.api_keys}
        said = request.headers.get("Authorization", "")
        expected = [f"Basic {base64.b64encode(f'{user}:{secret}'.encode()).decode()}" for user, secret in keys.items()]
        if not any(hmac.compare_digest(said, one) for one in expected):
            raise ApiError(401, 20003, "Authenticate", {"WWW-Authenticate": 'Basic realm="Twilio API"'})
        if request.match_info.get("account", self.account_sid) != self.account_sid:
            raise missing(request)

    async def _posted(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        faults = self.faults
        await request.read()  # once the bytes are here they count, whoever hangs up
        await asyncio.sleep(faults.slow / 2)
        if faults.take("throttle"):
            raise ApiError(429, 20429, "Too Many Requests", {"Retry-After": "1", "Twilio-Concurrent-Requests": "100"})
        if faults.take("fail"):
            raise ApiError(500, 20500, "Internal Server Error")
        await self._understand(request)
        done = await handler(request)
        if faults.take("lose_answer"):
            raise ApiError(500, 20500, "Internal Server Error")
        await asyncio.sleep(3600 if faults.take("hang") else faults.slow / 2)
        return done

    async def _understand(self, request: web.Request) -> None:
        """`ApiError` for a field that the real API does not know, cannot read or misses."""
        form: Fields = {}
        if request.method == "POST":
            posted = await request.post()
            form = {name: [str(v) for v in posted.getall(name)] for name in posted}
        query = {name: list(request.query.getall(name)) for name in request.query}
        self.asked.append(Asked(request.method, request.path, query, form))
        del self.asked[:-_KEPT]
        found = Request.of(request.method, request.path)
        if found is None:
            return
        given = form if request.method == "POST" else query
        if wrong := found.problems(given):
            self.problems.append((20001, f"{request.method} {request.path}: {wrong}"))
            raise ApiError(400, 20001, f"Unknown or unreadable parameters: {'; '.join(wrong)}")
        for name in found.missing(given):
            code, words = _MISSING.get((found.resource, name), (20001, f"Missing required parameter {name}"))
            raise ApiError(400, code, words)


def missing(request: web.Request) -> ApiError:
    """Nothing is there."""
    return ApiError(404, 20404, f"The requested resource {request.path} was not found")


def answer(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    """A JSON answer."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json", headers=headers)
