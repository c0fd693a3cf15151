"""Serve the browser faces: the desk, the chat widget and the demonstration shop.

The files under `root` are what `hatch_build.py` made of `hub/ui`. Everything with a hash in its name may be kept for
ever; every page is fetched anew, because its Content-Security-Policy carries a nonce used once.
"""

import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

from aiohttp import web

FrameAncestors = Callable[[str], Awaitable[list[str] | None]]

NONCE = "__CSP_NONCE__"
BASE = "__HUB_BASE__"  # the path before ours, for the scripts of a page
_LINK = re.compile(r'\b(?:href|src)="(?=/[^/])')  # a link to something of ours
FOR_EVER = "public, max-age=31536000, immutable"
BRIEFLY = "public, max-age=300"
NOT_BUILT = "The browser faces are not built. Build them with `pip install .` and start the hub again.\n"

HARDENING: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(self), payment=()",
}


def policy(nonce: str, ancestors: str, phones: str = "") -> str:
    """Return the Content-Security-Policy of a page: our own files, nothing inline but what carries the nonce.

    `phones` are the origins a browser's telephone connects to and plays from.
    """
    phones = f" {phones}" if phones else ""
    return (
        f"default-src 'none'; script-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; "
        f"connect-src 'self'{phones}; media-src 'self' blob:{phones}; frame-src 'self' blob:; base-uri 'none'; "
        "form-action 'self'; "
        f"frame-ancestors {ancestors}"
    )


def page(path: Path, ancestors: str = "'none'", phones: str = "", prefix: str = "") -> web.Response:
    """Answer with an HTML page that has a fresh nonce in its text and in its policy, and our prefix in its links."""
    if not path.is_file():
        return web.Response(status=503, text=NOT_BUILT, headers={"Cache-Control": "no-store"})
    nonce = secrets.token_urlsafe(16)
    headers = {
        **HARDENING,
        "Content-Security-Policy": policy(nonce, ancestors, phones),
        "Cache-Control": "no-store",
    }
    if ancestors == "'none'":
        headers["X-Frame-Options"] = "DENY"
    text = path.read_text(encoding="utf-8").replace(NONCE, nonce).replace(BASE, prefix)
    if prefix:
        text = _LINK.sub(rf"\g<0>{prefix}", text)
    return web.Response(text=text, content_type="text/html", headers=headers)


def file(folder: Path, name: str, keep: str, **extra: str) -> web.FileResponse:
    """Answer with a built file, compressed where its .gz sibling exists; nothing outside `folder` can be named."""
    path = (folder / name).resolve()
    if not path.is_relative_to(folder.resolve()) or not path.is_file() or path.suffix == ".gz":
        raise web.HTTPNotFound
    headers = {"Cache-Control": keep, "X-Content-Type-Options": "nosniff", **extra}
    return web.FileResponse(path, headers=headers)


def page_routes(
    root: Path,
    frame_ancestors: FrameAncestors,
    *,
    demo: bool,
    phones: Callable[[], Awaitable[str]] | None = None,
    prefix: str = "",
) -> list[web.RouteDef]:
    """Return the routes of all faces; `frame_ancestors` says which origins may show a chat site's frame.

    `phones` says what the desk's telephone connects to; nothing where there is none. `prefix`: the path before ours.
    """

    async def home(_: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": f"{prefix}/app/"})

    async def desk(_: web.Request) -> web.Response:
        return page(root / "app" / "index.html", phones=await phones() if phones else "", prefix=prefix)

    async def loader(_: web.Request) -> web.FileResponse:
        # Other people's pages load this, also those that ask for CORP.
        return file(root / "widget", "hub.js", BRIEFLY, **{"Cross-Origin-Resource-Policy": "cross-origin"})

    async def frame(request: web.Request) -> web.Response:
        origins = await frame_ancestors(request.query.get("site", ""))
        if origins is None:
            raise web.HTTPNotFound
        return page(root / "widget" / "frame.html", " ".join(dict.fromkeys(["'self'", *origins])), prefix=prefix)

    async def shop(_: web.Request) -> web.Response:
        return page(root / "demo" / "index.html", prefix=prefix)

    def assets(folder: Path, keep: str) -> Callable[[web.Request], Awaitable[web.FileResponse]]:
        async def asset(request: web.Request) -> web.FileResponse:
            return file(folder, request.match_info["name"], keep)

        return asset

    routes = [
        web.get("/", home),
        web.get("/app", home),
        web.get("/app/assets/{name}", assets(root / "app" / "assets", FOR_EVER)),
        web.get("/app/{tail:.*}", desk),
        web.get("/widget/hub.js", loader),
        web.get("/widget/frame", frame),
        web.get("/widget/assets/{name}", assets(root / "widget" / "assets", FOR_EVER)),
    ]
    if demo:
        routes += [web.get("/demo", shop), web.get("/demo/{name}", assets(root / "demo", BRIEFLY))]
    return routes
