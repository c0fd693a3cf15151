"""Endpoints: typed functions that validate, authorize, answer JSON and describe themselves.

A handler is a plain coroutine. Its parameters say what it wants: `call` (who and where), `body` and `query` (pydantic
models), and the ids of the path by name. The decorator says the rest. OpenAPI is derived from exactly this.
"""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any, cast

import orjson
from aiohttp import hdrs, web
from pydantic import BaseModel, TypeAdapter, ValidationError

from hub.access.model import Actor, Viewer
from hub.access.permissions import Access, Permission
from hub.access.signin import actor_of_session, actor_of_token
from hub.core.bodies import ANONYMOUS, SIGNED_IN, read_body
from hub.core.errors import Forbidden, Invalid, NotFound, Unauthorized
from hub.core.field_errors import FieldError, dotted, named
from hub.core.service import Core
from hub.core.texts import with_nul
from hub.web.context import CONTEXT, WebContext, same_origin
from hub.web.public import limit
from hub.web.shapes import Id

Handler = Callable[..., Awaitable[Any]]
Checks = Callable[..., Awaitable[Mapping[str, str]]]
Needs = Permission | Access
_ID = TypeAdapter(Id)
MOST_ERRORS = 20
_SAFE = {hdrs.METH_GET, hdrs.METH_HEAD, hdrs.METH_OPTIONS}


@dataclass(frozen=True, slots=True)
class Call:
    """One request: who calls and what of the hub the handler may use."""

    request: web.Request
    context: WebContext
    actor: Actor | None
    needs: Needs

    @property
    def core(self) -> Core:
        """Database, feed, vault."""
        return self.context.core

    @property
    def me(self) -> Actor:
        """Who calls; only endpoints for anyone may be called by nobody."""
        if self.actor is None:
            raise Unauthorized(remedy="Sign in, or send an API token.")
        return self.actor

    @property
    def viewer(self) -> Viewer:
        """How far the permission reaches that this endpoint needs: what its statements may see and change."""
        return self.me.viewer(self.needs) if isinstance(self.needs, Permission) else self.me.viewer()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One operation of the API and everything OpenAPI says about it."""

    method: str
    path: str
    handler: Handler
    returns: type | None
    status: int
    needs: Needs
    errors: tuple[int, ...]
    also: tuple[int, ...]
    body: type[BaseModel] | None
    query: type[BaseModel] | None
    path_ids: tuple[str, ...]
    tag: str
    upload: bool
    media: tuple[str, ...]
    checks: Checks | None

    @property
    def summary(self) -> str:
        """The handler's docstring."""
        return inspect.getdoc(self.handler) or ""


class Endpoints:
    """The endpoints of one area (`tag`), collected by decorator."""

    def __init__(self, tag: str):
        self._tag = tag
        self.all: list[Endpoint] = []

    def add(  # noqa: PLR0913 - what an operation is, by name
        self,
        method: str,
        path: str,
        *,
        needs: Needs,
        returns: type | None = None,
        status: int = 200,
        errors: tuple[int, ...] = (),
        also: tuple[int, ...] = (),
        upload: bool = False,
        media: tuple[str, ...] = ("application/json",),
        checks: Checks | None = None,
    ) -> Callable[[Handler], Handler]:
        """Declare a handler. `needs`: the permission it asks, or who may call it. `also`: other good statuses.

        `returns` is a model (JSON), `bytes` (a file) or `str` (a page); of the last two `media` names the types.
        `checks(call, given, ids of the path)` says what is wrong, by field, with those fields of a body that have the
        right shape, so that whoever sends it reads everything at once. One fault alone is left to the handler's words.
        """

        def remember(handler: Handler) -> Handler:
            hints = typing.get_type_hints(handler)
            names = list(inspect.signature(handler).parameters)
            ids = tuple(name for name in names if name not in {"call", "body", "query"})
            self.all.append(
                Endpoint(
                    method,
                    f"/api/v1{path}",
                    handler,
                    returns,
                    status,
                    needs,
                    errors,
                    also,
                    hints.get("body"),
                    hints.get("query"),
                    ids,
                    self._tag,
                    upload,
                    media,
                    checks,
                )
            )
            return handler

        return remember


def route(endpoint: Endpoint) -> web.RouteDef:
    """The aiohttp route of an endpoint."""

    async def handle(request: web.Request) -> web.StreamResponse:
        context = request.app[CONTEXT]
        if endpoint.needs is Access.ANYONE:
            limit(request)
        actor = await identify(request, context)
        if endpoint.needs is not Access.ANYONE:
            if actor is None:
                raise Unauthorized(remedy="Sign in, or send an API token.")
            if isinstance(endpoint.needs, Permission):
                actor.require(endpoint.needs)
        call = Call(request, context, actor, endpoint.needs)
        arguments: dict[str, Any] = {name: _path_id(request, name) for name in endpoint.path_ids}
        if endpoint.query is not None:
            arguments["query"] = _query(endpoint.query, request)
        if endpoint.body is not None:
            most = ANONYMOUS if endpoint.needs is Access.ANYONE else SIGNED_IN
            arguments["body"] = await _body(endpoint, endpoint.body, call, arguments, most)
        result = await endpoint.handler(call, **arguments)
        if isinstance(result, web.StreamResponse):
            return result
        return json_response(result, status=endpoint.status)

    return web.route(endpoint.method, endpoint.path, handle)


