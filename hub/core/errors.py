"""What can go wrong, as a person should read it; for screens also as a `code` with the `params` its words need.

Screens word `problem.CODE` of their catalogue (`hub/ui/locales`), and show the sentence of what they do not know.

HubError                 the hub refuses, and says why and what to do
├── ConfigError          a file or variable is wrong: names file, key and remedy
├── Invalid              422: the input breaks a rule
├── Unauthorized         401: nobody is signed in
├── Forbidden            403: signed in, but not allowed
├── NotFound             404: not there, or not for you to see
├── Conflict             409: somebody else was faster, or the state does not allow it
├── TooMany              429: slow down
└── Unavailable          503: a part we need is away; try again
    ├── ConnectionLost   the database hung up in the middle: whether the statement counts is not known
    └── Contended        somebody else holds what this one needs
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar


class HubError(Exception):
    """The hub cannot do this."""

    status: ClassVar[int] = 500
    kind: ClassVar[str] = "failed"  # the code of what has none of its own

    def __init__(
        self,
        detail: str | None = None,
        *,
        remedy: str | None = None,
        fields: Mapping[str, str] | None = None,
        code: str | None = None,
        params: Mapping[str, Any] | None = None,
    ):
        self.code = code
        self.params: dict[str, Any] = dict(params or {})
        self.detail = detail or inspect.cleandoc(type(self).__doc__ or "")
        self.remedy = remedy
        self.fields: dict[str, str] = dict(fields or {})  # a `FieldError` has its words for screens, too
        super().__init__(self.detail if remedy is None else f"{self.detail} {remedy}")

    @property
    def title(self) -> str:
        """The first sentence of the class's docstring, the same for every case."""
        return inspect.cleandoc(type(self).__doc__ or "").split("\n")[0].rstrip(".")


class ConfigError(HubError):
    """The configuration is wrong."""


class Invalid(HubError):
    """The input is not valid."""

    status = 422
    kind = "invalid"


class Unauthorized(HubError):
    """Nobody is signed in."""

    status = 401
    kind = "unauthorized"


class Forbidden(HubError):
    """You are not allowed to do this."""

    status = 403
    kind = "forbidden"


class NotFound(HubError):
    """There is nothing here that you can see."""

    status = 404
    kind = "not_found"


class Conflict(HubError):
    """The state has changed meanwhile."""

    status = 409
    kind = "conflict"


class TooMany(HubError):
    """Too many requests."""

    status = 429
    kind = "too_many"

    def __init__(
        self,
        detail: str | None = None,
        *,
        retry_after: int = 60,
        remedy: str | None = None,
        code: str | None = None,
        params: Mapping[str, Any] | None = None,
    ):
        super().__init__(detail, remedy=remedy, code=code, params=params)
        self.retry_after = retry_after


class Unavailable(HubError):
    """A part of the hub is not available right now."""

    status = 503
    kind = "unavailable"


class ConnectionLost(Unavailable):
    """The connection to the database was lost."""

    def __init__(self) -> None:
        super().__init__(remedy="Try again shortly.")


class Contended(Unavailable):
    """Somebody else is at the same thing right now.

    Only whoever asked is concerned, not everybody beside them. `at_once`: asking again now may well succeed (a
    deadlock is over, a serialization failed); else the time allowed for waiting is used up.
    """

    def __init__(self, detail: str | None = None, *, remedy: str | None = None, at_once: bool = False):
        super().__init__(detail, remedy=remedy)
        self.at_once = at_once
