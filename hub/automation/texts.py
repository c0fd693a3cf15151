"""The texts of follow-ups: the center's templates, or ours where it has none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from hub.core.db import Connection, fetch_one
from hub.core.sql import Queries
from hub.messages.templates import render

sql = Queries.beside(__file__)


@dataclass(frozen=True, slots=True)
class Text:
    """What a follow-up says."""

    subject: str
    body: str


# What our side reads in place of the link by which a customer rates us: whoever has the link is the customer.
_LINK_SENT = {"en": "[Survey link sent]", "zh-CN": "[已发送评价链接]"}
_OURS: dict[tuple[str, str], str] = {
    ("acknowledgement", "en"): "Thank you for your message. We are closed now and will answer as soon as we open.",
    ("acknowledgement", "zh-CN"): "感谢您的留言。目前不在工作时间，我们上班后会尽快回复您。",
    ("reminder", "en"): "Did our last answer help? If you need anything else, just reply to this message.",
    ("reminder", "zh-CN"): "我们还没有收到您的回复。上次的答复对您有帮助吗？如需继续协助，请直接回复此消息。",
    ("satisfaction", "en"): "How satisfied are you with our help? Reply with a number from 1 (not at all) to 5 (very).",
    ("satisfaction", "zh-CN"): "您对我们的服务满意吗？请回复 1（很不满意）到 5（非常满意）中的一个数字。",
    ("satisfaction_by_link", "en"): "How satisfied are you with our help? Tell us here:\n{{rating.link}}",
    ("satisfaction_by_link", "zh-CN"): "您对我们的服务满意吗？请在此评价：\n{{rating.link}}",
    ("missed_chat", "en"): "Sorry that we missed you in the chat. Reply to this message and we will go on here.",
    ("missed_chat", "zh-CN"): "很抱歉刚才在聊天中没能及时接待您。请直接回复此消息，我们会继续为您处理。",
    ("missed_call", "en"): "Sorry that we missed your call. Reply to this message, or call again; we will help you.",
    ("missed_call", "zh-CN"): "很抱歉没能接到您的来电。请直接回复此消息或再次致电，我们会尽快为您处理。",
}  # fmt: skip


def link_sent(locale: str) -> str:
    """What stands in place of a survey's link where agents read, in the language of the rest."""
    return _LINK_SENT[language(locale)]


def language(locale: str) -> str:
    """The language we write in to somebody of this locale."""
    return "zh-CN" if locale.lower().replace("_", "-").startswith("zh") else "en"


async def text(conn: Connection, kind: str, locale: str, variables: Mapping[str, str], *, link: str = "") -> Text:
    """The template `auto-<kind>` in the customer's language, filled in; with a `link`, that stands in it."""
    spoken = language(locale)
    found = await fetch_one(conn, Text, sql["template"], {"key": f"auto-{kind}", "locale": spoken})
    chosen = found or Text("", _OURS[f"{kind}_by_link" if link else kind, spoken])
    filled = {**variables, "rating.link": link}
    body = render(chosen.body, filled).rstrip()
    if link and link not in body:
        body = f"{body}\n{link}"
    return Text(render(chosen.subject, filled), body)
