"""What the customer wrote, without what they quoted and without their signature.

Cautious on purpose: a quote shown is a nuisance, a customer's sentence hidden is a fault. So a marker counts only where
mail programs put it, an answer below or between the quoted lines keeps everything, and nothing is ever cut to
nothing. The full text stays in the message's `full_text`.
"""

# ruff: noqa: E501 - the patterns are lists of words, one mail program or language beside the other
from __future__ import annotations

import re
from itertools import pairwise

MAX_LINES = 5000

# "On 3 May 2026, Ann wrote:" as mail programs say it; the name or the date may break the line.
_SAID = (
    r"(?:wrote|writes|schrieb|skrev|escribi[óo]|a\ [ée]crit|ha\ scritto|escreveu|schreef|napisa[łl](?:\(a\))?"
    r"|kirjoitti|a\ scris|написал(?:\(а\))?|пишет|пише|написав|写道|寫道|写|寫)"
)
_WROTE = re.compile(
    rf"""^[ \t>*_|-]*(?:
        (?=.{{0,300}}[\d@])(?:On|At|Am|Den|El|Le|Il|Em|Op|Dnia|W\ dniu|No\ dia|V\ ponedeljek|På|Pe\ data)\b.{{4,300}}?{_SAID}(?:\b.{{0,90}}?)?\s?: |
        .{{0,120}}\d.{{0,160}}?{_SAID}(?:\b.{{0,60}}?)?\s?[:：] |
        .{{1,120}}?<\s?(?:mailto:)?[^<>@]{{1,80}}@[^<>\s]{{1,80}}\s?>\s?{_SAID}(?:\b.{{0,60}}?)?\s?[:：] |
        .{{0,200}}?\d.{{0,200}}?(?:发的邮件|の書き込み|のメール|さんは書きました|님이\ 작성)\s?[:：] |
        (?:在|于)\s?.{{2,200}}?{_SAID}\s?[:：] |
        .{{0,80}}?\d{{4}}[-/.年]\d{{1,2}}[-/.月]\d{{1,2}}.{{0,120}}?<\s?[^<>@\s]+@[^<>\s]+\s?>\s?[:：] |
        -{{2,}}\s?On\ .{{4,200}}?\bwrote\s?-{{2,}}
    )[ \t*]*$""",
    re.IGNORECASE | re.VERBOSE,
)
# A line that may begin such an announcement and end on a later one.
_OPENS = re.compile(
    r"^[ \t>*_|-]*(?:On|At|Am|Den|El|Le|Il|Em|Op|Dnia|W dniu|No dia|På|Pe data|在|于|\d|.{1,120}<)", re.IGNORECASE
)
# A line that says: the original message follows.
_DIVIDER = re.compile(
    r"""^[ \t>*]*(?:
        [-_=—–]{2,}[ ]*(?:
            Original[ ]Message|Original[ ]Appointment|Urspr(?:ü|ue)ngliche[ ]Nachricht|Original-?Nachricht|Message[ ]d.origine|
            Message[ ]original|Mensaje[ ]original|Messaggio[ ]originale|Mensagem[ ]original|Oorspronkelijk[ ]bericht|
            Oprindelig[ ]meddelelse|Opprinnelig[ ]melding|Ursprungligt[ ]meddelande|Wiadomość[ ]oryginalna|
            Исходное[ ]сообщение|Reply[ ]message|Reply[ ]Message|原始邮件|原始郵件|原邮件|回复的原邮件|回复的邮件|
            元のメッセージ|원본[ ]메시지
        )[ ]*[-_=—–]{2,} |
        [-]{3,}[ ]?(?:Original|原始邮件|原始郵件|回复的原邮件) .{0,40} |
        [-_]{3,}[ ]*Reply[ ]above[ ]this[ ]line.{0,80} |
        [#=*-]{2,}.{0,20}(?:type[ ]your[ ]reply|reply[ ]above|请在此行以上回复).{0,60}
    )[ \t*]*$""",
    re.IGNORECASE | re.VERBOSE,
)
# The header block that Outlook, Foxmail and NetEase put above a quote.
_FIELD = re.compile(
    r"""^[ \t>*_]*(?:
        From|Sent|To|Date|Subject|Cc|Von|Gesendet|An|Datum|Betreff|De|Envoyé|À|Objet|Enviado(?:[ ]el)?|Para|Asunto|Da|Inviato|A|
        Oggetto|Assunto|Data|Van|Verzonden|Aan|Onderwerp|Från|Skickat|Till|Ämne|Fra|Sendt|Til|Emne|От|Отправлено|Кому|Тема|发件人|發件人|寄件者|寄件人|发送时间|發送時間|
        发送日期|傳送時間|日期|时间|收件人|收件者|抄送|主题|主題|主旨|差出人|送信日時|送信者|宛先|件名|보낸[ ]사람|받는[ ]사람|보낸[ ]날짜|제목
    )[*_]{0,2}[ \t]?[:：][*_]{0,2}(?:[ \t\u3000]|\S|$)""",
    re.IGNORECASE | re.VERBOSE,
)
_FROM = re.compile(
    r"^[ \t>*_]*(?:From|Von|De|Da|Van|Från|Fra|От|发件人|發件人|寄件者|寄件人|差出人|送信者|보낸 사람)[*_]{0,2}[ \t]?[:：]",
    re.IGNORECASE,
)
_FORWARDED = re.compile(
    r"^[ \t>*]*(?:[-_=—–]{2,}\s*)?(?:(?:Begin )?forwarded message|Weitergeleitete Nachricht|Message transféré|Mensaje reenviado|"
    r"Mensagem encaminhada|Doorgestuurd bericht|Пересылаемое сообщение|转发的?邮件|转发邮件信息|轉寄的?郵件|転送メッセージ)\b.{0,40}$",
    re.IGNORECASE,
)
_RULE = re.compile(r"^[ \t>]*[_\-=—]{5,}[ \t]*$")
_SIGNATURE = re.compile(r"^-- ?$|^—\s?$|^[_]{10,}$")
_DEVICE = re.compile(
    r"""^[ \t]*(?:
        (?:Sent|Get|Enviado|Envoyé|Gesendet|Verzonden|Inviato|Skickat|Sendt|Wysłane)[ ](?:from|via|desde|depuis|de|mon|von|vom|vanaf|van|da|do|från|fra|z|Outlook)
            \b.{0,60} |
        Sent[ ](?:via|with|by)\b.{0,40} | From[ ]my[ ].{0,30} | Von[ ]mein.{0,50}gesendet\.? | Diese[ ]Nachricht[ ]wurde[ ].{0,80}gesendet\.? |
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
    """What the customer wrote; the whole text if it is all quote, or if they answered between the lines."""
    lines = text.split("\n")
    if len(lines) > MAX_LINES:
        return text
    kept = _without_signature(_without_trailing_quote(_own_lines(lines)))
    return "\n".join(kept).strip("\n").rstrip() or text.strip()


def _own_lines(lines: list[str]) -> list[str]:
    """Without the quote that begins somewhere, unless its author answered inside it."""
    found = _first_quote(lines)
    if found is None:
        return lines
    start, length = found
    before, rest = lines[:start], lines[start + length :]
    marked = [at for at, line in enumerate(rest) if _QUOTED.match(line)]
    after = [line for line in _before_signature(rest[marked[-1] + 1 :]) if line.strip()] if marked else []
    if marked and _answered_between(rest[marked[0] : marked[-1]]):
        return before + rest  # all of it is needed to understand the answer
    first = next((line for line in rest if line.strip()), "")
    if not any(line.strip() for line in before) and first and not _QUOTED.match(first):
        return rest  # announced and then not marked: their own words may be among it
    if after and _first_quote(rest[marked[-1] + 1 :]) is None:
        return before + rest[marked[-1] + 1 :]  # the answer stands below the quote
    return before if any(line.strip() for line in before) else lines


def _first_quote(lines: list[str]) -> tuple[int, int] | None:
    """Where the quoted part begins, and how many lines only announce it."""
    for at, line in enumerate(lines):
        if not line.strip():
            continue
        if _DIVIDER.match(line):
            return at, 1
        length = _attribution(lines, at)
        if length:
            return at, length
        if _FROM.match(line) and _is_header_block(lines, at) and not _is_forward(lines, at):
            return _with_rule(lines, at), 0
    return None


def _is_forward(lines: list[str], at: int) -> bool:
    """Whether the header block belongs to a forwarded message: that is what the customer wants to show us."""
    above = [line for line in lines[max(0, at - 4) : at] if line.strip()]
    return bool(above) and bool(_FORWARDED.match(above[-1]))


def _with_rule(lines: list[str], at: int) -> int:
    """The line above a header block, if it is a rule; the block's own first line if not."""
    before = at - 1
    while before > 0 and not lines[before].strip():
        before -= 1
    return before if before >= 0 and _RULE.match(lines[before]) else at


def _attribution(lines: list[str], at: int) -> int:
    """How many lines "… wrote:" takes here, broken over up to six; 0 if it does not stand here."""
    joined = ""
    for count in range(1, 7):
        if at + count > len(lines):
            return 0
        joined = f"{joined} {lines[at + count - 1].strip()}".strip()
        if len(joined) > 400:
            return 0
        if joined.rstrip("* ").endswith((":", "：", "--")) and _WROTE.match(joined):
            return count
        if count == 1 and not _OPENS.match(joined):
            return 0
    return 0


def _is_header_block(lines: list[str], at: int) -> bool:
    """Whether at least three of the next lines are header fields: one alone may be a customer's own words."""
    following = [line for line in lines[at : at + 12] if line.strip()][:7]
    return sum(bool(_FIELD.match(line)) for line in following) >= 3


def _answered_between(lines: list[str]) -> bool:
    """Whether own words stand free between quoted lines; a quoted line that was wrapped does not stand free."""
    for before, line in pairwise(lines):
        if not before.strip() and line.strip() and not _QUOTED.match(line) and not line.startswith((" ", "\t")):
            return True
    return False


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
