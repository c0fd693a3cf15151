"""Request bodies: read as they come, and no further than they may be long."""

from __future__ import annotations

from aiohttp import web

ANONYMOUS = 64 * 1024  # bytes from whoever has not signed in
SIGNED_IN = 2 * 1024 * 1024  # a long answer with HTML; files are uploaded, in pieces


async def read_body(request: web.Request, most: int) -> bytes:
    """The body, as it came; 413 as soon as it is known to be longer than `most` bytes."""
    if (request.content_length or 0) > most:
        raise too_large(most, request.content_length or 0)
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > most:
            raise too_large(most, len(body))
    return bytes(body)


def too_large(most: int, size: int) -> web.HTTPRequestEntityTooLarge:
    """413, in so many words."""
    words = f"At most {most // 1024} KB are taken here."
    return web.HTTPRequestEntityTooLarge(max_size=most, actual_size=size, text=words)
