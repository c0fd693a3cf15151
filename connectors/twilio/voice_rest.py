# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# pyright: reportArgumentType=false
# The Twilio SDK ships no types, and half-typed resources; with `rest` this is the only module that calls its client.
"""Twilio's REST API of calls: what each command becomes, and what a refusal means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import aiohttp
from twilio.base.exceptions import TwilioException
from twilio.jwt.access_token import AccessToken
from twilio.jwt.access_token.grants import VoiceGrant
from twilio.rest import Client

from connectors.twilio.rest import Rest, ThrottledError
from connectors.twilio.settings import Settings
from connectors.twilio.voice_hooks import ENDED
from connectors.twilio.voice_twiml import INSIST, ROOM_EVENTS, Renderer
from hub.channels.calls import CallError, CallOutcome, Command, CommandKind, LiveLeg

_GONE = frozenset({21220, 20404, 13223})  # no longer in progress; no such call, conference or participant
_AUTHENTICATION = frozenset({401, 403})
_STATUSES = ("initiated", "ringing", "answered", "completed")
_LONGEST = 4 * 3600
_MANY = 1000
TOKEN_SECONDS = 3600


class VoiceRest:
    """Performs commands for one number."""

    def __init__(self, rest: Rest, settings: Settings, base: str):
        self._client: Client = rest.client(settings)
        self._settings = settings
        self._base = base

    async def perform(self, command: Command, wire: Callable[[], Awaitable[None]]) -> str | None:
        """Do it; the SID of a call that was made. `CallError`."""
        await wire()
        return await spoken(self._ways[command.kind](self, command))

    # -- ringing -------------------------------------------------------------------------------------------------
    async def _ring(self, c: Command) -> str:
        coached = {"coaching": True, "call_sid_to_coach": c.data["coached"]} if c.data.get("coached") else {}
        recorded = (
            {
                "conference_record": "record-from-start",
                "conference_recording_status_callback": f"{self._base}/recordings?room={c.room}{INSIST}",
                "conference_recording_status_callback_event": ["completed"],
            }
            if c.data.get("record")
            else {}
        )
        made = await self._client.conferences(c.room).participants.create_async(
            from_=c.caller_id,
            to=_endpoint(c.endpoint),
            label=c.label,
            timeout=c.data.get("seconds", 30),
            beep="false",
            muted=c.data.get("mode") == "listen",
            start_conference_on_enter=True,
            end_conference_on_exit=bool(c.data.get("ends")),
            time_limit=_LONGEST,
            status_callback=f"{self._base}/legs/{c.leg_id}/status{INSIST}",
            status_callback_event=list(_STATUSES),
            conference_status_callback=f"{self._base}/rooms{INSIST}",
            conference_status_callback_event=list(ROOM_EVENTS),
            **coached,
            **recorded,
        )
        return str(made.call_sid)

    async def _ring_press(self, c: Command) -> str:
        made = await self._client.calls.create_async(
            from_=c.caller_id,
            to=c.endpoint,
            url=Renderer(self._base, c.leg_id).url("agent"),
            method="POST",
            timeout=c.data.get("seconds", 30),
            time_limit=_LONGEST,
            status_callback=f"{self._base}/legs/{c.leg_id}/status{INSIST}",
            status_callback_event=list(_STATUSES),
        )
        return str(made.sid)

    # -- what is up ----------------------------------------------------------------------------------------------
    async def _send(self, c: Command) -> None:
        url = Renderer(self._base).url(str(c.data["stage"]))
        await self._client.calls(_leg(c)).update_async(url=url, method="POST")

    async def _hang_up(self, c: Command) -> None:
        await self._client.calls(_leg(c)).update_async(status="completed")

    async def _hold(self, c: Command) -> None:
        await (await self._in_room(c)).update_async(hold=c.kind is CommandKind.HOLD)

    async def _mute(self, c: Command) -> None:
        await (await self._in_room(c)).update_async(muted=c.kind is CommandKind.MUTE)

    async def _coach(self, c: Command) -> None:
        mode = c.data["mode"]
        who = await self._in_room(c)
        coached = {"call_sid_to_coach": c.data["coached"]} if mode == "whisper" else {}
        await who.update_async(coaching=mode == "whisper", muted=mode == "listen", **coached)

    async def _press(self, c: Command) -> None:
        url = f"{self._base}/voice/keys?{urlencode({'keys': c.data['keys']})}"
        await (await self._in_room(c)).update_async(announce_url=url, announce_method="POST")

    async def _recording(self, c: Command) -> None:
        status = "paused" if c.kind is CommandKind.PAUSE_RECORDING else "in-progress"
        skip = {"pause_behavior": "skip"} if status == "paused" else {}
        room = await self._room(c)
        await self._client.conferences(room).recordings("Twilio.CURRENT").update_async(status=status, **skip)

    async def _in_room(self, c: Command) -> Any:
        return self._client.conferences(await self._room(c)).participants(_leg(c))

    async def _room(self, c: Command) -> str:
        """The SID of a call's live conference: only making a participant may name it by its friendly name."""
        for status in ("in-progress", "init"):
            found = await self._client.conferences.list_async(friendly_name=c.room, status=status, limit=1)
            if found:
                return str(found[0].sid)
        raise CallError("Nobody is in the room any more.", outcome=CallOutcome.GONE)

    _ways: dict[CommandKind, Callable[[VoiceRest, Command], Awaitable[str | None]]] = {  # noqa: RUF012 - never changed
        CommandKind.RING: _ring,
        CommandKind.RING_PRESS: _ring_press,
        CommandKind.SEND: _send,
        CommandKind.HANG_UP: _hang_up,
        CommandKind.HOLD: _hold,
        CommandKind.UNHOLD: _hold,
        CommandKind.MUTE: _mute,
        CommandKind.UNMUTE: _mute,
        CommandKind.COACH: _coach,
        CommandKind.KEYS: _press,
        CommandKind.PAUSE_RECORDING: _recording,
        CommandKind.RESUME_RECORDING: _recording,
    }

    # -- looking -------------------------------------------------------------------------------------------------
    async def state(self, leg: str) -> str | None:
        """How a call ended, or None."""
        try:
            found = await spoken(self._client.calls(leg).fetch_async())
        except CallError as error:
            if error.outcome is CallOutcome.GONE:
                return "failed"
            raise
        return ENDED.get(str(found.status))

    async def live(self) -> list[LiveLeg]:
        """Every call in our rooms and queues."""
        return [*await spoken(self._in_rooms()), *await spoken(self._parked())]

    async def _in_rooms(self) -> list[LiveLeg]:
        found: list[LiveLeg] = []
        for status in ("in-progress", "init"):
            for room in await self._client.conferences.list_async(status=status, limit=_MANY):
                if not str(room.friendly_name).startswith("call-"):
                    continue
                people = await self._client.conferences(room.sid).participants.list_async(limit=50)
                found += [LiveLeg(p.call_sid, room.friendly_name, len(people) - 1) for p in people]
        return found

    async def _parked(self) -> list[LiveLeg]:
        found: list[LiveLeg] = []
        for queue in await self._client.queues.list_async(limit=_MANY):
            if str(queue.friendly_name).startswith("hub-") and queue.current_size:
                members = await self._client.queues(queue.sid).members.list_async(limit=_MANY)
                found += [LiveLeg(m.call_sid, None) for m in members]
        return found

    async def delete_recording(self, recording: str) -> None:
        """Delete it; one that is gone is deleted."""
        try:
            await spoken(self._client.recordings(recording).delete_async())
        except CallError as error:
            if error.outcome is not CallOutcome.GONE:
                raise


