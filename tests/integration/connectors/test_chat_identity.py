"""Whose thread it is: another identity is another visitor, proof opens a thread anywhere, signing out closes it everywhere."""

from __future__ import annotations

import time
from typing import Any

import jwt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.chat.identity import Claim, Refused, same_person, verify
from connectors.chat.settings import Settings
from connectors.chat.token import Visitor
from hub.demo import ChatVisitor
from tests.integration.connectors.harness import SITE, Hub

KEY = "the key that the shop's own server signs with"
OLD = "the key that it signed with until last week"
ALICE = {"name": "Alice", "email": "alice@shop.example", "by": "page"}
BOB = {"name": "Bob", "email": "bob@shop.example", "by": "page"}


def proof(
    subject: str, *, key: str = KEY, seconds: float = 300, aud: str = SITE, algorithm: str = "HS256", **more: Any
) -> str:
    facts = {"sub": subject, "aud": aud, "exp": int(time.time() + seconds), **more}
    return jwt.encode(facts, key, algorithm=algorithm)


@pytest.fixture
async def proving(hub: Hub) -> Hub:
    """The site can prove its visitors."""
    await hub.db.execute("delete from account where key = %s", [SITE])
    await hub.account(SITE, "chat", "chat", None, identity_key=KEY, identity_key_old=OLD, new_chats=10_000)
    hub.forget_accounts()
    return hub


async def session(hub: Hub, token: str | None = None, *, method: str = "POST", **asked: Any) -> dict[str, Any]:
    body = {**({"token": token} if token else {}), **asked}
    url = f"{hub.url}/hooks/chat/{SITE}/session"
    async with hub.http.request(method, url, json=body, headers={"Origin": hub.url}) as answer:
        assert answer.status == (200 if method == "POST" else 204), await answer.text()
        return dict(await answer.json()) if method == "POST" else {}


async def written(hub: Hub, token: str, text: str) -> None:
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.connect(token)
        await visitor.say(text)


async def thread(hub: Hub, token: str) -> list[str]:
    """What the visitor of a token is shown."""
    async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
        await visitor.connect(token)
        await visitor.send({"t": "ping"})
        await visitor.until(lambda f: f["t"] == "pong", timeout=20)
        return [e["data"]["text"] for e in visitor.events if e["type"] == "message"]


async def test_another_identity_never_reads_what_the_one_before_wrote(hub: Hub) -> None:
    alice = await session(hub, **ALICE)
    await written(hub, alice["token"], "my card is 4111")
    bob = await session(hub, alice["token"], **BOB)
    assert bob["visitor"] != alice["visitor"]
    assert bob["conversation"] is None
    assert await thread(hub, bob["token"]) == []
    again = await session(hub, alice["token"], **ALICE)
    assert again["visitor"] == alice["visitor"]
    assert await thread(hub, again["token"]) == ["my card is 4111"]


async def test_a_claim_on_another_browser_opens_nothing(hub: Hub) -> None:
    alice = await session(hub, **ALICE)
    await written(hub, alice["token"], "my card is 4111")
    thief = await session(hub, **ALICE)
    assert thief["visitor"] != alice["visitor"]
    assert await thread(hub, thief["token"]) == []


async def test_who_was_nobody_yet_keeps_their_thread_when_they_are_named(hub: Hub) -> None:
    nobody = await session(hub)
    await written(hub, nobody["token"], "is anybody there?")
    named = await session(hub, nobody["token"], **ALICE)
    assert named["visitor"] == nobody["visitor"]
    assert named["identity"] == {"state": "claimed"}


@pytest.mark.parametrize("key", [KEY, OLD])
async def test_proof_opens_the_thread_on_every_browser(proving: Hub, key: str) -> None:
    home = await session(proving, proof=proof("7", key=key, name="Alice", email="alice@shop.example"))
    assert home["identity"] == {"state": "proved"}
    await written(proving, home["token"], "from home")
    phone = await session(proving, proof=proof("7"))
    assert phone["visitor"] == home["visitor"]
    assert await thread(proving, phone["token"]) == ["from home"]
    verified = await proving.value("select verified_at is not null from address where value = %s", home["visitor"])
    assert verified is True


async def test_a_thread_goes_on_when_its_visitor_is_proved(proving: Hub) -> None:
    nobody = await session(proving)
    await written(proving, nobody["token"], "before I signed in")
    proved = await session(proving, nobody["token"], proof=proof("7"))
    assert proved["visitor"] == nobody["visitor"]
    other = await session(proving, nobody["token"], proof=proof("8"))  # the same browser, somebody else
    assert other["visitor"] != nobody["visitor"]
    assert await thread(proving, other["token"]) == []


