"""Which charset text without a label is in: the one in which it reads as a language.

A detector that compares byte statistics needs pages; customers write one sentence. So each charset is tried, and what
comes out is scored by how common its letters are in the languages that are written in it, where letters stand (no
capital within a word of small ones, no vowel mark alone), and by what else is known: what the mail's other parts are
in, and the languages that the account serves.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import pairwise

_FREQUENT = 14  # letters of an alphabet that stand first, as the frequent ones
_SAMPLE = 4096  # characters that are scored
_HINTED = 0.35  # what a hint is worth, in parts of a common letter for each letter


@dataclass(frozen=True, slots=True)
class _Charset:
    """A charset, and for each language that used it the letters beyond ASCII that are common there."""

    name: str
    languages: dict[str, dict[str, float]]
    wide: bool = False  # two bytes for a character

    @classmethod
    def of(cls, name: str, languages: dict[str, str], *, wide: bool = False) -> _Charset:
        return cls(name, {codes: _worths(letters, wide) for codes, letters in languages.items()}, wide)


def _worths(letters: str, wide: bool) -> dict[str, float]:
    """What each letter is worth: a little less where an alphabet is long and the letter is a rare or a capital one."""
    long = len(letters) > 25 and not wide
    worths: dict[str, float] = {}
    for at, letter in enumerate(letters):
        rare = letter in "þð" or (long and at >= _FREQUENT)  # Icelandic alone has these
        worth = 0.75 if letter.isupper() else 0.9 if rare else 1.0
        worths[letter] = max(worth, worths.get(letter, 0.0))
    return worths


_PUNCTUATION = frozenset("‘’“”„–—…«»°€\xa0·•")
_OF_OLD_PROGRAMS, _OLD = frozenset({"cp850", "mac_roman"}), 0.3  # seldom met: what reads well otherwise is that
_PRICE = re.compile("[€£] ?[0-9]|[0-9] ?[€£]")  # a currency where it stands: surer than any letter
_HAN = (
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同"
    "现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很"
    "最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走"
    "义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马"
    "科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运您"
    "请谢收货订单退款包裹址午客服邮物流寄送快递买卖钱价吗呢吧啊喂谁哪怎"
)
_HAN_OLD = (
    "的一是不了在人有我他這個們中來上大為和國地到以說時要就出會可也你對生能而子那得於著下自之年過發後作裡用道行所然家種事成方多經麼去法學如都同現當沒動面起看定天分還進"
    "好小部其些主樣理心她本前開但因只從想實日者意無力它與長把機十民第公此已工使情明性知全三又關點正業外將兩高間由問很最重並物手應向頭文體相見被利什二等產或新己制身果加"
    "西月話合回特代內信表化老給世位次度門任常先海通教兒原東聲提立及比員解水名真論處走義各入幾口認條平系氣題更別打女變總何電數安少報才結反受目太量再感建務做接必場件計管"
    "您請謝收貨訂單退款包裹址午客服郵流寄送快遞買賣錢價嗎呢吧啊誰哪怎"
)
_KANA = "".join(chr(code) for code in range(0x3041, 0x30FF)) + "、。「」ー"
_HANGUL = (
    "이다는을의에가고도를지기하한은로있해사시그리어인아서나자대들것수정라일부여게만과스으적전보주제니장구상원면안세조성동국비문소화치신우경었모트"
    "드습까요네러무위연마오공계물거관산생영방당중분회법용내야운개할실재학발선현받없년것교미말때간유진차표통금품더처달식입못왔않녕포박송배환불감합편"
    "려야와습했됩겠세래바호버프등저께행명양노심결력의돈건체려"
)
_CYRILLIC = "оеаинтсрвлкмдпуяызьбгчйхжюшцщэфё"
_UKRAINIAN = "оеаинтсрвлкмдпуяізьбгчйхжюшцщефїєґ"
_JAPANESE = _KANA + "日本人年月時分円様御注文届配送荷物商品連絡返品確認電話番号今昨明来社"
_CENTRAL = {
    "pl": "ąćęłńóśźżŁŚŻĆ", "cs": "áčďéěíňóřšťúůýžČŘŠŽ", "sk": "áäčďéíĺľňóôŕšťúýžČŠŽ", "hu": "áéíóöőúüűÁÉÖŐÜ",
    "sl hr sr": "čšžćđČŠŽ", "ro": "ăâîşţȘșț",
    "de": "äöüßÄÖÜ",
}  # fmt: skip
_WESTERN = {
    "fr": "éèàçêâîôûëïüœùÉÀÇ", "de": "äöüßÄÖÜ", "es": "áéíóúñü¿¡ÁÉÑ", "pt": "áâãàçéêíóôõúÁÉ", "it": "àèéìòùÈ",
    "sv da nb no fi": "åäöæøéÅÄÖÆØ", "is": "áéíóúýðþæöÞÁ", "nl": "éëïèöüê", "ca": "àèéíïòóúüç·", "en": "éèêçñïö£",
}  # fmt: skip
_GREEK = "αοιετσνηυρπκλμςωάίόέύήώδγχθφβξζψΑΒΓΔΕΖΗΘΙΚΛΜΝΞΟΠΡΣΤΥΦΧΨΩΆΈ"
_ARABIC = "اليمنوترهبعدفسكقحجةأشصخطضإثىذزغظئءؤآ"
_CHARSETS = (
    _Charset.of("cp1252", _WESTERN),
    _Charset.of("cp1250", _CENTRAL),
    _Charset.of("cp1254", {"tr": "ıİşŞğĞçÇöÖüÜâî"}),
    _Charset.of("cp1257", {"lt": "ąčęėįšųūžČŠŽĖ", "lv": "āčēģīķļņšūžĀČŠŽ", "et": "äõöüšžÄÕÖÜ"}),
    _Charset.of("cp1251", {"ru bg": _CYRILLIC + _CYRILLIC.upper() + "№", "uk": _UKRAINIAN + _UKRAINIAN.upper(),
                           "be": _CYRILLIC + "іў", "sr mk": _CYRILLIC + "ђјљњћџѓќѕ" + _CYRILLIC.upper()}),
    _Charset.of("koi8_r", {"ru": _CYRILLIC + _CYRILLIC.upper()}),
    _Charset.of("koi8_u", {"uk": _UKRAINIAN + _UKRAINIAN.upper()}),
    _Charset.of("cp866", {"ru": _CYRILLIC + _CYRILLIC.upper()}),
    _Charset.of("iso8859_2", _CENTRAL),
    _Charset.of("iso8859_5", {"ru": _CYRILLIC + _CYRILLIC.upper()}),
    _Charset.of("cp1253", {"el": _GREEK}),
    _Charset.of("iso8859_7", {"el": _GREEK}),
    _Charset.of("cp1255", {"he yi": "יוהלאמתרשבנדעחקפטגסצכזםןךףץ"}),
    _Charset.of("cp1256", {"ar fa ur": _ARABIC + "پچژگ،؟"}),
    _Charset.of("iso8859_6", {"ar": _ARABIC + "،؟"}),
    _Charset.of("cp874", {"th": "านรอกเงมยลวดท่สต้ะปบคหแจพชขใไโผีัิืุู็์ำธณศษฟซถภญฐฉฎฏฒฆฬฮๆ"}),
    _Charset.of("cp1258", {"vi": "ăâđêôơưàáạảãèéẹẻẽìíòóùúýỳĐ\u0300\u0301\u0303\u0309\u0323"}),
    _Charset.of("cp850", _WESTERN),
    _Charset.of("mac_roman", _WESTERN),
    _Charset.of("iso8859_15", _WESTERN),
    _Charset.of("gb18030", {"zh": _HAN + "，。！？、：；（）“”《》"}, wide=True),
    _Charset.of("big5hkscs", {"zh": _HAN_OLD + "，。！？、：；（）「」"}, wide=True),
    _Charset.of("cp932", {"ja": _JAPANESE}, wide=True),
    _Charset.of("euc_jp", {"ja": _JAPANESE}, wide=True),
    _Charset.of("cp949", {"ko": _HANGUL}, wide=True),
)  # fmt: skip
_VOWELLESS = re.compile("[\u0590-\u06ff\u0e00-\u0e7f]")  # Hebrew, Arabic and Thai have none or write them otherwise
_VOWELS = frozenset("аеиоуыэюяёіїєaeiouyàâéèêëîïôûùüöäåøæœáíóúýãõıěůőűąęαεηιουωάέήίόύώ")


def guess(data: bytes, hints: Iterable[str] = ()) -> str | None:
    """The name of the charset; None if in none of them the bytes read as a language.

    `hints` are charsets (Python's names) or languages (`ru`, `pt-BR`) that are known to be likely.
    """
    told = frozenset(hint.lower() if len(hint) > 6 else hint.lower().partition("-")[0] for hint in hints)
    best, most = None, 0.0
    for charset in _CHARSETS:
        text = _text(data, charset)
        score = 0.0 if text is None else _score(text, charset, told)
        if score > most:
            best, most = charset.name, score
    return best


def _text(data: bytes, charset: _Charset) -> str | None:
    """The text beyond ASCII with what stands around it; None if it is not this charset."""
    try:
        return data.decode(charset.name)[:_SAMPLE]
    except UnicodeDecodeError as error:
        if error.start < len(data) - 3:  # a sample may end within a character
            return None
        return data[: error.start].decode(charset.name, "replace")[:_SAMPLE]


def _score(text: str, charset: _Charset, told: frozenset[str]) -> float:
    """How well a text reads: about 1 if every letter beyond ASCII is common in one language, below 0 if it is noise."""
    beyond = [sign for sign in text if ord(sign) > 127]
    if not beyond:
        return 0.0
    cost = sum(_clash(one, other) for one, other in pairwise(text)) + _odd_cases(text)
    best = max(
        sum(_worth(sign, letters, charset.wide) for sign in beyond) / len(beyond)
        + (_HINTED if charset.name in told or not told.isdisjoint(codes.split()) else 0.0)
        for codes, letters in charset.languages.items()
    )
    best += 0.7 * len(_PRICE.findall(text)) / len(beyond)
    best -= _OLD if charset.name in _OF_OLD_PROGRAMS else 0.0
    return best - cost / len(beyond) + (0.0 if charset.wide else _read(text) - 0.1)


def _worth(sign: str, letters: dict[str, float], wide: bool) -> float:
    if sign in letters:
        return letters[sign]
    if sign in _PUNCTUATION:
        return 0.5
    kind = unicodedata.category(sign)
    if kind in {"Cc", "Co", "Cn", "So", "Sk", "Sm", "Lm"}:
        return -2.0
    if wide:
        return 0.25 if kind == "Lo" and 0x4E00 <= ord(sign) <= 0xD7A3 else -0.3
    return -0.8 if kind[0] == "L" else -0.4


def _clash(one: str, other: str) -> float:
    """What two neighbouring letters cost: of two scripts, or both with accents where the script is Latin."""
    if (one.isascii() and other.isascii()) or not (_in_word(one) and _in_word(other)):
        return 0.0
    latin = [sign.isascii() or unicodedata.name(sign, "").startswith(("LATIN", "COMBINING")) for sign in (one, other)]
    if latin[0] != latin[1]:
        return 1.0
    return 0.4 if latin[0] and not one.isascii() and not other.isascii() else 0.0


def _in_word(sign: str) -> bool:
    return sign.isalpha() or unicodedata.category(sign)[0] == "M"


def _odd_cases(text: str) -> float:
    """What words with letters beyond ASCII cost that are neither small, nor capital, nor begin with one capital."""
    words = [word for word in text.split() if not word.isascii()]
    return 1.5 * sum(word != word.lower() and not word.isupper() and word[1:] != word[1:].lower() for word in words)


def _read(text: str) -> float:
    """Whether words have vowels, where the script writes them: from 0 to 0.2."""
    words = [word for word in text.lower().split() if len(word) >= 4 and any(ord(sign) > 127 for sign in word)][:200]
    if not words:
        return 0.1
    if all(_VOWELLESS.search(word) for word in words):
        return 0.2
    return 0.2 * sum(any(sign in _VOWELS for sign in word) for word in words) / len(words)
