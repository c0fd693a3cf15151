from __future__ import annotations

import pytest
from multidict import MultiDict

from connectors.twilio import voice_hooks as hooks
from connectors.twilio.voice_twiml import Renderer, key_press
from hub.channels.calls import (
    CallEventKind,
    Gather,
    Go,
    Hangup,
    Join,
    Park,
    Pause,
    Play,
    Record,
    Say,
    Step,
    Unpark,
)
from hub.demo.twilio.grammar import ENQUEUE_WAIT, BadTwiml, elements, parse

STEPS: list[list[Step]] = [
    [Say("你好 & <hello>", "cmn-CN", "Polly.Zhiyu"), Play("https://x.example/a.mp3"), Pause(2), Hangup()],
    [Gather((Say("?", "en-US"), Play("https://x.example/b.mp3")), "menu", "en-US", True, ("orders", "账单"))],
    [Park("hub-3", 7)],
    [Join("call-1", "leg-2", ends=True, record=True)],
    [Record(60, "message-left", transcribe=True)],
    [Go("park")],
    [],
]


@pytest.mark.parametrize("steps", STEPS)
def test_every_step_is_valid_twiml(steps: list[Step]) -> None:
    parse(Renderer("https://hub.example/hooks/twilio/phone", 5).render(steps))


def test_wait_uses_only_what_a_queue_may_play() -> None:
    heard = Renderer("https://hub.example").render([Gather((Say("1", "en"), Pause(9)), "wait-key", "en"), Unpark()])
    parse(heard, verbs=ENQUEUE_WAIT)
    with pytest.raises(BadTwiml):
        parse(Renderer("https://hub.example").render([Record(5, "x")]), verbs=ENQUEUE_WAIT)


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("<Response><say>x</say></Response>", 12200),
        ('<Response><Dial statusCallbackEvent="x"/></Response>', 12200),
        ("<Response><Gather><Redirect>/</Redirect></Gather></Response>", 12200),
        ('<Response><Enqueue waitURL="/">q</Enqueue></Response>', 12200),
        ("<Response>", 12100),
        ("<Answer/>", 12102),
    ],
)
def test_twiml_is_refused_when_it_breaks_the_grammar(document: str, code: int) -> None:
    with pytest.raises(BadTwiml) as refused:
        parse(document)
    assert refused.value.code == code


def test_grammar_is_read_from_the_whole_sdk() -> None:
    assert len(elements()) > 50


def test_keys_are_played_as_tones() -> None:
    assert 'digits="1w#"' in key_press("1w#")
    parse(key_press("1w#"))


def test_status_words_become_events_and_unknown_ones_none() -> None:
    form = MultiDict({"CallSid": "CA1", "CallStatus": "no-answer", "Timestamp": "Mon, 02 Mar 2026 09:00:00 +0000"})
    event = hooks.status(1, form, 7)
    assert event is not None
    assert (event.kind, event.reason, event.leg_id) == (CallEventKind.ENDED, "no_answer", 7)
    assert event.at is not None
    assert hooks.status(1, MultiDict({"CallSid": "CA1", "CallStatus": "dancing"}), None) is None
    assert hooks.in_room(1, MultiDict({"StatusCallbackEvent": "participant-join", "FriendlyName": "others"})) is None
