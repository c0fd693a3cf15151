"""OpenAPI 3.1 out of the endpoints: their types are the description, so the two cannot drift apart.

The names in it are a contract, too: generated clients call operations by the handlers' names and types by the shapes'.
Both are unique, and adding or renaming one shows in `docs/openapi.json`, which is committed (`make api`).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from hub.access.permissions import Access
from hub.web.endpoints import Endpoint
from hub.web.shapes import Id, Problem

Wanted = tuple[type[BaseModel], JsonSchemaMode]
_TEMPLATE = "#/components/schemas/{model}"
_ABOUT = """The hub's own desk uses this API and no other.

Sign in with an API token (`Authorization: Bearer …`, made by `POST /api/v1/tokens`) or as a browser does.
Times are in UTC. Errors are problem details (RFC 9457) that name the field and say what to do;
503 means: nothing was done, try again soon. Lists go on with `next_cursor`. What happens meanwhile is on the WebSocket
`/ws` (docs/develop/realtime.md)."""
TAGS = {
    "session": "Signing in and out, oneself, one's API tokens.",
    "conversations": "Offers and conversations: read, answer, hand over, resolve.",
    "calls": "Telephone calls, callbacks, recordings, and one's own telephone.",
    "contacts": "Customers: addresses, links between records, the timeline across channels.",
    "desk": "What the desk needs beside: colleagues, canned replies, outcome codes, notices.",
    "files": "Files to send and files that came.",
    "mailboxes": "Mailboxes, for administrators: add, test, compare with the server.",
    "messaging": "SMS and WhatsApp: approved templates, consent, how each number fares.",
    "reports": "Queues and agents, now and as they were.",
    "administration": "Roles, permissions, queues and the connectors installed, for who may change them.",
    "operations": "The event log, what could not be processed, and sends of unknown fate.",
}
_GOOD = {200: "Done", 201: "Made", 204: "Done; there is nothing to show"}
_BAD = {
    401: ("Unauthorized", "Nobody is signed in"),
    403: ("Forbidden", "Not allowed"),
    404: ("NotFound", "Not there, or not yours to see"),
    409: ("Conflict", "The state has changed meanwhile"),
    413: ("TooLarge", "Too large"),
    422: ("Invalid", "The input is not valid"),
    429: ("TooManyRequests", "Too many requests"),
    503: ("Unavailable", "Not available right now"),
}
_SECURITY = {
    "token": {"type": "http", "scheme": "bearer", "description": "An API token of an agent."},
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": "hub_session",
        "description": "A browser's session. Whatever changes something needs the header `X-Hub-Request: 1` as well.",
    },
}


def describe(endpoints: Sequence[Endpoint], *, version: str, server: str = "/") -> dict[str, Any]:
    """The whole document; `ValueError` where two operations or two shapes would have one name."""
    wanted: list[Wanted] = [(Problem, "serialization")]
    for endpoint in endpoints:
        wanted += _inputs(endpoint) + _outputs(endpoint)
    refs, definitions = models_json_schema(_once(wanted), ref_template=_TEMPLATE, schema_generator=_Schema)
    schemas: dict[str, Any] = definitions.get("$defs", {})
    _refuse_shared_names(endpoints, schemas)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in sorted(endpoints, key=lambda e: (e.path, e.method)):
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "omnihub",
            "description": _ABOUT,
            "version": version,
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": server, "description": "This installation"}],
        "tags": [{"name": name, "description": text} for name, text in TAGS.items()],
        "paths": paths,
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "responses": _problems(refs[(Problem, "serialization")]),
            "securitySchemes": _SECURITY,
        },
    }


class _Schema(GenerateJsonSchema):
    """JSON Schema without titles: they repeat the names that are there already."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        found = super().model_schema(schema)
        found.pop("title", None)
        return found


def _refuse_shared_names(endpoints: Sequence[Endpoint], schemas: dict[str, Any]) -> None:
    # pydantic tells shapes of one name apart by their modules, and a body from an answer by a suffix.
    shared = [name for name in schemas if "__" in name or "-" in name]
    shared += [name for name, n in Counter(e.handler.__name__ for e in endpoints).items() if n > 1]
    if shared:
        raise ValueError(f"Names of the API that are given twice: {', '.join(shared)}")


def _operation(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    summary, _, more = endpoint.summary.partition("\n")
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "tags": [endpoint.tag],
        "summary": summary,
        **({"description": more.strip()} if more else {}),
        "parameters": [*_path(endpoint), *_query(endpoint)],
        "responses": _responses(endpoint, refs),
        "security": [{"token": []}, {"session": []}] if endpoint.needs is not Access.ANYONE else [{}, {"session": []}],
    }
    if endpoint.body is not None:
        schema = refs[(endpoint.body, "validation")]
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    elif endpoint.upload:
        file = {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "format": "binary"}}}
        operation["requestBody"] = {"required": True, "content": {"multipart/form-data": {"schema": file}}}
    return operation


def _path(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    schema = TypeAdapter(Id).json_schema()
    return ({"name": name, "in": "path", "required": True, "schema": schema} for name in endpoint.path_ids)


def _query(endpoint: Endpoint) -> Iterable[dict[str, Any]]:
    if endpoint.query is None:
        return
    schema = endpoint.query.model_json_schema(ref_template=_TEMPLATE, schema_generator=_Schema)
    for name, field in schema.get("properties", {}).items():
        choice = next(dict(s) for s in field.get("anyOf", [field]) if s.get("type") != "null")
        said = field.get("description") or choice.get("description")
        choice.pop("description", None)
        about = {"description": said} if said else {}
        required = name in schema.get("required", [])
        yield {"name": name, "in": "query", **about, "required": required, "schema": choice}


def _responses(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    content = _content(endpoint, refs)
    good = {str(s): {"description": _GOOD[s], **content} for s in (endpoint.status, *endpoint.also)}
    bad = {
        *endpoint.errors,
        503,
        *((401, 403) if endpoint.needs is not Access.ANYONE else (401, 403) if endpoint.method != "GET" else (401,)),
    }
    if endpoint.body is not None or endpoint.query is not None:
        bad.add(422)
    if endpoint.body is not None or endpoint.upload:
        bad.add(413)
    if endpoint.path_ids:
        bad.add(404)
    return {**good, **{str(s): {"$ref": f"#/components/responses/{_BAD[s][0]}"} for s in sorted(bad)}}


def _problems(schema: dict[str, Any]) -> dict[str, Any]:
    content = {"application/problem+json": {"schema": schema}}
    return {name: {"description": text, "content": content} for name, text in _BAD.values()}


def _content(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    if endpoint.returns is None:
        return {}
    if issubclass(endpoint.returns, BaseModel):
        schema: dict[str, Any] = refs[(endpoint.returns, "serialization")]
    else:
        schema = {"type": "string", "format": "binary"} if endpoint.returns is bytes else {"type": "string"}
    return {"content": {media: {"schema": schema} for media in endpoint.media}}


def _inputs(endpoint: Endpoint) -> list[Wanted]:
    return [(endpoint.body, "validation")] if endpoint.body is not None else []


def _outputs(endpoint: Endpoint) -> list[Wanted]:
    returns = endpoint.returns
    return [(returns, "serialization")] if returns is not None and issubclass(returns, BaseModel) else []


def _once(wanted: list[Wanted]) -> list[Wanted]:
    return list(dict.fromkeys(wanted))
