"""When a customer says that he wants no more messages, or wants them again: the words, in the languages of the world.

Three strengths of a wish to stop:

* A word that law or custom has given this one meaning (STOP and its kin, BAJA, 退订), alone in a message: always obeyed.
* A word that may mean it ("cancelar", "aus", "ret"; "cancel" where no carrier obeys it), alone in a message: obeyed,
  unless one of us is talking with the customer; then it may be the answer to a question, and the agent is asked.
* A sentence ("please stop texting me"): the agent is asked.

A button or an entry of a list that we sent ourselves is an answer, never a wish. Providers handle some of the words
themselves and have answered them before we hear of it; what they have not, we answer once.
"""

# ruff: noqa: E501 - the pattern of sentences is a list of phrases
from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from hub.core.nearby import nearby


class Wish(StrEnum):
    """What was said."""

    STOP = "stop"
    START = "start"
    HELP = "help"


@dataclass(frozen=True, slots=True)
class Consent:
    """A customer's word about being written to. `answered`: the provider has replied to it, and we never do.

    `source` is `provider` (it told us) or `word` (we read it); `language` that of the word, for our confirmation. Unless
    `certain` it may be something else, and a person who talks with the customer decides; a `sentence` always needs one.
    """

    wish: Wish
    source: str
    detail: str
    answered: bool
    language: str = "en"
    certain: bool = True
    sentence: bool = False


