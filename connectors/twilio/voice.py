"""Twilio's telephony as the hub's `CallControl`."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

import aiohttp
from aiohttp import web

from connectors.twilio.guard import Accounts, Guard
from connectors.twilio.rest import Rest
from connectors.twilio.settings import Settings
from connectors.twilio.voice_hooks import Hooks
from connectors.twilio.voice_rest import TOKEN_SECONDS, VoiceRest, device_token, identity
from hub.channels.calls import (
    CallCapabilities,
    CallDesk,
    CallError,
    CallOutcome,
    Command,
    DeviceToken,
    LiveLeg,
    SoundFile,
)
from hub.channels.model import Account

# Where Twilio's Voice SDK connects to: signalling, its events, its ringing sounds.
_ORIGINS = ("wss://voice-js.roaming.twilio.com", "https://eventgw.twilio.com", "https://sdk.twilio.com")
_MOST_BYTES = 200 * 1024 * 1024
_PATIENCE = aiohttp.ClientTimeout(total=120, connect=10)


class Voice:
    """Translates; holds nothing but the shared connections."""

    def __init__(self, public_url: str, rest: Rest):
        self._public_url = public_url
        self._rest = rest

    @property
    def capabilities(self) -> CallCapabilities:
        """Everything the hub knows of."""
        return CallCapabilities(coach=True, recording_pause=True, speech=True, browser_origins=_ORIGINS)

    def routes(self, desk: CallDesk, accounts: Accounts) -> Iterable[web.RouteDef]:
        """The webhooks about calls."""
        return Hooks(Guard(accounts, self._public_url, "voice"), desk, self._public_url).routes()

    async def perform(self, account: Account, command: Command, wire: Callable[[], Awaitable[None]]) -> str | None:
        """Do it; see `CallControl.perform`."""
        return await self._api(account).perform(command, wire)

    async def state(self, account: Account, leg: str) -> str | None:
        """How a call ended, or None while it lives."""
        return await self._api(account).state(leg)

    async def live(self, account: Account) -> list[LiveLeg]:
        """Every call in our rooms and queues."""
        return await self._api(account).live()

    async def fetch_recording(self, account: Account, recording: str) -> SoundFile:
        """Both channels where there are two. The credential is for Twilio's own host: a redirect gets none."""
        settings = cast("Settings", account.settings)
        user, password = settings.credentials()
        place = f"/2010-04-01/Accounts/{settings.account_sid}/Recordings/{recording}.wav?RequestedChannels=2"
        headers = {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}
        url = str(settings.api_base).rstrip("/") + place
        try:
            async with aiohttp.ClientSession(timeout=_PATIENCE) as http:
                async with http.get(url, headers=headers, allow_redirects=False) as answer:
                    target = answer.headers.get("Location", "") if answer.status in {302, 303, 307} else ""
                    if not target:
                        return await _sound(answer)
                async with http.get(target, allow_redirects=False) as answer:
                    return await _sound(answer)
        except (aiohttp.ClientError, TimeoutError) as error:
            raise CallError(
                f"The recording was not sent ({type(error).__name__}).", outcome=CallOutcome.RETRY
            ) from error

    async def delete_recording(self, account: Account, recording: str) -> None:
        """Delete it at Twilio."""
        await self._api(account).delete_recording(recording)

    def device(self, account: Account, agent_id: int) -> DeviceToken:
        """A token for the browser's SDK, or the news that the device is simulated."""
        settings = cast("Settings", account.settings)
        if settings.simulate_device:
            return DeviceToken(identity(agent_id), "", TOKEN_SECONDS, simulated=True)
        return DeviceToken(identity(agent_id), device_token(settings, agent_id), TOKEN_SECONDS)

    async def answer_device(self, account: Account, agent_id: int, do: str) -> bool:
        """Press a button of the stand-in's device."""
        settings = cast("Settings", account.settings)
        if not settings.simulate_device:
            return False
        url = f"{str(settings.api_base).rstrip('/')}/standin/line"
        body = {"endpoint": f"client:{identity(agent_id)}", "do": do}
        try:
            limit = aiohttp.ClientTimeout(total=10)
            async with aiohttp.ClientSession(timeout=limit) as http, http.post(url, json=body) as answer:
                return answer.status == 200
        except (aiohttp.ClientError, TimeoutError):
            return False

    def _api(self, account: Account) -> VoiceRest:
        base = f"{self._public_url}/hooks/twilio/{account.key}"
        return VoiceRest(self._rest, cast("Settings", account.settings), base)


async def _sound(answer: aiohttp.ClientResponse) -> SoundFile:
    if answer.status == 404:
        raise CallError("The recording is gone.", outcome=CallOutcome.GONE)
    if answer.status != 200:
        raise CallError(f"Twilio answers {answer.status}.", outcome=CallOutcome.RETRY)
    body = await answer.content.read(_MOST_BYTES + 1)
    while len(body) <= _MOST_BYTES and (more := await answer.content.read(1024 * 1024)):
        body += more
    if len(body) > _MOST_BYTES or not body.startswith((b"RIFF", b"ID3", b"\xff\xfb")):
        raise CallError("What was sent is no sound file of bearable size.", outcome=CallOutcome.GONE)
    return SoundFile(body, "audio/wav" if body[:4] == b"RIFF" else "audio/mpeg")
