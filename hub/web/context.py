"""What the handlers of one web process share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from aiohttp import web

from hub.channels.accounts import Accounts
from hub.channels.model import Accept, Connector
from hub.core.processes import ServerState
from hub.core.service import Core
from hub.core.urls import prefix_of


@dataclass(slots=True)
class WebContext:
    """Built once in `hub.app`."""

    core: Core
    accounts: Accounts
    connectors: dict[str, Connector]
    intake: Accept
    version: str
    demo: bool = False
    allowed_origins: frozenset[str] = frozenset()
    trusted_proxies: int = 0
    own_servers: Callable[[], Sequence[ServerState]] | None = None  # the embedded ones, where this process keeps them
    prefix: str = field(init=False)  # the path before ours under which the world reaches us; empty at a host of our own

    def __post_init__(self) -> None:
        self.prefix = prefix_of(self.core.public_url)

    @property
    def secure(self) -> bool:
        """Whether the world reaches us by https."""
        return self.core.public_url.startswith("https://")

    @property
    def cookie_path(self) -> str:
        """Where our cookies count: what else the host has below other paths never sees them."""
        return self.prefix or "/"

    @property
    def cookie(self) -> str:
        """The session cookie's name: see `_cookie`."""
        return self._cookie("hub_session")

    def _cookie(self, name: str) -> str:
        """Browsers tie `__Host-` ones to https, this host and all of it, `__Secure-` ones to https."""
        if not self.secure:
            return name
        return f"__Secure-{name}" if self.prefix else f"__Host-{name}"

    @property
    def device_cookie(self) -> str:
        """The name of the cookie by which a browser that signed in before is known (`hub.access.devices`)."""
        return self._cookie("hub_device")


CONTEXT = web.AppKey("context", WebContext)


def same_origin(request: web.Request, context: WebContext) -> bool:
    """Whether the request's Origin is ours: the public address, an allowed one, or the host it was sent to."""
    origin = request.headers.get("Origin")
    if origin is None:
        return request.headers.get("Sec-Fetch-Site", "same-origin") in {"same-origin", "none"}
    parts = urlsplit(origin)
    return (
        origin == _origin(context.core.public_url)
        or origin in context.allowed_origins
        or (parts.netloc == request.host and parts.scheme in {"http", "https"})
    )


def client_ip(request: web.Request, context: WebContext) -> str:
    """The caller's network address: as many steps back in X-Forwarded-For as there are proxies of ours."""
    if context.trusted_proxies:
        hops = [h.strip() for h in ",".join(request.headers.getall("X-Forwarded-For", [])).split(",") if h.strip()]
        if len(hops) >= context.trusted_proxies:
            return hops[-context.trusted_proxies]
    return request.remote or "unknown"


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
