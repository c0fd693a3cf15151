"""Names of time zones in inputs, as the IANA database has them."""

from __future__ import annotations

from typing import Annotated
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, StringConstraints

from hub.core.field_errors import refuse


def _known(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder of them
        raise refuse("timezone") from None
    return value


def _known_or_none(value: str) -> str:
    return _known(value) if value else value


TimeZone = Annotated[str, StringConstraints(max_length=64, strip_whitespace=True), AfterValidator(_known)]
TimeZoneOrNone = Annotated[str, StringConstraints(max_length=64, strip_whitespace=True), AfterValidator(_known_or_none)]
