"""Bytes as an answer: a few at once, many piece by piece, so that no large file is in memory whole to be read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing

from aiohttp import web

from hub.core.files import PIECE, Opened


async def bytes_response(request: web.Request, opened: Opened, headers: Mapping[str, str]) -> web.StreamResponse:
    """The bytes; a reader who goes on slowly holds one piece of them."""
    async with aclosing(opened.pieces) as pieces:
        if opened.size <= PIECE:
            return web.Response(body=b"".join([piece async for piece in pieces]), headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_length = opened.size
        await response.prepare(request)
        async for piece in pieces:
            await response.write(piece)
        await response.write_eof()
        return response
