"""The shapes that every part of the API is made with (pydantic; OpenAPI 3.1). A domain's own are in its `api`."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from hub.core.field_errors import form

Text = Annotated[str, StringConstraints(max_length=100_000)]
Line = Annotated[str, StringConstraints(max_length=1000)]
Short = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True)]
Key = Annotated[
    str, StringConstraints(max_length=40, pattern=form("key", r"^[a-z][a-z0-9_-]{0,39}$"))
]  # what a file names something by
# What is looked for, wherever something is searched.
SearchWords = Annotated[
    str,
    StringConstraints(max_length=200),
    Field(description="Words to look for, all of them, in any order; in quotation marks in a row. Empty: everything."),
]
# Where a search or a list goes on that is not in the order of ids.
Cursor = Annotated[
    str, StringConstraints(max_length=200), Field(description="Where the next page begins: `next_cursor` as it came.")
]
# 64-bit ids; JavaScript's numbers end at 2^53.
Id = Annotated[int, Field(ge=1, le=9_007_199_254_740_991)]
# Where a list goes on: `next_cursor` as it came. Lists in the order of ids have the last one's in it.
IdCursor = Annotated[
    str,
    StringConstraints(pattern=form("cursor", r"^[1-9][0-9]{0,14}$")),
    Field(description="Where the next page begins: `next_cursor` as it came."),
]


class In(BaseModel):
    """A request body: unknown fields are an error that names them."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=False)


class Ref(BaseModel):
    id: int
    name: str


class InOrderOfIds(In):
    cursor: IdCursor | None = None

    @property
    def after(self) -> int | None:
        """The id that the page before ended with."""
        return None if self.cursor is None else int(self.cursor)


def page(found: list[dict[str, Any]], limit: int) -> dict[str, Any]:
    """A list in the order of ids, of which one more than `limit` was read."""
    items = found[:limit]
    return {"items": items, "next_cursor": str(items[-1]["id"]) if len(found) > limit else None}


class FieldProblem(BaseModel):
    """What is wrong with one field: a `code` with its `params` (`hub/core/field_errors.py`), and the English of it.

    `other`: the code of the whole problem says it.
    """

    field: str
    message: str
    code: str
    params: dict[str, Any]


class Problem(BaseModel):
    """RFC 9457. `code` and `params` say in words that stay what `detail` says in an English sentence."""

    type: str
    title: str
    status: int
    detail: str
    code: str
    params: dict[str, Any] = {}
    errors: list[FieldProblem] = []
    remedy: str | None = None
