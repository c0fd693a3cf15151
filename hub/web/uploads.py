"""One file of a multipart body, never more of it in memory than may be kept."""

from __future__ import annotations

from aiohttp import BodyPartReader, web
from aiohttp.http_exceptions import HttpProcessingError

from hub.core.bodies import too_large
from hub.core.errors import Invalid

MAX_UPLOAD = 25 * 1024 * 1024  # bytes
_AROUND = 64 * 1024  # bytes of an upload that are not its file


async def read_file(request: web.Request) -> tuple[str, str, bytes]:
    """The first file of a multipart body: name, type, bytes. Never more than `MAX_UPLOAD` of it in memory."""
    try:
        if (request.content_length or 0) > MAX_UPLOAD + _AROUND:
            raise too_large(MAX_UPLOAD, request.content_length or 0)
        part = await (await request.multipart()).next()
    except (ValueError, HttpProcessingError) as error:
        raise Invalid(f"The upload cannot be read: {error}", fields={"file": "send multipart/form-data"}) from None
    if not isinstance(part, BodyPartReader) or part.filename is None:
        raise Invalid("There is no file in the upload.", fields={"file": "missing"})
    body = bytearray()
    while chunk := await part.read_chunk(65536):
        body += chunk
        if len(body) > MAX_UPLOAD:
            raise too_large(MAX_UPLOAD, len(body))
    content_type = part.headers.get("Content-Type", "application/octet-stream")[:255]
    return part.filename.replace("\x00", "")[:255], content_type, bytes(body)