async def spoken(call: Awaitable[Any]) -> Any:
    """The answer of a request, or `CallError` with what its refusal means."""
    try:
        return await call
    except ThrottledError as error:
        detail = "Twilio asks us to slow down (429)."
        raise CallError(detail, outcome=CallOutcome.RETRY, retry_after=error.retry_after) from None
    except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
        raise CallError(f"Twilio cannot be reached: {error}.", outcome=CallOutcome.RETRY) from error
    except (aiohttp.ClientError, TimeoutError) as error:
        raise CallError(f"Twilio did not answer ({type(error).__name__}).", outcome=CallOutcome.UNKNOWN) from error
    except TwilioException as error:
        raise refusal(error) from error


def refusal(error: TwilioException) -> CallError:
    """What an error answer means for a call."""
    status, code = int(getattr(error, "status", 0) or 0), int(getattr(error, "code", 0) or 0)
    words = str(getattr(error, "msg", "") or error)
    if code in _GONE or status == 404:
        return CallError(f"It is over ({code or status}): {words}", outcome=CallOutcome.GONE)
    if code == 20429:
        return CallError(words, outcome=CallOutcome.RETRY)
    if status in _AUTHENTICATION:
        return CallError(f"Twilio refuses our credentials. {words}", outcome=CallOutcome.RETRY, retry_after=30)
    if status >= 500 or status < 400:
        return CallError(f"Twilio failed ({status}).", outcome=CallOutcome.UNKNOWN)
    return CallError(f"Twilio error {code}: {words}", outcome=CallOutcome.FAILED)


def identity(agent_id: int) -> str:
    """A device's name: letters, digits and underscores only."""
    return f"agent_{agent_id}"


def device_token(settings: Settings, agent_id: int) -> str:
    """A browser's admission, for an hour; empty where no API key is configured."""
    if not settings.api_key_sid or settings.api_key_secret is None:
        return ""
    token = AccessToken(
        settings.account_sid,
        settings.api_key_sid,
        settings.api_key_secret.get_secret_value(),
        identity=identity(agent_id),
        ttl=TOKEN_SECONDS,
    )
    token.add_grant(VoiceGrant(incoming_allow=True, outgoing_application_sid=settings.twiml_app_sid))
    return str(token.to_jwt())


def _endpoint(endpoint: str) -> str:
    kind, _, number = endpoint.partition(":")
    return f"client:{identity(int(number))}" if kind == "device" else endpoint


def _leg(command: Command) -> str:
    if command.leg is None:
        # It was asked for and never named: nothing can be done about it, and the sweeper looks for it.
        raise CallError("The provider has not named this telephone yet.", outcome=CallOutcome.RETRY)
    return command.leg
