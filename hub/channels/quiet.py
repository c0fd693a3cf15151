"""What a message is that nobody has to answer: a bare score, a reaction, a nod after the matter was over.

Only a message that consists of nothing else counts. "4, but where is my invoice?" begins with a digit and is a
question; whatever is in doubt is a message that reaches a person.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum

from hub.channels.capabilities import capabilities_of
from hub.channels.model import Inbound

CONTENT = 3  # whoever gives less is not content, and somebody looks at it
_LONGEST = 24  # characters of a score; nobody needs more
_SCORE = re.compile(
    r"(?P<score>[1-5])(?P<of> ?/ ?5| ?out of ?5)?(?: ?(?:stars?|points?|分|星|颗星|顆星|つ星|点))?[.!。]{0,3}",
    re.IGNORECASE,
)
_STARS = re.compile(r"(?P<full>[★⭐🌟]{1,5})(?P<empty>☆{0,4})")
_SPELLED = re.compile(r"(?P<score>[一二两兩三四五])(?:分|星|颗星|顆星|つ星)[!。.]?")
_DIGITS = {"一": 1, "二": 2, "两": 2, "兩": 2, "三": 3, "四": 4, "五": 5}
_DRESS = dict.fromkeys(map(ord, "\ufe0e\ufe0f\u20e3\u200b\u200d\u2060\ufeff"))  # how a character is drawn, no words

# A thumb, a heart, folded hands: alone, and after the matter was over, they ask nothing. Others may: 😡, 👎, ❓.
_NODS = frozenset("👍👌🙏💪👏🙌🤝✅✔💯❤♥💙💚💛🧡💜🤍🖤🤎💗💖💕💓💞😊😀😃😄😁🙂😍🥰😘☺🤗😎🎉🥳🌹💐")
_TINTS = dict.fromkeys(range(0x1F3FB, 0x1F400))  # skin
# How telephones without reactions are told of one by SMS.
_TOLD = re.compile(
    r"(?:Liked|Loved|Emphasized|Laughed at) [“\"].{1,1600}[”\"]|.{1,12} to [“\"].{1,1600}[”\"]", re.DOTALL
)


class Quiet(StrEnum):
    """Why nobody may have to answer. Whether it is so depends on where the message comes in: see `intake.sql`."""

    SCORE = "score"  # answers our question how it was, well enough
    COMPLAINT = "complaint"  # answers it with a low score: recorded, and a person looks at it
    REACTION = "reaction"  # says of itself that it is one
    NOD = "nod"  # reads like one


def score_of(text: str) -> int | None:
    """The score from 1 to 5 if a message says that and nothing else: "5", "4/5", "5分", "★★★★"; else None."""
    said = " ".join(unicodedata.normalize("NFKC", text).translate(_DRESS).split())
    if not said or len(said) > _LONGEST or len(text) > 10 * _LONGEST:
        return None
    if (stars := _STARS.fullmatch(said.replace(" ", ""))) is not None:
        full, empty = len(stars["full"]), len(stars["empty"])
        return full if full + empty == 5 or not empty else None
    if (spelled := _SPELLED.fullmatch(said)) is not None:
        return _DIGITS[spelled["score"]]
    found = _SCORE.fullmatch(said)
    return None if found is None else int(found["score"])


def is_nod(text: str) -> bool:
    """Whether a text is nothing but a friendly sign or two, or a telephone's report of one."""
    said = text.translate(_DRESS | _TINTS).strip()
    if 0 < len(said) <= 5 and set(said.replace(" ", "")) <= _NODS:
        return True
    if _TOLD.fullmatch(said) is None:
        return False
    sign, told, _ = said.partition(" to ")
    return said.startswith(("Liked", "Loved", "Emphasized", "Laughed")) or bool(
        told and set(sign.strip("\u200a ")) <= _NODS
    )


def quiet(inbound: Inbound, channel: str) -> Quiet | None:
    """What a message may be that nobody has to answer; None for all others, and for whatever brings a file."""
    can = capabilities_of(channel)
    if can.text and inbound.meta.get("reaction"):
        return Quiet.REACTION
    if can.visit or inbound.automatic or inbound.consent or len(inbound.text) > 2000:
        return None
    if inbound.media or any(not a.inline for a in inbound.attachments):
        return None
    if (score := score_of(inbound.text)) is not None:
        return Quiet.SCORE if score >= CONTENT else Quiet.COMPLAINT
    return Quiet.NOD if can.text and is_nod(inbound.text) else None
