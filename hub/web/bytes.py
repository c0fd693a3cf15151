"""Bytes as an answer: a few at once, many piece by piece, so that no large file is in memory whole to be read."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import aclosing

from aiohttp import hdrs, web

from hub.core import log
from hub.core.file_places import FilesAway
from hub.core.files import PIECE, FileMissing, Opened

logger = log.get(__name__)


async def bytes_response(request: web.Request, opened: Opened, headers: Mapping[str, str]) -> web.StreamResponse:
    """The bytes; a reader who goes on slowly holds one piece of them. HEAD gets the headers alone."""
    async with aclosing(opened.pieces) as pieces:
        if opened.size <= PIECE:
            return web.Response(body=b"".join([piece async for piece in pieces]), headers=headers)
        response = web.StreamResponse(headers=headers)
        response.content_length = opened.size
        await response.prepare(request)
        if request.method == hdrs.METH_HEAD:
            return response
        try:
            async for piece in pieces:
                await response.write(piece)
            await response.write_eof()
        except ConnectionError:
            pass  # whoever asked has left
        except (FilesAway, FileMissing) as error:
            # The answer has begun: that it breaks off before its length is how its reader learns of it.
            logger.warning("file_broken_off", path=request.path, reason=str(error))
            if request.transport is not None:
                request.transport.abort()
        return response
