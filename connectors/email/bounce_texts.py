"""Bounces that keep to no standard, read by flufl.bounce (the one module that knows it) and by what it misses."""

# ruff: noqa: E501 - the patterns are lists of phrases
from __future__ import annotations

import logging
import re
from collections.abc import Collection
from email import message_from_bytes

from flufl.bounce import all_failures  # pyright: ignore[reportUnknownVariableType] - its argument is untyped

logging.getLogger("flufl.bounce").setLevel(logging.CRITICAL)  # it logs each of its detectors that trips
_LOOKED_AT = 8000  # characters of the notice; the reason stands at its beginning
_ADDRESS = re.compile(r"[A-Za-z0-9._%+=/-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,6}")
# A line for each recipient that failed: "<ann@customer.example>: user unknown".
_LISTED = re.compile(rf"^[ \t]{{0,8}}<?({_ADDRESS.pattern})>?[ \t]{{0,4}}:", re.MULTILINE)
# Below these lines stands the mail that came back.
_RETURNED = re.compile(
    r"^[ \t>-]{0,12}(?:(?:this is a copy|below this line|here is a copy|original message follows|the header of the original)\b"
    r"|(?:returned|original|non-delivered) (?:message|mail|information)(?: headers| source)?\b(?! details)|original message headers|message header follows"
    r"|(?:return-path|received|message-id|dkim-signature|mime-version|x-mailer)[ \t]*:)",
    re.IGNORECASE | re.MULTILINE,
)
_FAILED = re.compile(
    r"(?:could|can|may)(?: ?not|n[’']t) (?:be )*(?:delivered|sent)|not (?:able to be|been) delivered|(?:was|is|were)(?: not|n[’']t) (?:able to )?deliver|unable to deliver|did not reach|undeliver"
    r"|(?:error|problem) (?:occurred while trying to deliver|delivering)|deliver\w*\b.{0,60}\b(?:fail\w*|unsuccessful|stopped|impossible)|fail\w*\b.{0,30}\b(?:deliver|send|recipient|address|reason)"
    r"|following (?:address(?:es)?|recipients?) (?:failed|could not|cannot)|permanent (?:fatal )?error|user unknown|unknown user|invalid (?:mailbox|user|recipient)|(?:mailbox|quota) .{0,20}(?:exceed|full)|blocked by"
    r"|(?:user|account|mailbox|recipient|address)\b.{0,60}\b(?:not found|does not exist|disabled|rejected|not listed)"
    r"|nicht zugestellt|unzustellbar|n[’']a pas pu être (?:remis|délivr)|n[’']ont pas pu|non remis|no se (?:pudo|puede|ha podido|pudieron) entregar|no entregado|não (?:foi possível|pôde|foi|pode) .{0,12}entreg"
    r"|impossibile (?:recapitare|consegnare)|non è stato .{0,12}(?:recapitat|consegnat)|mancato recapito|(?:kan|kon) niet worden bezorgd|onbestelbaar|kunde inte levereras|kunne ikke leveres"
    r"|nie (?:można|udało się) .{0,12}dostarczyć|nie została dostarczona|nepodařilo doručit|nedoručiteln|не удал\w+ доставить|не может быть доставлен|недоставлен|не был\w* доставлен|teslim edilemedi|iletilemedi"
    r"|配信でき|送信できません|配信不能|送達でき|전송되지|배달할 수 없|전달하지 못|반송|被退回|退信|(?:无法|未能(?:成功)?)(?:送达|投递|发送|到达)|無法(?:傳遞|投遞|送達)|投递失败|发送失败|收件人(?:邮件)?地址"
    r"|\b5\d\d[ -]\d\.\d\.\d|\b5\d\d [A-Z]|#5\d\d",
    re.IGNORECASE,
)
_DELAYED = re.compile(
    r"delayed|not yet been delivered|will be retried|still trying|warning message only|temporar\w+ (?:problem|error|fail)|verzögert|retardé|retrasad|延迟|延遲",
    re.IGNORECASE,
)
_LASTING = re.compile(r"permanent|given up|giving up|\b5\d\d[ -]|\b5\.\d\.\d", re.IGNORECASE)
# Whose address it is that stands behind these words: ours, or the server's.
_NOT_THEIRS = re.compile(
    r"(?:from|sender|return-path|reply-to|message-id|absender|de|от|发件人|寄件者|contact|questions?|help)\b[^@\n]{0,40}$",
    re.IGNORECASE,
)
_OFFICES = frozenset({"postmaster", "abuse", "mailer-daemon", "helpdesk", "admin", "administrator", "webmaster"})


def failures(raw: bytes) -> tuple[list[str], list[str]]:
    """The addresses that failed for good, and those that failed for now, as flufl.bounce understands it."""
    try:
        passing, lasting = all_failures(message_from_bytes(raw))
    except Exception:  # noqa: BLE001 - foreign code on hostile bytes: what it trips over is no bounce
        return [], []
    return _texts(lasting), _texts(passing)


def told(notice: str, without: Collection[str]) -> tuple[list[str], list[str]]:
    """The same by the words of a notice: the addresses that they are about, and none of `without`."""
    notice = notice[:_LOOKED_AT]
    returned = _RETURNED.search(notice, 1)
    said = notice[: returned.start()] if returned else notice
    failed, delayed = _FAILED.search(said), _DELAYED.search(said)
    why = failed or delayed
    if why is None:
        return [], []
    found = [one for one in _ADDRESS.finditer(said) if _theirs(said, one, without)]
    first = next((one for one in found if one.end() > why.start()), found[-1] if found else None)
    if first is None:
        return [], []
    listed = [one[1] for one in _LISTED.finditer(said) if one[1] in {other[0] for other in found}]
    whom = list(dict.fromkeys(listed or [first[0]]))[:100]
    only_late = delayed is not None and not _LASTING.search(said)
    return ([], whom) if only_late else (whom, [])


def _theirs(said: str, found: re.Match[str], without: Collection[str]) -> bool:
    local = found[0].partition("@")[0].lower()
    before = said[max(0, found.start() - 60) : found.start()]
    return found[0].lower() not in without and local not in _OFFICES and not _NOT_THEIRS.search(before)


def _texts(found: frozenset[bytes]) -> list[str]:
    return sorted(one.decode("utf-8", "replace") for one in found)[:100]