# The provider's own words (Twilio, most carriers of North America) stand first: CTIA's handbook, §5.1.3.
CARRIER_STOP = frozenset({"stop", "unsubscribe", "end", "quit", "stopall", "revoke", "optout", "cancel", "stop all"})
CARRIER_START = frozenset({"start", "unstop"})
CARRIER_HELP = frozenset({"help", "info"})
_STOP = {
    "en": ("opt out", "opt-out", "remove me"),
    "es": ("baja", "darse de baja"),
    "pt": ("descadastrar", "não quero mais", "sair"),
    "fr": ("désabonner", "desabonner", "désinscrire", "stop sms", "arret", "arrêt"),
    "de": ("stopp", "abmelden", "abbestellen"),
    "it": ("disiscrivimi", "cancellami"),
    "nl": ("afmelden", "uitschrijven"),
    "pl": ("wypisz",),
    "sv": ("avregistrera",),
    "ru": ("стоп", "отписаться", "отписка"),
    "uk": ("відписатися",),
    "id": ("berhenti",),
    "zh": ("退订", "退訂", "取消订阅", "取消訂閱", "拒收", "n退订", "td退订", "t退订"),
    "ja": ("配信停止", "ストップ"),
    "ko": ("수신거부",),
}
# What may also be the answer to a question.
_PERHAPS = {
    "es": ("alto", "parar", "cancelar", "detener", "no más", "no mas"),
    "pt": ("pare", "cancele", "remover"),
    "fr": ("arreter", "arrêter"),
    "de": ("aus", "kündigen"),
    "it": ("basta", "annulla", "ferma"),
    "nl": ("stoppen",),
    "pl": ("koniec", "rezygnuję"),
    "sv": ("avsluta", "stoppa"),
    "tr": ("dur", "iptal", "ret", "çık"),
    "ru": ("отмена", "отказ"),
    "uk": ("відмова",),
    "ar": ("إيقاف", "الغاء", "إلغاء", "توقف"),
    "hi": ("रोकें", "बंद करो", "बंद"),
    "vi": ("hủy", "dừng", "tc", "từ chối"),
    "th": ("หยุด", "ยกเลิก"),
    "zh": ("td", "停止"),
    "ja": ("停止", "解除"),
    "ko": ("중지", "거부", "그만", "정지"),
}
_SENTENCES = re.compile(
    r"\b(?:stop|quit|cease)\s+(?:text|texting|sending|messaging|contacting|writing|spamming|these (?:texts|messages))\b"
    r"|\b(?:do not|don[’']?t|never|no longer)\s+(?:text|message|contact|write to|send)\s+(?:me|us|this number)\b"
    r"|\bno more (?:texts|messages|sms|ads|adverts|promotions)\b|\b(?:take|remove|delete)\s+(?:me|my (?:phone )?number)\s+(?:off|from)\b"
    r"|\bunsubscribe me\b|\bopt(?:ing)? (?:me )?out\b|\bwrong number\b.{0,40}\bstop\b"
    r"|\b(?:schreib|schreibt|schreiben sie|schickt?|schicken sie|senden sie)\b.{0,25}\b(?:nicht|nichts|keine)\b.{0,25}\b(?:mehr)\b|\bkeine (?:sms|nachrichten|werbung) mehr\b"
    r"|\b(?:no|ya no) me (?:escriba|escriban|escribas|mande|manden|envíe|envíen|contacten)\b|\bdejen? de (?:escribirme|mandarme|enviarme|enviar)\b|\bno más mensajes\b"
    r"|\b(?:arr[êe]te[zr]?|cesse[zr]?) de m[’'](?:[ée]crire|envoyer|contacter)|\bplus (?:de|aucun) (?:sms|messages?)\b|\bne m[’'](?:[ée]crivez|envoyez|contactez) plus\b"
    r"|\b(?:pare|parem|não) (?:de )?me (?:envi\w+|mand\w+|escrev\w+)|\bsmette(?:te|re)? di (?:scrivermi|mandarmi|inviarmi)|\bnon (?:scrivetemi|mandatemi|inviatemi) più"
    r"|\b(?:не|больше не) (?:пишите|присылайте|шлите)\b|перестаньте (?:писать|слать|присылать)|别再(?:给我)?(?:发|發)|不要再(?:给我|給我)?(?:发|發|寄|传|傳)|请勿再发|もう送らないで|送信しないでください|그만 보내|보내지 마",
    re.IGNORECASE,
)
# A word of ceasing near one of writing, whatever stands between: "Stop all messages except delivery".
_CEASE = re.compile(
    r"\b(?:stop|quit|cease|unsubscribe|h[öo]r(?:t|en sie)? (?:bitte |endlich )?(?:\w+ )?auf|aufhören|unterlass\w*|arr[êe]t(?:e|ez|er)|cess(?:e|ez|er)|deja(?:d|r|me)?|dej(?:e|en|en de|ad)|par(?:e|em|ar|en)|deixe?m?"
    r"|smett(?:i|a|ete|ere|etela)|stoppen|sluta|slutt|przesta(?:ń|ńcie|nie|t|te)|перестан\w*|прекрат\w*|хватит|припин\w*|durdur\w*|kesin|berhenti|ngừng|dừng|přesta(?:ň|ňte))\b"
    r"|停止|别再|別再|やめて|止めて|그만|توقف|הפסק",
    re.IGNORECASE,
)
_WRITING = re.compile(
    r"\b(?:texts?|texting|messages?|messaging|sms|e-?mails?|sending me|contacting|writing (?:to )?(?:me|us)|spam(?:ming)?|ads|adverts|promotions?|newsletters?|schreib\w*|anzuschreiben|schick\w*|zu senden|nachrichten|werbung|kontaktier\w*"
    r"|m[’'](?:[ée]crire|envoyer|contacter)|messages|publicités?|escrib\w*|mandar\w*|enviar\w*|mensaj\w*|mensagens|escrever|publicidad|scriver\w*|mandar\w*|inviar\w*|messaggi|berichten|sturen|skicka|meddelanden|sende|skrive|beskjeder|beskeder"
    r"|wiadomości|pisać|wysyłać|писать|слать|присылать|сообщени\w*|смс|писати|надсилати|повідомлен\w*|mesaj\w*|pesan|tin nhắn|nhắn|psát|zpráv\w*)\b"
    r"|短信|消息|信息|メッセージ|メール|문자|메시지|رسائل|הודעות",
    re.IGNORECASE,
)
_APART = 30  # characters between the two
_LONGEST_SENTENCE = 600  # characters in which a wish is looked for
_START = {
    "en": ("opt in", "opt-in", "subscribe"),
    "es": ("alta", "comenzar", "empezar", "suscribir", "inicio"),
    "pt": ("iniciar", "começar", "inscrever"),
    "fr": ("reprendre", "commencer", "réabonner", "abonner"),
    "de": ("anmelden", "abonnieren"),
    "it": ("inizia", "iscrivimi"),
    "ru": ("старт", "подписаться", "начать"),
    "zh": ("订阅", "訂閱", "恢复", "重新订阅"),
    "ja": ("開始", "再開", "配信再開"),
    "ko": ("수신동의", "시작", "재개"),
}
_HELP = {
    "es": ("ayuda",), "pt": ("ajuda",), "fr": ("aide",), "de": ("hilfe",), "it": ("aiuto",), "ru": ("помощь",),
    "zh": ("帮助", "幫助"), "ja": ("ヘルプ",), "ko": ("도움말",),
}  # fmt: skip
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


