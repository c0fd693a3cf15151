"""Pages of a list, as Twilio has them: each names the others, and a token keeps one's place while the list grows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from hub.demo.twilio.request_guard import answer

Json = dict[str, Any]


def paged(request: web.Request, name: str, found: Sequence[Json]) -> web.Response:
    """One page of the API of 2010."""
    size, page, start = _where(request, found)
    here = found[start : start + size]
    more = start + size < len(found)
    return answer(
        {
            name: here,
            "page": page,
            "page_size": size,
            "start": start,
            "end": start + max(len(here) - 1, 0),
            "uri": _uri(request, size, page),
            "first_page_uri": _uri(request, size, 0),
            "previous_page_uri": _uri(request, size, page - 1) if page else None,
            "next_page_uri": _uri(request, size, page + 1, here[-1]) if more else None,
        }
    )


def newer(request: web.Request, name: str, found: Sequence[Json], base: str) -> web.Response:
    """One page of the newer APIs, which put the same into `meta` and name whole addresses."""
    size, page, start = _where(request, found)
    here = found[start : start + size]
    more = start + size < len(found)
    meta: Json = {
        "page": page,
        "page_size": size,
        "first_page_url": base + _uri(request, size, 0),
        "previous_page_url": base + _uri(request, size, page - 1) if page else None,
        "url": base + _uri(request, size, page),
        "next_page_url": base + _uri(request, size, page + 1, here[-1]) if more else None,
        "key": name,
    }
    return answer({name: here, "meta": meta})


def _where(request: web.Request, found: Sequence[Json]) -> tuple[int, int, int]:
    """Size and number of the page, and where it begins: after what its token names."""
    query = request.query
    size = min(max(int(query.get("PageSize", "50")), 1), 1000)
    page = max(int(query.get("Page", "0")), 0)
    token = query.get("PageToken", "")
    after = [n for n, item in enumerate(found) if token and _token(item) == token]
    return size, page, after[0] + 1 if after else page * size


def _token(item: Json) -> str:
    return f"PA{item.get('sid') or item.get('call_sid')}"


def _uri(request: web.Request, size: int, page: int, last: Json | None = None) -> str:
    asked = {k: v for k, v in request.query.items() if k != "PageToken"}
    token = {"PageToken": _token(last)} if last else {}
    return f"{request.path}?{urlencode({**asked, 'PageSize': size, 'Page': page, **token})}"
