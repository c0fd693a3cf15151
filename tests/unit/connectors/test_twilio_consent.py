"""What Twilio's webhooks say about being written to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.twilio.webhook import Terms, consent, parse_form

WHATSAPP = replace(Terms(), channel="whatsapp")


@pytest.mark.parametrize(
    "pressed", ["ButtonText=Cancel&ButtonPayload=c", "ButtonPayload=stop", "ListId=1&ListTitle=Stop"]
)
def test_button_or_list_of_ours_is_never_a_wish(pressed: str) -> None:
    assert consent(parse_form(f"Body=Cancel&{pressed}".encode()), WHATSAPP) is None
    assert consent(parse_form(b"Body=Cancel"), WHATSAPP) is not None


def test_what_twilio_has_answered_counts_whatever_was_pressed() -> None:
    said = consent(parse_form(b"Body=STOP&ButtonText=STOP&OptOutType=STOP"), Terms())
    assert said is not None
    assert (said.source, said.answered, said.certain) == ("provider", True, True)


@pytest.mark.parametrize("word", ["Cancel", "END", "quit."])
def test_a_carriers_word_may_be_an_answer_where_no_carrier_obeys_it(word: str) -> None:
    by_sms, elsewhere = (consent(parse_form(f"Body={word}".encode()), terms) for terms in (Terms(), WHATSAPP))
    assert by_sms is not None
    assert by_sms.certain
    assert elsewhere is not None
    assert not elsewhere.certain
    stop = consent(parse_form(b"Body=STOP"), WHATSAPP)
    assert stop is not None
    assert stop.certain
