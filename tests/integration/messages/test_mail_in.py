"""From bytes to the record: whose mail it is, what is believed of it, and that nothing that arrives is lost."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.email.accept import receive
from connectors.email.parse import Envelope
from hub.messages.tokens import reply_token
from tests.support.app import App

SUPPORT, ANN = "support@lumen-oak.example", "ann@customer.example"


async def arrives(app: App, raw: str | bytes, mail_from: str | None = ANN) -> dict[str, Any]:
    """What became of a mail: its interaction, with contact and address."""
    account = next(a for a in await app.context.intake.accounts("email"))
    data = raw if isinstance(raw, bytes) else raw.encode()
    await receive(app.context.intake, app.core.vault, account, data, Envelope(mail_from, (SUPPORT,)))
    rows = await app.core.db.dicts(
        "select i.*, a.value as address, a.verified_at, r.body as raw from interaction i join address a on a.id = i.address_id "
        "join raw r on r.id = i.raw_id order by i.id desc limit 1"
    )
    return rows[0]


FORWARD = "From: Amy <amy@lumen-oak.example>\nSubject: Fwd: lamp\n\nPlease see.\n\n---------- Forwarded message ---------\nFrom: Ann Lee <ann@customer.example>\nDate: Mon, 2 Mar 2026 10:00\nSubject: lamp\nTo: <amy@lumen-oak.example>\n\nIt flickers.\n"
CHINESE = "From: amy@lumen-oak.example\nSubject: =?utf-8?b?6L2s5Y+R?=\n\n---------- 转发的邮件 ---------\n发件人： Ann Lee <ann@customer.example>\n发送时间： 2026-03-02 10:00\n收件人： amy@lumen-oak.example\n主题： 台灯\n\n台灯闪烁。\n"
ATTACHED = "From: Amy <amy@lumen-oak.example>\nSubject: Fwd\nContent-Type: multipart/mixed; boundary=b\n\n--b\n\nsee\n--b\nContent-Type: message/rfc822\n\nFrom: Ann Lee <ann@customer.example>\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nIt flickers.\n--b--\n"


@pytest.mark.parametrize("mail", [FORWARD, CHINESE, ATTACHED])
async def test_customer_is_who_wrote_first_when_one_of_us_forwards(app: App, mail: str) -> None:
    found = await arrives(app, mail, "amy@lumen-oak.example")
    assert (found["address"], found["verified"], found["verified_at"]) == (ANN, False, None)
    assert "amy@lumen-oak.example" in found["meta"]["forwarded_by"]


@pytest.mark.parametrize("mail", [FORWARD, ATTACHED])
async def test_forwarder_is_the_customer_when_it_is_nobody_of_ours(app: App, mail: str) -> None:
    found = await arrives(app, mail.replace("From: Amy <amy@lumen-oak.example>", "From: Bob <bob@customer.example>"))
    assert found["address"] == "bob@customer.example"
    assert "forwarded_by" not in found["meta"]


async def test_alias_of_ours_that_passes_mail_on_is_no_robot(app: App) -> None:
    found = await arrives(app, FORWARD.replace("Amy <amy@lumen-oak.example>", SUPPORT))
    assert (found["address"], found["automatic"]) == (ANN, False)


async def test_form_named_in_the_settings_brings_a_customer_who_waits_for_an_answer(app: App) -> None:
    account = next(a for a in await app.context.intake.accounts("email"))
    object.__setattr__(account.settings, "forms", ["@shop.example"])
    raw = f"From: Shop <no-reply@shop.example>\nReply-To: {ANN}\nAuto-Submitted: auto-generated\n\nWhere is my lamp?\n"
    found = await arrives(app, raw, "bounces@shop.example")
    assert (found["address"], found["automatic"], found["verified"]) == (ANN, False, False)
    admin = await app.agent("admin")
    seen = await admin.get(f"/conversations/{found['conversation_id']}")
    assert seen["entry_state"] == "waiting"
    assert seen["interactions"][0]["mail"]["forwarded_by"] == "Shop <no-reply@shop.example>"


async def test_forged_sender_is_not_proved_and_merges_with_nobody(app: App) -> None:
    proof = "Authentication-Results: mx.evil.example; dmarc=pass header.from=customer.example\n"
    first = await arrives(app, f"{proof}From: Ann <{ANN}>\n\nhello\n")
    other = await arrives(app, "From: Ann <ann@other.example>\n\nhello\n")
    assert (first["verified"], first["verified_at"]) == (False, None)
    assert first["contact_id"] != other["contact_id"]


async def test_stranger_who_knows_an_id_starts_a_matter_of_his_own(app: App) -> None:
    mine = await arrives(app, f"From: {ANN}\nMessage-ID: <1@customer.example>\n\nmy secret\n")
    theirs = await arrives(
        app, "From: eve@evil.example\nIn-Reply-To: <1@customer.example>\nSubject: Re: x\n\nlet me in\n"
    )
    assert mine["conversation_id"] != theirs["conversation_id"]


@pytest.mark.parametrize("way", ["rewritten id", "quoted address"])
async def test_matter_is_found_again_for_those_who_took_part_and_for_nobody_else(app: App, way: str) -> None:
    mine = await arrives(app, f"From: {ANN}\nSubject: lamp\nMessage-ID: <1@customer.example>\n\nmy secret\n")
    number = mine["conversation_id"]
    token = reply_token(app.core.vault, number)
    heads, text = {
        "rewritten id": (f"In-Reply-To: <7.{token}@relay.other.example>\nSubject: x", "again"),
        "quoted address": (
            "Subject: x",
            f"again\n\nOn 2 Mar 2026 at 10:00, S <support+{token}@lumen-oak.example> wrote:\n> old",
        ),
    }[way]
    theirs = await arrives(app, f"From: eve@evil.example\n{heads}\n\n{text}\n")
    again = await arrives(app, f"From: {ANN}\n{heads}\n\n{text}\n")
    assert theirs["conversation_id"] != number
    assert again["conversation_id"] == number


async def test_forged_token_in_an_id_finds_nothing(app: App) -> None:
    mine = await arrives(app, f"From: {ANN}\nMessage-ID: <1@customer.example>\n\nx\n")
    forged = f"c{mine['conversation_id']}-aaaaaaaaaaaaaaaa"
    again = await arrives(app, f"From: {ANN}\nIn-Reply-To: <7.{forged}@lumen-oak.example>\n\ny\n")
    assert again["conversation_id"] != mine["conversation_id"]


async def test_every_header_is_one_persons_and_several_from_prove_nothing(app: App) -> None:
    account = next(a for a in await app.context.intake.accounts("email"))
    object.__setattr__(account.settings, "authserv_id", "mx.hub.example")
    raw = f"Authentication-Results: mx.hub.example; dmarc=pass header.from=customer.example\nFrom: {ANN}, boss@customer.example\n\nx\n"
    assert not (await arrives(app, raw))["verified"]
    good = f"Authentication-Results: mx.hub.example; dmarc=pass header.from=customer.example\nFrom: {ANN}\n\nx\n"
    assert (await arrives(app, good))["verified"]
    below = f"Authentication-Results: mx.other.example; dmarc=fail\n{good}"
    assert not (await arrives(app, below.replace("\n\nx", "\n\ny")))["verified"]


async def test_full_text_original_and_page_are_the_viewers_only(app: App) -> None:
    text = f"It is green.\n\nOn Mon, 2 Mar 2026 at 10:00, S <{SUPPORT}> wrote:\n> Which?\n"
    found = await arrives(app, f"From: {ANN}\nSubject: Re: Lamp\n\n{text}")
    admin = await app.agent("admin")
    seen = await admin.get(f"/conversations/{found['conversation_id']}")
    [shown] = seen["interactions"]
    assert (shown["text"], shown["mail"]["trimmed"]) == ("It is green.", True)
    assert "> Which?" in (await admin.get(f"/interactions/{found['id']}/text"))["text"]
    response = await app.client.get(f"/api/v1/interactions/{found['id']}/original", headers=admin.headers)
    assert await response.read() == found["raw"]
    assert response.headers["Content-Disposition"].startswith("attachment")
    await app.core.db.execute("delete from agent_queue")
    amy = await app.agent("amy")
    for path in ("text", "page", "original"):
        await amy.get(f"/interactions/{found['id']}/{path}", status=404)
    await amy.post(f"/interactions/{found['id']}/invitation", {"client_id": "a", "answer": "accepted"}, status=404)


async def test_page_has_a_policy_of_its_own(app: App) -> None:
    found = await arrives(
        app, f"From: {ANN}\nContent-Type: text/html\n\n<p>Hi<script>x</script><img src='http://x.example/y'></p>"
    )
    admin = await app.agent("admin")
    response = await app.client.get(f"/api/v1/interactions/{found['id']}/page", headers=admin.headers)
    policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'; img-src 'self';" in policy
    assert "sandbox allow-same-origin allow-popups" in policy
    assert "allow-scripts" not in policy
    assert "x.example" not in await response.text()
    asked = await app.client.get(f"/api/v1/interactions/{found['id']}/page?images=true", headers=admin.headers)
    assert "https: http:" in asked.headers["Content-Security-Policy"]
    assert "http://x.example/y" in await asked.text()


async def test_mail_that_asks_for_no_meeting_cannot_be_answered_so(app: App) -> None:
    found = await arrives(app, f"From: {ANN}\n\nhello\n")
    admin = await app.agent("admin")
    await admin.post(f"/interactions/{found['id']}/invitation", {"client_id": "a", "answer": "declined"}, status=409)


async def test_signed_mail_is_shown_and_its_bytes_are_kept(app: App) -> None:
    raw = (
        f'From: {ANN}\nSubject: signed\nContent-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\n\n'
        "--b\nContent-Type: text/plain; charset=utf-8\n\nI sign this.\n\n--b\nContent-Type: application/pgp-signature; name=signature.asc\n\n-----BEGIN PGP SIGNATURE-----\n--b--\n"
    ).encode()
    found = await arrives(app, raw)
    assert found["text"].strip() == "I sign this."
    assert bytes(found["raw"]) == raw
