# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false, reportUnknownArgumentType=false
# The Twilio SDK ships no types; its TwiML classes are used here alone.
"""What a caller hears next, as TwiML. Nothing outside this connector knows that such a thing exists."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from twilio.twiml.voice_response import Dial, VoiceResponse
from twilio.twiml.voice_response import Gather as TwimlGather

from hub.channels.calls import Gather, Go, Hangup, Join, Park, Pause, Play, Record, Say, Sound, Step, Unpark

ROOM_EVENTS = ("start", "end", "join", "leave", "mute", "hold", "modify")
_LONGEST = 4 * 3600  # seconds; a forgotten line ends
INSIST = "#rc=5&rp=ct,rt,5xx"  # what is only told, and told once: it must survive our restart


class Renderer:
    """Renders steps for one leg; `base` is `…/hooks/twilio/{account}`, `leg_id` ours where we rang it."""

    def __init__(self, base: str, leg_id: int | None = None):
        self._base = base
        self._leg_id = leg_id

    def url(self, stage: str, **query: Any) -> str:
        """A stage's address, with the provider's retry policy: both our answer lost and our absence are tried again."""
        asked = {k: v for k, v in {"leg": self._leg_id, **query}.items() if v}
        tail = f"?{urlencode(asked)}" if asked else ""
        return f"{self._base}/voice/{stage}{tail}#rc=2&rp=ct,rt,5xx"

    def render(self, steps: Sequence[Step]) -> str:
        """A whole document."""
        document = VoiceResponse()
        for step in steps:
            self._add(document, step)
        return str(document)

    def _add(self, document: VoiceResponse, step: Step) -> None:
        match step:
            case Say() | Play() | Pause():
                _sound(document, step)
            case Gather():
                self._gather(document, step)
            case Park():
                parked, wait = self.url("parked", turn=step.turn), self.url("wait", turn=step.turn)
                document.enqueue(step.queue, action=parked, method="POST", wait_url=wait, wait_url_method="POST")
            case Unpark():
                document.leave()
            case Join():
                self._join(document, step)
            case Record():
                self._record(document, step)
            case Go():
                document.redirect(self.url(step.stage), method="POST")
            case Hangup():
                document.hangup()

    def _gather(self, document: VoiceResponse, step: Gather) -> None:
        asked: dict[str, Any] = {"speech_timeout": "auto", "language": step.locale} if step.speech else {}
        if step.hints and step.speech:
            asked["hints"] = ", ".join(step.hints)
        gather = TwimlGather(
            input="dtmf speech" if step.speech else "dtmf",
            num_digits=1,
            finish_on_key="",
            timeout=step.seconds,
            action=self.url(step.then, turn=step.turn),
            method="POST",
            action_on_empty_result=True,
            **asked,
        )
        for prompt in step.prompts:
            _sound(gather, prompt)
        document.append(gather)

    def _join(self, document: VoiceResponse, step: Join) -> None:
        dial = Dial(action=self.url("joined"), method="POST", time_limit=_LONGEST)
        recorded = (
            {
                "record": "record-from-start",
                "recording_status_callback": f"{self._base}/recordings?room={step.room}{INSIST}",
                "recording_status_callback_event": "completed",
            }
            if step.record
            else {}
        )
        dial.conference(
            step.room,
            participant_label=step.label,
            beep=False,
            start_conference_on_enter=True,
            end_conference_on_exit=step.ends,
            status_callback=f"{self._base}/rooms{INSIST}",
            status_callback_method="POST",
            status_callback_event=" ".join(ROOM_EVENTS),
            **recorded,
        )
        document.append(dial)

    def _record(self, document: VoiceResponse, step: Record) -> None:
        asked = {"transcribe": True, "transcribe_callback": f"{self._base}/transcripts{INSIST}"}
        document.record(
            max_length=step.seconds,
            timeout=5,
            finish_on_key="#",
            play_beep=True,
            action=self.url(step.then),
            method="POST",
            recording_status_callback=f"{self._base}/recordings?voicemail=1{INSIST}",
            recording_status_callback_event="completed",
            **(asked if step.transcribe else {}),
        )


def key_press(pressed: str) -> str:
    """A document that presses keys."""
    document = VoiceResponse()
    document.play(digits=pressed)
    return str(document)


def _sound(where: Any, sound: Sound) -> None:
    match sound:
        case Say():
            where.say(sound.text, language=sound.locale, **({"voice": sound.voice} if sound.voice else {}))
        case Play():
            where.play(sound.url)
        case Pause():
            where.pause(length=sound.seconds)
