"""A hub below a path of its host's: `https://example.com/hub`. The proxy may pass that path on or take it away."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from aiohttp import web
from aiohttp.web_urldispatcher import MatchInfoError, UrlMappingMatchInfo
from yarl import URL

from hub.core.urls import below


class Prefixed(web.AbstractResource):
    """Every route of an application once more below a prefix."""

    def __init__(self, router: web.UrlDispatcher, prefix: str):
        super().__init__()
        self._router = router
        self._prefix = prefix

    @property
    def canonical(self) -> str:
        """Where it lies."""
        return self._prefix

    async def resolve(self, request: web.Request) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        """What the application has at the rest of the path."""
        url = request.rel_url
        rest = below(self._prefix, url.raw_path)
        if rest == url.raw_path:
            return None, set()
        here = URL.build(path=rest, query_string=url.raw_query_string, encoded=True)
        found = await self._router.resolve(request.clone(rel_url=here))
        if isinstance(found, MatchInfoError):
            allowed = getattr(found.http_exception, "allowed_methods", None)
            return None, set(allowed) if allowed else set()
        return found, set()

    def url_for(self, **kwargs: str) -> URL:
        """Nothing here has a name."""
        raise NotImplementedError

    def add_prefix(self, prefix: str) -> None:
        """Only ever at the root."""
        raise NotImplementedError

    def get_info(self) -> Any:
        """For introspection."""
        return {"prefix": self._prefix}

    def raw_match(self, path: str) -> bool:
        """No other resource is the same."""
        return False

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[web.AbstractRoute]:
        return iter(())
