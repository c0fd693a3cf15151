"""What the channels can do, and what a connector may say of one of its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from hub.channels import capabilities
from hub.channels.capabilities import AddressKind, Capabilities, Form, capabilities_of, known, learn


@pytest.fixture(autouse=True)
def forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(capabilities, "_learned", {})


@pytest.mark.parametrize(
    ("channel", "form", "reaches", "templates"),
    [
        ("email", Form.LETTER, True, False),
        ("sms", Form.TEXT, True, False),
        ("whatsapp", Form.TEXT, True, True),
        ("chat", Form.VISIT, False, False),
        ("voice", Form.CALL, False, False),
        ("never heard of", Form.TEXT, True, False),
        (None, Form.TEXT, True, False),
    ],
)
def test_facts_of_a_channel(channel: str | None, form: Form, reaches: bool, templates: bool) -> None:
    can = capabilities_of(channel)
    assert (can.form, can.reaches, can.templates) == (form, reaches, templates)
    assert [can.letter, can.text, can.visit, can.call].count(True) == 1


def test_channel_of_somebody_elses_connector_can_do_what_that_says() -> None:
    learn("fediverse", Capabilities(form=Form.LETTER, address=AddressKind.VISITOR, max_length=500))
    assert capabilities_of("fediverse").max_length == 500
    assert list(known())[-1] == "fediverse"


def test_connector_that_can_do_less_changes_the_channel_for_nobody_else() -> None:
    learn("sms", replace(capabilities_of("sms"), attachments=False, max_length=10))
    assert capabilities_of("sms").attachments
    assert capabilities_of("sms").max_length == 1600
