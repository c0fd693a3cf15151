"""A double of an S3 store, for tests: objects in memory, each request's signature recomputed, and whatever can go wrong.

It is no S3 server. What it does not know is the store's own: regions, policies, versions, multipart uploads.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from dataclasses import dataclass, field
from urllib.parse import quote

from aiohttp import web

from hub.core.file_places import Bucket

KEY, SECRET = "AKIDTEST", "a secret of the test's"


@dataclass
class Store:
    """The objects of the bucket `files`, and its moods."""

    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    asked: list[str] = field(default_factory=list[str])
    status: int | None = None  # what everything is answered with
    hangs: bool = False
    gone: bool = False  # there is no bucket
    port: int = 0
    runner: web.AppRunner | None = None

    async def start(self) -> Store:
        app = web.Application(client_max_size=2**28)
        app.router.add_route("*", "/{bucket}/{key:.+}", self._answer)
        self.runner = web.AppRunner(app)
        await self.runner.setup()
        site = web.TCPSite(self.runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self.runner.addresses[0][1]
        return self

    async def stop(self) -> None:
        assert self.runner is not None
        await self.runner.cleanup()

    def bucket(self, *, secret: str = SECRET, prefix: str = "") -> Bucket:
        return Bucket("files", f"http://127.0.0.1:{self.port}", "eu-test-1", prefix, KEY, secret)

    async def _answer(self, request: web.Request) -> web.Response:
        body = await request.read()
        key = request.match_info["key"]
        self.asked.append(f"{request.method} {key}")
        if self.hangs:
            await asyncio.sleep(3600)
        if self.status is not None:
            return web.Response(status=self.status, text="<Error><Code>Mood</Code></Error>")
        if not _signed(request, body):
            return web.Response(status=403, text="<Error><Code>SignatureDoesNotMatch</Code></Error>")
        if self.gone or request.match_info["bucket"] != "files":
            return web.Response(status=404, text="<Error><Code>NoSuchBucket</Code></Error>")
        return self._object(request, key, body)

    def _object(self, request: web.Request, key: str, body: bytes) -> web.Response:
        if request.method == "PUT":
            self.objects[key] = body
            return web.Response(headers={"ETag": f'"{hashlib.md5(body).hexdigest()}"'})
        if request.method == "DELETE":
            self.objects.pop(key, None)
            return web.Response(status=204)
        if key not in self.objects:
            return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
        whole = self.objects[key]
        headers = {"ETag": '"x"', "Last-Modified": "Mon, 30 Nov 2026 20:00:00 GMT"}
        if (wanted := request.headers.get("Range")) is not None:
            first, _, last = wanted.removeprefix("bytes=").partition("-")
            part = whole[int(first) : int(last) + 1]
            headers["Content-Range"] = f"bytes {first}-{int(first) + len(part) - 1}/{len(whole)}"
            return web.Response(status=206, body=part, headers=headers)
        return web.Response(body=whole, headers=headers)


def _signed(request: web.Request, body: bytes) -> bool:
    """Whether the signature (version 4) is that of our secret over this request and these bytes."""
    algorithm, _, rest = request.headers.get("Authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if algorithm != "AWS4-HMAC-SHA256" or not parts.get("Credential", "").startswith(f"{KEY}/"):
        return False
    told = request.headers.get("x-amz-content-sha256", "")
    if told not in ("UNSIGNED-PAYLOAD", hashlib.sha256(body).hexdigest()):
        return False
    names = parts["SignedHeaders"].split(";")
    query = "&".join(sorted(f"{quote(k, safe='-_.~')}={quote(v, safe='-_.~')}" for k, v in request.query.items()))
    canonical = [request.method, request.rel_url.raw_path, query]
    canonical += [f"{name}:{request.headers[name].strip()}" for name in names]
    asked = "\n".join([*canonical, "", parts["SignedHeaders"], told])
    _, day, region, service, end = parts["Credential"].split("/")
    text = "\n".join(
        [
            algorithm,
            request.headers["x-amz-date"],
            f"{day}/{region}/{service}/{end}",
            hashlib.sha256(asked.encode()).hexdigest(),
        ]
    )
    key = f"AWS4{SECRET}".encode()
    for word in (day, region, service, end):
        key = hmac.digest(key, word.encode(), hashlib.sha256)
    return hmac.compare_digest(hmac.digest(key, text.encode(), hashlib.sha256).hex(), parts["Signature"])
