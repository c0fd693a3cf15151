"""What the customer wrote, without what they quoted and without their signature.

Cautious on purpose: a quote shown is a nuisance, a customer's sentence hidden is a fault. So a marker counts only where
mail programs put it, an answer below or between the quoted lines keeps everything, and nothing is ever cut to
nothing. The full text stays in the message's `full_text`.
"""

from __future__ import annotations

import re
from itertools import pairwise

MAX_LINES = 5000

# "On 3 May 2026, Ann wrote:" as mail programs say it; the name or the date may break the line.
_WROTE = re.compile(
    r"""^[ \t>*_]*(?:
        (?:On|At)\b.{4,300}?\b(?:wrote|writes|said)\s?: |
        (?:Am|Den|El|Le|Il|Em|Op|Dnia|W\ dniu|No\ dia|V\ ponedeljek|På|Pe\ data)\b.{4,300}?
            (?:schrieb|skrev|escribi[óo]|a\ [ée]crit|ha\ scritto|escreveu|schreef|napisa[łl](?:\(a\))?|kirjoitti|a\ scris)\b.{0,80}?: |
        .{2,160}?\b(?:schrieb|skrev|escribi[óo]|a\ [ée]crit|ha\ scritto|escreveu|schreef|написал(?:\(а\))?|пишет)
            \b.{0,60}?:[ \t]*$ |
        .{0,200}?\d.{0,200}?(?:写道|寫道|发的邮件|の書き込み|のメール|さんは書きました|님이\ 작성)\s?[:：] |
        (?:在|于)\s?.{2,200}?(?:写道|寫道|写|寫)\s?[:：] |
        .{0,80}?\d{4}[-/.年]\d{1,2}[-/.月]\d{1,2}.{0,120}?<[^<>@\s]+@[^<>\s]+>\s?(?:写道|寫道|wrote)?\s?[:：]
    )[ \t]*$""",
    re.IGNORECASE | re.VERBOSE | re.MULTILINE,
)
# A line that says: the original message follows.
_DIVIDER = re.compile(
    r"""^[ \t>]*(?:
        [-_=—–]{2,}[ ]*(?:
            Original[ ]Message|Original[ ]Appointment|Urspr(?:ü|ue)ngliche[ ]Nachricht|Original-?Nachricht|Message[ ]d.origine|
            Message[ ]original|Mensaje[ ]original|Messaggio[ ]originale|Mensagem[ ]original|Oorspronkelijk[ ]bericht|
            Oprindelig[ ]meddelelse|Opprinnelig[ ]melding|Ursprungligt[ ]meddelande|Wiadomość[ ]oryginalna|
            Исходное[ ]сообщение|Reply[ ]message|Reply[ ]Message|原始邮件|原始郵件|原邮件|回复的原邮件|回复的邮件|
            转发的邮件|轉寄的郵件|元のメッセージ|원본[ ]메시지
        )[ ]*[-_=—–]{2,} |
        [-]{3,}[ ]?(?:Original|原始邮件|原始郵件|回复的原邮件) .{0,40} |
        [-_]{3,}[ ]*Reply[ ]above[ ]this[ ]line.{0,80} |
        [#=*-]{2,}.{0,20}(?:type[ ]your[ ]reply|reply[ ]above|请在此行以上回复).{0,60}
    )[ \t]*$""",
    re.IGNORECASE | re.VERBOSE,
)
# The header block that Outlook, Foxmail and NetEase put above a quote.
_FIELD = re.compile(
    r"""^[ \t>*_]*(?:
        From|Sent|To|Date|Subject|Cc|Von|Gesendet|An|Datum|Betreff|De|Envoyé|À|Objet|Enviado(?:[ ]el)?|Para|Asunto|Da|Inviato|A|
        Oggetto|Assunto|Data|Van|Verzonden|Aan|Onderwerp|От|Отправлено|Кому|Тема|发件人|發件人|寄件者|寄件人|发送时间|發送時間|
        发送日期|傳送時間|日期|时间|收件人|收件者|抄送|主题|主題|主旨|差出人|送信日時|送信者|宛先|件名|보낸[ ]사람|받는[ ]사람|보낸[ ]날짜|제목
    )[*_]{0,2}[ \t]?[:：][*_]{0,2}(?:[ \t\u3000]|\S|$)""",
    re.IGNORECASE | re.VERBOSE,
)
_FROM = re.compile(
    r"^[ \t>*_]*(?:From|Von|De|Da|Van|От|发件人|發件人|寄件者|寄件人|差出人|送信者|보낸 사람)[*_]{0,2}[ \t]?[:：]",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[ \t>]*[_\-=—]{5,}[ \t]*$")
_SIGNATURE = re.compile(r"^-- ?$|^—\s?$|^[_]{10,}$")
_DEVICE = re.compile(
    r"""^[ \t]*(?:
        (?:Sent|Get|Enviado|Envoyé|Gesendet|Verzonden|Inviato|Skickat|Sendt|Wysłane)[ ](?:from|via|desde|depuis|de|mon|von|vom|vanaf|van|da|do|från|fra|z|Outlook)
            \b.{0,60} |
        发自我的.{0,30} | 發自我的.{0,30} | 来自我的.{0,30} | 從我的.{0,30}傳送 | 发送自.{0,40} | 从我的.{0,30}发送 | 私の.{0,20}から送信 | 나의[ ].{0,20}에서[ ]보냄
    )[ \t]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_QUOTED = re.compile(r"^[ \t]{0,3}>")
# Where a quote begins in HTML, by the mail program that wrote it.
_HTML_MARK = re.compile(
    r"""<(?:
        (?:div|blockquote)[^>]{0,300}?\bclass=["']?[^"'>]{0,80}?\b(?:gmail_quote|gmail_extra|yahoo_quoted|moz-cite-prefix|protonmail_quote|zmail_extra|WordSection_quote|ntes_reply|netease_quote|qmbox[ ]quote)\b |
        blockquote[^>]{0,200}?\btype=["']?cite |
        (?:div|hr)[^>]{0,300}?\bid=["']?(?:divRplyFwdMsg|appendonsend|stopSpelling|isReplyContent|isForwardContent|reply-intro|mail-editor-reference-message-container|x_divRplyFwdMsg|ntes-pcmac-signature|_origin_?mail|original-content)\b |
        div[^>]{0,300}?\bclass=["']?OutlookMessageHeader |
        includetail\b |
        div[^>]{0,300}?style=["'][^"'>]{0,120}?border:[ ]?none;[ ]?border-top:[ ]?solid[ ]\#(?:E1E1E1|B5C4DF)
    )""",
    re.IGNORECASE | re.VERBOSE,
)


def html_without_quote(html: str) -> str:
    """HTML up to where its author's mail program began to quote; everything if it did not or nothing would be left."""
    mark = _HTML_MARK.search(html, 0, 2_000_000)
    if mark is None or not re.sub(r"<[^<>]{0,4000}>|&nbsp;|\s", "", html[: mark.start()]):
        return html
    return html[: mark.start()]


def visible(text: str) -> str:
    """What the customer wrote; the whole text if it is all quote, or if they wrote below or between the lines."""
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return text
    end = _first_quote(lines)
    if end is not None and _answers_below(lines, end):
        end = None
    kept = lines if end is None else lines[:end]
    kept = _without_trailing_quote(kept)
    kept = _without_signature(kept)
    result = "\n".join(kept).strip()
    return result or text.strip()


def _first_quote(lines: list[str]) -> int | None:
    """The line where the quoted part begins."""
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        if _DIVIDER.match(line) or _is_attribution(lines, at):
            return at
        if _FROM.match(line) and _is_header_block(lines, at):
            before = at - 1
            while before > 0 and not lines[before].strip():
                before -= 1
            return before if before >= 0 and _RULE.match(lines[before]) else at
    return None


def _is_attribution(lines: list[str], at: int) -> bool:
    """Whether "… wrote:" stands here, on one line or broken over up to four."""
    if len(lines[at]) > 400:
        return False
    for count in (1, 2, 3, 4):
        joined = " ".join(line.strip() for line in lines[at : at + count])
        if len(joined) > 500:
            return False
        if joined.endswith((":", "：", ":*", ": ")) and _WROTE.match(joined):
            return True
        if at + count < len(lines) and not lines[at + count].strip():
            return False
    return False


def _is_header_block(lines: list[str], at: int) -> bool:
    """Whether at least three of the next lines are header fields: one alone may be a customer's own words."""
    following = [line for line in lines[at : at + 12] if line.strip()][:7]
    return sum(bool(_FIELD.match(line)) for line in following) >= 3


def _answers_below(lines: list[str], end: int) -> bool:
    """Whether the quote is marked with ">" and own words follow it: then the answer is below or between."""
    rest = lines[end:]
    marked = [at for at, line in enumerate(rest) if _QUOTED.match(line)]
    if not marked:
        return False
    after = [line for line in rest[marked[-1] + 1 :] if line.strip()]
    between = [line for line in rest[marked[0] : marked[-1]] if line.strip() and not _QUOTED.match(line)]
    own = _before_signature(after)
    # A quoted line that its sender's program wrapped is no answer: it is short and stands among many quoted ones.
    return bool(own) or (
        sum(len(line) for line in between) > 40 * max(1, len(marked) // 20) and len(between) >= 1 and _spaced(rest)
    )


def _spaced(lines: list[str]) -> bool:
    """Whether an unquoted text stands free between quoted lines: an empty line before it."""
    return any(not before.strip() and line.strip() and not _QUOTED.match(line) for before, line in pairwise(lines[2:]))


def _before_signature(lines: list[str]) -> list[str]:
    own: list[str] = []
    for line in lines:
        if _SIGNATURE.match(line) or _DEVICE.match(line):
            break
        own.append(line)
    return own


def _without_trailing_quote(lines: list[str]) -> list[str]:
    """Quoted lines at the very end go, unless nothing else is there."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _QUOTED.match(lines[end - 1])):
        end -= 1
    if end == len(lines) or not any(_QUOTED.match(line) for line in lines[end:]):
        return lines
    kept = lines[:end]
    return kept if any(line.strip() for line in kept) else lines


def _without_signature(lines: list[str]) -> list[str]:
    """From a signature mark in the last part on, and a phone's advertisement at the end."""
    for at, line in enumerate(lines):
        if _SIGNATURE.match(line) and at and len(lines) - at <= 25:
            lines = lines[:at]
            break
    while lines and (not lines[-1].strip() or _DEVICE.match(lines[-1])):
        lines = lines[:-1]
    return lines
