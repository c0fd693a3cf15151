"""What leaves is mail in every octet, whatever somebody typed."""

from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes, policy
from typing import Any

import pytest

from connectors.email.compose import compose, recipients
from connectors.email.settings import Settings
from hub.channels.model import Account, Attachment, Outbound, SendError


def account(address: str = "support@hub.example", name: str = "Support") -> Account:
    return Account(1, "mail", "email", "email", name, address, Settings(), 1, None, True)


def outbound(**more: Any) -> Outbound:
    fields: dict[str, Any] = {
        "id": 7, "conversation_id": 1, "interaction_id": 2, "channel": "email", "to": "ann@customer.example",
        "text": "Hello", "attempt": 1, "message_id": "<2.c1-abc@hub.example>", "date": datetime(2026, 3, 2, tzinfo=UTC),
        "reply_token": "c1-tok",
    }  # fmt: skip
    return Outbound(**{**fields, **more})


ODD: dict[str, dict[str, Any]] = {
    "line ends in a subject": {"subject": "Hi\r\nX-Evil: 1\r\n\r\nbody"},
    "line ends in a name": {"to_name": 'Ann\r\nX-Evil: 1"'},
    "line ends in ids": {"references": ("<a@b>\r\nX-Evil: 1",), "in_reply_to": "<x@y>\r\nX-Evil: 1"},
    "line ends in a file's name": {"attachments": (Attachment("a\r\nX-Evil: 1.pdf", "x\r\nX-Evil: 1/y", b"x"),)},
    "subject of one long word": {"subject": "x" * 900},
    "long subject": {"subject": "订单" * 450},
    "long name": {"to_name": "word " * 60},
    "many references": {"references": tuple(f"<{n}.{'x' * 60}@b>" for n in range(200))},
    "lines without end": {"text": "x" * 5000},
    "controls, dots and half characters": {"text": "a\x00b\x1bc\r\rd\n.\n..\nFrom x\n\ud800"},
    "many copies": {"cc": tuple(f"user{n}@customer{n}.example" for n in range(50)), "bcc": ("hidden@x.example",)},
    "a file that is lines": {"attachments": (Attachment("b.bin", "text/plain", b"\n.\r\n" * 5000),)},
}


@pytest.mark.parametrize("what", ODD)
def test_mail_keeps_to_the_rules_of_the_wire(what: str) -> None:
    raw = compose(account(), outbound(**ODD[what]))
    head, _, _ = raw.partition(b"\r\n\r\n")
    assert raw.isascii()
    assert b"\r" not in raw.replace(b"\r\n", b"")
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert max(map(len, raw.split(b"\r\n"))) <= 998
    assert max(map(len, head.split(b"\r\n"))) <= 78
    message = message_from_bytes(raw, policy=policy.default)
    assert (message["X-Evil"], message["Bcc"], b"hidden" in raw) == (None, None, False)
    assert compose(account(), outbound(**ODD[what])) == raw


@pytest.mark.parametrize("subject", ["=?utf-8?Q?plain_words?= typed by hand", "x" * 900, "订单 " * 60])
def test_subject_arrives_as_it_was_typed(subject: str) -> None:
    message = message_from_bytes(compose(account(), outbound(subject=subject)), policy=policy.default)
    assert str(message["Subject"]).strip() == subject.strip()


@pytest.mark.parametrize("to", ["ann@c.example\r\nX: 1", "ann@c.example> RCPT TO:<b@c.example", "a b@c.example", "@"])
def test_what_could_end_a_command_is_no_address(to: str) -> None:
    with pytest.raises(SendError, match="not an address"):
        compose(account(), outbound(to=to))


def test_domain_in_another_alphabet_leaves_by_its_ascii_name() -> None:
    mail = outbound(to="ann@bücher.example", cc=("用户@例子.example",))
    assert recipients(mail) == ("ann@xn--bcher-kva.example", "用户@例子.example")
    raw = compose(account("support@bücher.example"), outbound())
    assert b'From: "Support" <support@xn--bcher-kva.example>\r\n' in raw
