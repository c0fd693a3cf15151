"""Text whose charset nobody named, in many languages: short sentences, as customers write them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.email.charset_guess import guess
from connectors.email.charset_hints import hints
from connectors.email.mime import Headers
from connectors.email.parse import Known, parse

SENTENCES = [
    ("fr", "cp1252", "Bonjour, le colis n'est pas arrivé à l'hôtel"), ("fr", "cp1252", "Où est mon colis ? Reçu hier déjà ouvert"),
    ("de", "cp1252", "Schöne Grüße aus Köln"), ("es", "cp1252", "¿Dónde está mi pedido? Mañana no estoy"),
    ("pt", "cp1252", "Não chegou a encomenda"), ("sv", "cp1252", "Stolen är trasig, jag vill få en ny på lördag"),
    ("da", "cp1252", "Stolen er gået i stykker på lørdag"), ("it", "cp1252", "Perché non è arrivato? Così non va più"),
    ("nl", "cp1252", "Ik heb geen reactie gekregen, één stuk ontbreekt"),
    ("pl", "cp1250", "Gdzie jest moja paczka? Proszę o szybką odpowiedź"), ("pl", "iso8859_2", "Proszę o szybką odpowiedź, dziękuję"),
    ("cs", "cp1250", "Dobrý den, zásilka nepřišla"), ("hu", "cp1250", "Kérem segítsenek gyűrű ügyben őszintén"),
    ("tr", "cp1254", "Paketim gelmedi, lütfen yardım eder misiniz? Teşekkürler"), ("lt", "cp1257", "Kur mano siuntinys? Ačiū, laukiu jūsų"),
    ("ru", "koi8_r", "Заказ не пришёл"), ("ru", "cp1251", "Заказ не пришёл"), ("ru", "cp1251", "Где мой заказ? Жду уже неделю."),
    ("ru", "koi8_r", "Где мой заказ? Жду уже неделю."), ("ru", "cp866", "Где мой заказ? Жду уже неделю."),
    ("uk", "cp1251", "Де моє замовлення? Чекаю вже тиждень"), ("bg", "cp1251", "Къде е моята пратка?"),
    ("el", "cp1253", "Πού είναι το δέμα μου;"), ("he", "cp1255", "איפה החבילה שלי?"), ("he", "cp1255", "החבילה לא הגיעה עד היום"),
    ("ar", "cp1256", "أين الطرد الخاص بي؟"), ("th", "cp874", "พัสดุของฉันอยู่ที่ไหน"),
    ("de", "cp1252", "Preis 49 € statt 39 €"), ("de", "iso8859_15", "Das kostet 49 €, nicht 39 €"), ("en", "cp1252", "You charged £5 twice"),
    ("de", "cp850", "Der Schlüssel paßt nicht"), ("fr", "cp850", "Le colis n'est pas arrivé à l'hôtel"), ("fr", "mac_roman", "Le colis n’est pas arrivé à l’hôtel"),
    ("ar", "iso8859_6", "هل وصل طلبي"), ("el", "iso8859_7", "Δεν ήρθε το Άλλο πουλόβερ"), ("ro", "iso8859_2", "Coletul nu a sosit, mulţumesc"),
    ("is", "cp1252", "Hvar er pöntunin mín? Það er enn ekki komið"),
    ("zh", "gb18030", "你好，我的包裹还没有到"), ("zh", "gb18030", "退款"), ("zh", "gb18030", "请问什么时候发货"),
    ("zh", "big5hkscs", "你好，我的包裹還沒有到"), ("zh", "big5hkscs", "請問什麼時候可以退款"),
    ("ja", "cp932", "荷物がまだ届いていません"), ("ja", "euc_jp", "荷物がまだ届いていません"), ("ja", "cp932", "注文番号"), ("ja", "cp932", "ツール"),
    ("ko", "cp949", "안녕하세요, 소포가 오지 않았습니다"), ("ko", "cp949", "환불해 주세요"), ("ko", "cp949", "배송이 언제 되나요? 주문번호 4711"),
]  # fmt: skip


@pytest.mark.parametrize("told", [False, True], ids=["alone", "with the language"])
@pytest.mark.parametrize(("language", "charset", "sentence"), SENTENCES)
def test_charset_of_a_sentence_is_guessed(language: str, charset: str, sentence: str, told: bool) -> None:
    data = sentence.encode(charset)
    found = guess(data, (language,) if told else ())
    assert found is not None
    assert data.decode(found) == sentence


@pytest.mark.parametrize(("language", "charset", "sentence"), SENTENCES)
@pytest.mark.parametrize("label", ["", "Content-Type: text/plain\n", "Content-Type: text/plain; charset=us-ascii\n"])
def test_mail_without_a_charset_is_read_and_so_is_its_subject(
    language: str, charset: str, sentence: str, label: str
) -> None:
    raw = (
        b"From: a@customer.example\nSubject: "
        + sentence.encode(charset)
        + b"\n"
        + label.encode()
        + b"\n"
        + sentence.encode(charset)
    )
    mail = parse(raw, account_id=1, known=Known(languages=(language,))).inbound
    assert (mail.text, mail.subject) == (sentence, sentence)


def test_hints_are_the_mails_own_before_the_accounts() -> None:
    own = Headers([("from", b"=?koi8-r?B?8g==?= <a@shop.example.ru>"), ("content-language", b"uk, en-GB")])
    assert set(hints(own, ("fr",))) == {"koi8-r", "uk", "en", "ru"}
    assert hints(Headers([("from", b"a@customer.example")]), ("fr",)) == ("fr",)


@given(st.binary(min_size=1, max_size=400))
def test_any_bytes_get_a_charset_or_none(data: bytes) -> None:
    found = guess(data)
    if found is not None:
        data.decode(found, "replace")
