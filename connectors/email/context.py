"""What the header of a mail says of its text: whether it answers, what it is about, and who wrote it."""

from __future__ import annotations

import re
from dataclasses import dataclass

_COUNT = r"(?:\[\d{1,3}\]|\(\d{1,3}\)|\^\d{1,3})?"
_ANSWERED = (
    r"(?:re|aw|antw(?:ort)?|sv|vs|r|rif|res|odp|отв|ответ|відп|ynt|yan|cevap|vá|bls|atb|απ|σχετ"
    rf"|回复|答复|回覆|答覆|返信|회신|답장|رد|השב){_COUNT}"
)
_PASSED_ON = (
    r"(?:fwd?|wg|tr|trans|rv|enc|i|vl|vb|doorst|pd|ilt|пересл|переслать|прд|προωθ|fs|tv|továbbítás"
    rf"|转发|轉寄|轉發|転送|전달){_COUNT}"
)
_PREFIX = re.compile(rf"^\s*(?:(?P<answered>{_ANSWERED})|(?P<passed>{_PASSED_ON}))\s?[:：]\s*", re.IGNORECASE)
_TAG = re.compile(r"^\s*\[[^\[\]]{0,60}\]\s*")
_FWD_AT_END = re.compile(r"\(fwd\)\s*$", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_]{2,}")
_NEARLY = 12  # characters in which two subjects agree that one of them was cut


@dataclass(frozen=True, slots=True)
class Context:
    """`answers`: whether there may be an earlier message below. `subject`, `author` and `ours` may be unknown.

    `author` is the sender's name and address in one string; `ours` holds our own addresses, in lower case.
    """

    answers: bool = True
    subject: str = ""
    author: str = ""
    ours: tuple[str, ...] = ()


def context(subject: str, author: str, *, refers: bool, ours: tuple[str, ...] = ()) -> Context:
    """`refers`: whether In-Reply-To or References name an earlier mail."""
    return Context(
        answers=not passes_on(subject) and (refers or answers(subject)), subject=subject, author=author, ours=ours
    )


def answers(subject: str) -> bool:
    """Whether a subject begins as an answer's does: "Re:", "AW:", "回复："."""
    return _kind(subject) == "answered"


def passes_on(subject: str) -> bool:
    """Whether a subject says that a message is passed on: "Fwd:", "WG:", "转发：", Alpine's "(fwd)" at its end."""
    kind = _kind(subject)
    return kind == "passed" or (kind is None and bool(_FWD_AT_END.search(subject)))


def _kind(subject: str) -> str | None:
    found = _PREFIX.match(_untagged(subject))
    return found.lastgroup if found else None


def _untagged(subject: str) -> str:
    """Without "[#12]" and "[EXTERNAL]" in front."""
    for _ in range(3):
        subject = _TAG.sub("", subject[:1000])
    return subject


def same_subject(one: str, other: str) -> bool:
    """Whether two subjects are one but for prefixes, tags and where a program cut them; an empty one fits any."""
    mine, theirs = _bare(one), _bare(other)
    if not mine or not theirs or mine == theirs:
        return True
    short, long = sorted((mine, theirs), key=len)
    return len(short) >= _NEARLY and short in long


def _bare(subject: str) -> str:
    for _ in range(10):
        shorter = _PREFIX.sub("", _untagged(subject), count=1)
        if shorter == subject:
            break
        subject = shorter
    return " ".join(_FWD_AT_END.sub("", subject).casefold().split()).strip(" .…")


def words(text: str) -> frozenset[str]:
    """The words of a name or a line, for comparing them."""
    return frozenset(_WORD.findall(text.casefold()))
