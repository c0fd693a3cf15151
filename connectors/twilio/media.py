"""Files that lie with Twilio: fetched with our credentials, from Twilio and nobody else, and deleted there.

The credentials go to the API's own host only: Twilio redirects to its storage, which must never see them. Every hop
is checked: a webhook, even a signed one, cannot make us ask a machine that is not Twilio's.
"""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import re
from urllib.parse import urljoin, urlsplit

import aiohttp

from connectors.twilio.settings import Settings
from hub.channels.extras import FetchedFile, FetchError
from hub.channels.reasons import Reason

MOST_BYTES = 25 * 2**20  # WhatsApp's largest file is 16 MB (documents: 100 MB, which nobody reads at a desk)
_HOPS = 4
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_ABSENT = frozenset({403, 404})  # for seconds after the webhook, too: storing a file takes its time
_GONE = 410
# Where Twilio keeps media: its API, its CDN and its buckets ("Media" resource reference).
_HOSTS = ("twilio.com", "twiliocdn.com", "media.twiliocdn.com.s3-external-1.amazonaws.com")
_BUCKETS = re.compile(r"^(s3-external-1|s3(\.[a-z0-9-]+)?)\.amazonaws\.com$")
_BUCKET_PATHS = ("/media.twiliocdn.com/", "/mms.twiliocdn.com/")
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_RESOURCE = re.compile(r"/2010-04-01/Accounts/AC[0-9a-fA-F]{32}/Messages/[SM]M[0-9a-fA-F]{32}/Media/ME[0-9a-fA-F]{32}")


class MediaStore:
    """One session for all accounts of this process; no cookies, no redirects followed by themselves."""

    def __init__(self) -> None:
        self._http: aiohttp.ClientSession | None = None

    async def fetch(self, settings: Settings, url: str) -> FetchedFile:
        """The file, at most `MOST_BYTES`; `FetchError`."""
        try:
            async with asyncio.timeout(45):
                for _ in range(_HOPS):
                    file, url = await self._hop(settings, url)
                    if file is not None:
                        return file
        except (aiohttp.ClientError, TimeoutError) as error:
            words = f"Twilio's storage did not answer ({type(error).__name__})."
            raise FetchError(words, code=Reason.MEDIA_UNANSWERED) from error
        raise FetchError("Twilio's storage sends us around in circles.", gone=True, code=Reason.MEDIA_UNANSWERED)

    async def delete(self, settings: Settings, url: str) -> None:
        """Delete it at Twilio; what is gone is deleted."""
        check(settings, url)
        if not _is_api(settings, url) or not _RESOURCE.fullmatch(urlsplit(url).path):
            raise FetchError("This is no file of Twilio's API.", gone=True, code=Reason.MEDIA_ADDRESS)
        try:
            async with self._session().delete(url + ".json", headers=_sign_in(settings, url)) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError) as error:
            words = f"Twilio did not answer ({type(error).__name__})."
            raise FetchError(words, code=Reason.MEDIA_UNANSWERED) from error
        if status not in (200, 204, 404, 410):
            raise _answered(status)

    async def _hop(self, settings: Settings, url: str) -> tuple[FetchedFile | None, str]:
        check(settings, url)
        async with self._session().get(url, headers=_sign_in(settings, url), allow_redirects=False) as answer:
            if answer.status in _REDIRECTS and (target := answer.headers.get("Location")):
                return None, urljoin(url, target)
            if answer.status != 200:
                raise _answered(answer.status)
            if (answer.content_length or 0) > MOST_BYTES:
                raise _too_large()
            return FetchedFile(await _body(answer), answer.content_type), url

    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            self._http = aiohttp.ClientSession(
                timeout=aiohttp.ClientTimeout(total=40, connect=10), cookie_jar=aiohttp.DummyCookieJar()
            )
        return self._http

    async def close(self) -> None:
        """Close the session."""
        if self._http is not None:
            await self._http.close()
            self._http = None


async def _body(answer: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in answer.content.iter_chunked(64 * 1024):
        body += chunk
        if len(body) > MOST_BYTES:
            raise _too_large()
    return bytes(body)


def _answered(status: int) -> FetchError:
    """What an answer means that is no file."""
    absent, gone = status in _ABSENT, status == _GONE
    code = Reason.MEDIA_GONE if absent or gone else Reason.MEDIA_REFUSED
    return FetchError(f"Twilio answers {status}.", gone=gone, absent=absent, code=code, params={"status": status})


def _too_large() -> FetchError:
    size = MOST_BYTES // 2**20
    words = f"The file is larger than {size} MB."
    return FetchError(words, gone=True, code=Reason.MEDIA_TOO_LARGE, params={"size": size})


def check(settings: Settings, url: str) -> None:
    """`FetchError` unless the address is one of Twilio's, or of the configured stand-in."""
    try:
        parts, _ = urlsplit(url), urlsplit(url).port
    except ValueError:
        raise FetchError("The file's address is not one.", gone=True, code=Reason.MEDIA_ADDRESS) from None
    host = (parts.hostname or "").lower()
    if _is_api(settings, url) or _is_standins(settings, url):
        return
    bucket = bool(_BUCKETS.match(host)) and parts.path.startswith(_BUCKET_PATHS)
    ours = any(host == one or host.endswith(f".{one}") for one in (*_HOSTS, *map(str.lower, settings.media_hosts)))
    if parts.scheme != "https" or parts.username is not None or not (ours or bucket) or _is_literal(host):
        where = host[:80] or "an odd address"
        words = f"The file lies at {where}, which is not Twilio's."
        raise FetchError(words, gone=True, code=Reason.MEDIA_FOREIGN, params={"host": where})


def _is_standins(settings: Settings, url: str) -> bool:
    """A stand-in on this machine keeps its files on this machine, at its own port under another name."""
    api, asked = urlsplit(str(settings.api_base)), urlsplit(url)
    return {api.hostname, asked.hostname} <= _LOOPBACK and api.port == asked.port and not asked.username


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _is_api(settings: Settings, url: str) -> bool:
    api, asked = urlsplit(str(settings.api_base)), urlsplit(url)
    return (api.scheme, api.hostname, api.port) == (asked.scheme, asked.hostname, asked.port) and not asked.username


def _sign_in(settings: Settings, url: str) -> dict[str, str]:
    """Our credentials, for the API itself alone."""
    api = urlsplit(url)
    own = (api.hostname or "").lower() == "api.twilio.com" and api.scheme == "https"
    if not own and not _is_api(settings, url):
        return {}
    said = base64.b64encode(":".join(settings.credentials()).encode()).decode()
    return {"Authorization": f"Basic {said}"}
