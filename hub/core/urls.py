"""The public address, taken apart: behind a proxy it may have a path of its own before ours."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SEGMENT = re.compile(r"[A-Za-z0-9._~-]+")


def prefix_of(public_url: str) -> str:
    """The path before ours: `/hub` of `https://example.com/hub`, empty without one."""
    return urlsplit(public_url).path.rstrip("/")


def below(prefix: str, path: str) -> str:
    """A path as it is here, whether the proxy took the prefix away or passed it on."""
    if prefix and (path == prefix or path.startswith((f"{prefix}/", f"{prefix}?"))):
        rest = path[len(prefix) :]
        return rest if rest.startswith("/") else f"/{rest}"
    return path


def authority(host: str, port: int) -> str:
    """`host:port` as it stands in an address: an IPv6 host has brackets."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def public(url: str) -> str:
    """A public address in its one form, without a trailing slash; a `ValueError` says what is wrong with it."""
    parts = urlsplit(url.strip())
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("must be a full address such as https://hub.example.com or https://example.com/hub")
    _ = parts.port  # a ValueError when it is no number
    if parts.username is not None or parts.password is not None:
        raise ValueError("must have no user name or password in it")
    if parts.query or parts.fragment or "?" in url or "#" in url:
        raise ValueError("must end with its path: no ? and no #")
    segments = [segment for segment in parts.path.split("/") if segment]
    if any(not _SEGMENT.fullmatch(segment) or set(segment) == {"."} for segment in segments):
        raise ValueError("may have a path of letters, digits and - . _ ~ only, such as /hub")
    path = "".join(f"/{segment}" for segment in segments)
    return f"{parts.scheme}://{parts.netloc.lower()}{path}"


def listening(host: str) -> str:
    """A host to listen on; a `ValueError` when it is an address, or holds a port."""
    bare = host.strip()
    if bare.startswith("[") and bare.endswith("]"):
        bare = bare[1:-1]
    if not bare:
        raise ValueError("is empty: use 127.0.0.1, 0.0.0.0 for every network, or ::")
    if "/" in bare or "@" in bare or (bare.count(":") == 1):
        raise ValueError("must be a host or an IP address alone, such as 127.0.0.1, ::1 or hub.example.com")
    return bare
