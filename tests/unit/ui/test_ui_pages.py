"""The page server: fresh nonces, lasting assets, and what is refused."""

import gzip
import re
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from hub.web.pages import page_routes


@pytest.fixture
def root(tmp_path: Path) -> Path:
    page = '<meta property="csp-nonce" nonce="__CSP_NONCE__"><script src="/app/a.js" nonce="__CSP_NONCE__"></script>'
    for name, text in {
        "app/index.html": page,
        "app/assets/a-1.js": "let a = 1\n" * 400,
        "widget/hub.js": "let hub\n",
        "widget/frame.html": page,
        "widget/assets/f-1.css": "a{}",
        "demo/index.html": "<h1>Shop</h1>",
        "demo/shop.css": "b{}",
        "secret.txt": "no",
    }.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    js = tmp_path / "app/assets/a-1.js"
    js.with_name("a-1.js.gz").write_bytes(gzip.compress(js.read_bytes()))
    return tmp_path


async def ancestors(site: str) -> list[str] | None:
    return {"web": ["https://shop.example"], "closed": []}.get(site)


async def client(root: Path, *, demo: bool = True) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    app.add_routes(page_routes(root, ancestors, demo=demo))
    return TestClient(TestServer(app))


async def test_root_leads_to_the_desk(root: Path) -> None:
    async with await client(root) as c:
        answer = await c.get("/", allow_redirects=False)
        assert (answer.status, answer.headers["Location"]) == (302, "/app/")


async def test_every_page_load_has_its_own_nonce(root: Path) -> None:
    async with await client(root) as c:
        seen: set[str] = set()
        for path in ("/app/", "/app/inbox/mine/5", "/app/inbox/mine/5"):
            answer = await c.get(path)
            text = await answer.text()
            found = re.search(r"'nonce-([^']+)'", answer.headers["Content-Security-Policy"])
            assert found
            assert text.count(found[1]) == 2
            assert "__CSP_NONCE__" not in text
            seen.add(found[1])
        assert len(seen) == 3


async def test_desk_cannot_be_framed_or_cached(root: Path) -> None:
    async with await client(root) as c:
        headers = (await c.get("/app/")).headers
        policy = headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self' 'nonce-")
        assert "unsafe" not in policy
        assert policy.endswith("frame-ancestors 'none'")
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"


async def test_assets_last_and_come_compressed(root: Path) -> None:
    async with await client(root) as c:
        answer = await c.get("/app/assets/a-1.js", headers={"Accept-Encoding": "gzip"})
        assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
        assert answer.headers["Content-Encoding"] == "gzip"
        assert (await answer.text()).startswith("let a")


@pytest.mark.parametrize("path", ["/app/assets/none.js", "/app/assets/..%2f..%2fsecret.txt", "/app/assets/a-1.js.gz"])
async def test_what_is_not_an_asset_is_not_found(root: Path, path: str) -> None:
    async with await client(root) as c:
        assert (await c.get(path)).status == 404


async def test_frame_names_the_origins_of_its_site(root: Path) -> None:
    async with await client(root) as c:
        answer = await c.get("/widget/frame?site=web")
        assert answer.headers["Content-Security-Policy"].endswith("frame-ancestors 'self' https://shop.example")
        assert "X-Frame-Options" not in answer.headers
        closed = await c.get("/widget/frame?site=closed")
        assert closed.headers["Content-Security-Policy"].endswith("frame-ancestors 'self'")
        assert (await c.get("/widget/frame?site=unknown")).status == 404
        assert (await c.get("/widget/frame")).status == 404


async def test_loader_may_be_embedded_anywhere(root: Path) -> None:
    async with await client(root) as c:
        answer = await c.get("/widget/hub.js")
        assert answer.headers["Cross-Origin-Resource-Policy"] == "cross-origin"
        assert answer.headers["Cache-Control"] == "public, max-age=300"


async def test_shop_is_there_only_in_the_demonstration(root: Path) -> None:
    async with await client(root) as c:
        assert (await c.get("/demo")).status == 200
        assert (await c.get("/demo/shop.css")).status == 200
    async with await client(root, demo=False) as c:
        assert (await c.get("/demo")).status == 404


async def test_faces_that_are_not_built_say_how_to_build_them(tmp_path: Path) -> None:
    async with await client(tmp_path) as c:
        answer = await c.get("/app/")
        assert answer.status == 503
        assert "pip install ." in await answer.text()