def _table() -> dict[str, tuple[Wish, str]]:
    words: dict[str, tuple[Wish, str]] = {}
    for wish, some in ((Wish.STOP, CARRIER_STOP), (Wish.START, CARRIER_START), (Wish.HELP, CARRIER_HELP)):
        words |= dict.fromkeys(some, (wish, "en"))
    for wish, table in ((Wish.STOP, _STOP), (Wish.STOP, _PERHAPS), (Wish.START, _START), (Wish.HELP, _HELP)):
        for language, some in table.items():
            for said in some:
                words.setdefault(said, (wish, language))
    return words


_WORDS = _table()
_UNSURE = frozenset(said for some in _PERHAPS.values() for said in some)
_CARRIERS_ALONE = frozenset({"cancel", "end", "quit"})  # elsewhere than by SMS nobody has given them this one meaning
_LONGEST = max(map(len, _WORDS)) + 12


def spoken(text: str, *, carried: bool = True) -> Consent | None:
    """What a message says about being written to, by itself: one of the words in whatever case and width, or a sentence.

    `carried`: by carriers, who obey their own words whatever was asked. Elsewhere `cancel`, `end` and `quit` may be an
    answer as well. `answered` is False: whether the provider has answered is the connector's to know.
    """
    said = plain(text) if len(text) <= _LONGEST else ""
    if (found := _WORDS.get(said)) is not None:
        wish, language = found
        return Consent(
            wish,
            "word",
            said,
            answered=False,
            language=language,
            certain=said not in _UNSURE and (carried or said not in _CARRIERS_ALONE),
        )
    said = unicodedata.normalize("NFKC", text[:_LONGEST_SENTENCE])
    sentence = _SENTENCES.search(said)
    place = sentence.span() if sentence else nearby(_CEASE, _WRITING, said, within=_APART)
    if place is None:
        return None
    return Consent(Wish.STOP, "word", said[slice(*place)][:100], answered=False, certain=False, sentence=True)


def plain(text: str) -> str:
    """A message as the table has it: one width (NFKC), small letters, no signs around it, single spaces."""
    return " ".join(_EDGES.sub("", unicodedata.normalize("NFKC", text).casefold()).split())


def carriers_own(word: str) -> bool:
    """Whether carriers and Twilio answer this word themselves, in any account that does not turn it off."""
    return word in CARRIER_STOP or word in CARRIER_START or word in CARRIER_HELP


_CONFIRMED: dict[Wish, dict[str, str]] = {
    Wish.STOP: {
        "en": "You will get no more messages from us. Reply START to get them again.",
        "es": "No recibirá más mensajes nuestros. Responda ALTA para volver a recibirlos.",
        "pt": "Você não receberá mais mensagens nossas. Responda INICIAR para voltar a receber.",
        "fr": "Vous ne recevrez plus de messages de notre part. Répondez REPRENDRE pour en recevoir à nouveau.",
        "de": "Sie erhalten keine Nachrichten mehr von uns. Mit ANMELDEN erhalten Sie sie wieder.",
        "it": "Non riceverà più messaggi da noi. Risponda INIZIA per riceverli di nuovo.",
        "ru": "Вы больше не будете получать наши сообщения. Чтобы получать их снова, ответьте СТАРТ.",
        "zh": "您将不再收到我们的消息。回复“订阅”可重新接收。",
        "ja": "今後メッセージは送信されません。再開するには「再開」と返信してください。",
        "ko": "더 이상 메시지를 보내지 않습니다. 다시 받으시려면 '수신동의'라고 답장해 주세요.",
    },
    Wish.START: {
        "en": "You will get our messages again. Reply STOP to end them.",
        "es": "Volverá a recibir nuestros mensajes. Responda BAJA para dejar de recibirlos.",
        "pt": "Você voltará a receber nossas mensagens. Responda SAIR para parar.",
        "fr": "Vous recevrez à nouveau nos messages. Répondez ARRET pour ne plus en recevoir.",
        "de": "Sie erhalten unsere Nachrichten wieder. Mit STOPP beenden Sie sie.",
        "it": "Riceverà di nuovo i nostri messaggi. Risponda STOP per non riceverne più.",
        "ru": "Вы снова будете получать наши сообщения. Чтобы отказаться, ответьте СТОП.",
        "zh": "您将重新收到我们的消息。回复“退订”可停止接收。",
        "ja": "メッセージの送信を再開します。停止するには「配信停止」と返信してください。",
        "ko": "다시 메시지를 보내드립니다. 받지 않으시려면 '수신거부'라고 답장해 주세요.",
    },
}


def confirmation(wish: Wish, language: str) -> str:
    """What we answer, once, where the provider has not."""
    return _CONFIRMED[wish].get(language) or _CONFIRMED[wish]["en"]