def json_response(value: Any, *, status: int = 200) -> web.Response:
    """`value` as JSON; None is an empty 204."""
    if value is None:
        return web.Response(status=204)
    return web.Response(body=dumps(value), status=status, content_type="application/json")


def dumps(value: Any) -> bytes:
    """JSON with times in UTC and a `Z`."""
    return orjson.dumps(value, option=orjson.OPT_UTC_Z | orjson.OPT_NON_STR_KEYS, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} cannot be shown as JSON")


async def identify(request: web.Request, context: WebContext) -> Actor | None:
    """Who calls: by API token, or by session cookie with the proofs against forged requests."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        actor = await actor_of_token(context.core.db, token.strip())
        if actor is None:
            raise Unauthorized("The API token is not valid.", remedy="Make a new one in your profile.")
        return actor
    cookie = request.cookies.get(context.cookie)
    if not cookie:
        return None
    if request.method not in _SAFE:
        _check_forgery(request, context)
    return await actor_of_session(context.core.db, cookie)


def _check_forgery(request: web.Request, context: WebContext) -> None:
    if not same_origin(request, context) or request.headers.get("X-Hub-Request") != "1":
        raise Forbidden(
            "The request did not come from the hub's own pages.", remedy="Send the header X-Hub-Request: 1."
        )


def _path_id(request: web.Request, name: str) -> int:
    try:
        return _ID.validate_python(request.match_info[name])
    except ValidationError:
        raise NotFound("There is nothing at this address.") from None


def _query(model: type[BaseModel], request: web.Request) -> BaseModel:
    values: dict[str, str] = {}
    for name, value in request.query.items():
        if name in values:
            raise Invalid("A parameter is given twice.", fields={name: "give it once"})
        values[name] = value
    return _validated(model.model_validate, values, "query")


async def _body(endpoint: Endpoint, model: type[BaseModel], call: Call, ids: Mapping[str, Any], most: int) -> BaseModel:
    request = call.request
    raw = await read_body(request, most)
    if request.content_type != "application/json":
        raise Invalid(
            "The body is not JSON.", remedy="Send Content-Type: application/json.", fields={"body": "not JSON"}
        )
    known = {"connectors": request.app[CONTEXT].connectors}  # for bodies that hold a connector's settings
    found, count, faults = None, 0, dict[str, str]()
    try:
        found = model.model_validate_json(raw, strict=True, context=known)
    except ValidationError as error:
        count, faults = error.error_count(), dict[str, str](_named(error, "body"))
    nul = with_nul(orjson.loads(raw)) if found is not None and b"\\u0000" in raw else []
    if nul:
        words = "holds a NUL character (U+0000), which cannot be stored"
        fields = {place[:100] or "body": words for place in nul[:MOST_ERRORS]}
        raise Invalid("The body is not valid.", remedy="Remove it.", fields=fields)
    if endpoint.checks is not None and count < MOST_ERRORS and b"\\u0000" not in raw:
        path = {name: ids[name] for name in endpoint.path_ids}
        more = await endpoint.checks(call, _well_formed(raw, faults), **path)
        if faults or len(more) > 1:
            count += len(more.keys() - faults.keys())
            faults = {**more, **faults}
    if found is None or faults:
        raise _refusal("body", count, faults)
    return found


def _well_formed(raw: bytes, faults: Mapping[str, str]) -> dict[str, Any]:
    """What of a body has the right shape: a wrong field is left out by itself, and of a list all."""
    try:
        given: object = orjson.loads(raw)
    except orjson.JSONDecodeError:
        return {}
    fields = cast("dict[str, Any]", given) if isinstance(given, dict) else {}
    for place in faults:
        _leave_out(fields, place)
    return fields


def _leave_out(fields: dict[str, Any], place: str) -> None:
    name, _, rest = place.partition(".")
    below: object = fields.get(name)
    if place in fields:  # a name may hold a dot itself: `permissions` are called so
        del fields[place]
    elif rest and isinstance(below, dict):
        _leave_out(cast("dict[str, Any]", below), rest)
    else:
        fields.pop(name, None)


def _validated(validate: Callable[[Any], BaseModel], value: Any, place: str) -> BaseModel:
    try:
        return validate(value)
    except ValidationError as error:
        raise _refusal(place, error.error_count(), _named(error, place)) from None


def _refusal(place: str, count: int, fields: Mapping[str, str]) -> Invalid:
    more = f" {count:,} fields are wrong; {len(fields)} of them are named." if count > len(fields) else ""
    return Invalid(f"The {place} is not valid.{more}", remedy="Correct the fields named.", fields=fields)


def _named(error: ValidationError, place: str) -> dict[str, FieldError]:
    """The first of the wrong fields, each with what is wrong: as many and as long as a person reads."""
    found = islice(named(error), MOST_ERRORS)
    return {(dotted(at) or place)[:100]: FieldError(what.code, what[:300], what.params) for at, what in found}


def utc(moment: datetime) -> datetime:
    """A time a caller gave, in UTC; one without a zone counts as UTC."""
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