async def test_what_was_proved_is_continued_by_proof_alone(proving: Hub) -> None:
    alice = await session(proving, proof=proof("7"))
    await written(proving, alice["token"], "my card is 4111")
    for asked in ({}, ALICE, {"proof": proof("8")}, {"proof": proof("7", key="x" * 40)}):
        other = await session(proving, alice["token"], **asked)
        assert other["visitor"] != alice["visitor"], asked
        assert await thread(proving, other["token"]) == []
    late = await session(proving, alice["token"], proof=proof("7", seconds=-5000))  # a page left open for long
    assert late["visitor"] == alice["visitor"]


NONE = jwt.encode({"sub": "7", "aud": SITE, "exp": int(time.time()) + 300}, "", algorithm="none")


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")  # HS512 with a key meant for HS256
@pytest.mark.parametrize(
    ("made", "code"),
    [
        (lambda: proof("7", key="somebody else's key, also long enough"), "invalid"),
        (lambda: proof("7", aud="another-site"), "invalid"),
        (lambda: proof("7", algorithm="HS512"), "invalid"),
        (lambda: NONE, "invalid"),
        (lambda: proof("7", seconds=-300), "expired"),
        (lambda: proof("7", seconds=86_400), "too_long"),
        (lambda: proof(""), "invalid"),
        (lambda: proof("7" * 201), "invalid"),
        (lambda: proof("7", nbf=int(time.time()) + 600), "invalid"),
        (lambda: "no token at all", "invalid"),
        (lambda: "a" * 9000, "invalid"),
    ],
)
async def test_a_token_that_proves_nothing_is_refused_with_its_reason(proving: Hub, made: Any, code: str) -> None:
    alice = await session(proving, proof=proof("7"))
    await written(proving, alice["token"], "my card is 4111")
    refused = await session(proving, proof=made())
    assert (refused["identity"]["state"], refused["identity"]["code"]) == ("refused", code)
    assert refused["identity"]["detail"]
    assert refused["visitor"] != alice["visitor"]
    assert await thread(proving, refused["token"]) == []


async def test_where_proof_is_required_a_page_names_nobody_without_it(proving: Hub) -> None:
    await proving.configure(SITE, "identity", "required")
    refused = await session(proving, **ALICE)
    assert refused["identity"]["code"] == "proof_required"
    await written(proving, refused["token"], "hello")
    assert await proving.value("select meta ->> 'email' from interaction") is None
    form = await session(proving, **{**ALICE, "by": "form"})  # what a visitor types is a claim and no more
    assert form["identity"] == {"state": "claimed"}


async def test_signing_out_ends_every_tab_and_token_of_that_browser(hub: Hub) -> None:
    alice = await session(hub, **ALICE)
    await written(hub, alice["token"], "my card is 4111")
    renewed = await session(hub, alice["token"], **ALICE)
    async with ChatVisitor(hub.http, hub.url, SITE) as tab:
        await tab.connect(renewed["token"])
        await session(hub, alice["token"], method="DELETE")
        await session(hub, alice["token"], method="DELETE")  # twice is once
        with pytest.raises(ConnectionError, match="4401"):
            await tab.until(lambda _: False, timeout=20)
    for token in (alice["token"], renewed["token"]):
        async with ChatVisitor(hub.http, hub.url, SITE) as visitor:
            with pytest.raises(ConnectionError, match="4401"):
                await visitor.connect(token)
        assert (await session(hub, token, **ALICE))["visitor"] != alice["visitor"]
    await session(hub, "nonsense", method="DELETE")


async def test_signing_out_on_one_browser_leaves_the_others_alone(proving: Hub) -> None:
    home, phone = [await session(proving, proof=proof("7")) for _ in range(2)]
    await written(proving, home["token"], "hello")
    await session(proving, home["token"], method="DELETE")
    assert await thread(proving, phone["token"]) == ["hello"]


NAMES = st.text(max_size=40)


@given(st.builds(Claim, NAMES, NAMES), st.builds(Claim, NAMES, NAMES))
def test_two_claims_are_one_person_only_if_nothing_speaks_against_it(one: Claim, other: Claim) -> None:
    known = Visitor("v", one.name, one.email)
    if one.email and other.email and one.email.casefold().strip() != other.email.casefold().strip():
        folded = {x.email.casefold() for x in (one, other)}
        assert not same_person(known, other) or len(folded) == 1 or not one.email.isascii() or not other.email.isascii()
    assert same_person(known, Claim())
    assert same_person(Visitor("v"), other)
    assert same_person(known, one)


@given(st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda b: b.decode("latin-1"))))
def test_no_text_is_taken_for_a_proof(token: str) -> None:
    with pytest.raises(Refused):
        verify(Settings(identity_key=KEY), SITE, token)  # type: ignore[arg-type] - pydantic makes it a secret


def test_a_site_that_requires_proof_needs_a_key_that_is_long_enough() -> None:
    for settings in ({"identity": "required"}, {"identity_key": "short"}):
        with pytest.raises(ValueError, match=r"identity_key|32 bytes"):
            Settings.model_validate(settings)
