"""OpenAPI 3.1 out of the endpoints: their types are the description, so the two cannot drift apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import JsonSchemaMode, models_json_schema

from hub.web.endpoints import Endpoint
from hub.web.shapes import Id, Problem

Wanted = tuple[type[BaseModel], JsonSchemaMode]
_TEMPLATE = "#/components/schemas/{model}"
_WORDS = {
    401: "Nobody is signed in",
    403: "Not allowed",
    404: "Not there, or not yours to see",
    409: "The state has changed meanwhile",
    413: "Too large",
    422: "The input is not valid",
    429: "Too many requests",
    503: "Not available right now",
}


def describe(endpoints: Sequence[Endpoint], *, version: str, server: str = "/") -> dict[str, Any]:
    """The whole document."""
    wanted: list[Wanted] = [(Problem, "serialization")]
    for endpoint in endpoints:
        wanted += _inputs(endpoint) + _outputs(endpoint)
    refs, definitions = models_json_schema(_once(wanted), ref_template=_TEMPLATE)
    paths: dict[str, dict[str, Any]] = {}
    for endpoint in endpoints:
        paths.setdefault(endpoint.path, {})[endpoint.method.lower()] = _operation(endpoint, refs)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "omnihub",
            "version": version,
            "license": {"name": "GPL-3.0-or-later", "identifier": "GPL-3.0-or-later"},
        },
        "servers": [{"url": server}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {
                "token": {"type": "http", "scheme": "bearer"},
                "session": {"type": "apiKey", "in": "cookie", "name": "hub_session"},
            },
        },
    }


def _operation(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": endpoint.handler.__name__,
        "tags": [endpoint.tag],
        "summary": endpoint.summary.split("\n")[0],
        "description": endpoint.summary,
        "parameters": [*_path(endpoint), *_query(endpoint)],
        "responses": _responses(endpoint, refs),
        "security": [{"token": []}, {"session": []}] if endpoint.action is not None else [{}, {"session": []}],
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
    schema = endpoint.query.model_json_schema(ref_template=_TEMPLATE)
    for name, field in schema.get("properties", {}).items():
        choices = [s for s in field.get("anyOf", [field]) if s.get("type") != "null"]
        yield {"name": name, "in": "query", "required": name in schema.get("required", []), "schema": choices[0]}


def _responses(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    content = _content(endpoint, refs)
    good = {str(s): {"description": "Done", **content} for s in (endpoint.status, *endpoint.also)}
    if endpoint.returns is None and not endpoint.upload:
        good = {str(endpoint.status): {"description": "Done"}}
    bad = {
        *endpoint.errors,
        503,
        *((401, 403) if endpoint.action is not None else (401, 403) if endpoint.method != "GET" else (401,)),
    }
    if endpoint.body is not None or endpoint.query is not None:
        bad.add(422)
    if endpoint.body is not None or endpoint.upload:
        bad.add(413)
    if endpoint.path_ids:
        bad.add(404)
    problem = {"application/problem+json": {"schema": refs[(Problem, "serialization")]}}
    return {**good, **{str(s): {"description": _WORDS[s], "content": problem} for s in sorted(bad)}}


def _content(endpoint: Endpoint, refs: dict[Any, Any]) -> dict[str, Any]:
    if endpoint.returns is None:
        return {}
    if endpoint.returns is bytes:
        return {"content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
    return {"content": {"application/json": {"schema": refs[(endpoint.returns, "serialization")]}}}


def _inputs(endpoint: Endpoint) -> list[Wanted]:
    return [(endpoint.body, "validation")] if endpoint.body is not None else []


def _outputs(endpoint: Endpoint) -> list[Wanted]:
    returns = endpoint.returns
    return [(returns, "serialization")] if returns is not None and issubclass(returns, BaseModel) else []


def _once(wanted: list[Wanted]) -> list[Wanted]:
    return list(dict.fromkeys(wanted))
