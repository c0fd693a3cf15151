"""What customers write in their language is found by what agents type, and the line that has it is shown with it marked."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from hub.core.db import Database
from hub.search.index import index_next, index_people
from tests.support.app import Agent, App

# A customer's words, and what an agent types for them; the last is in nobody's mail.
_SAID = {
    "English": ("My chandelier, order LO-10482, arrived broken. It's a shame!", ["CHANDELIER broken", "lo10482", "10482", "broken chand", '"arrived broken"']),
    "German": ("Die Glühbirne für die Straße in Köln flackert, Herr Müller", ["gluhbirne", "GLUEHBIRNE", "STRASSE köln", "mueller", "Müller flackert", "koeln"]),
    "French": ("L’ampoule de l’entrée a grillé à Noël, œuvre d’un électricien", ["entree", "grille ampoule", "NOEL", "oeuvre", "électricien"]),
    "Spanish": ("La lámpara de mañana llegó rota, señor Ibáñez", ["lampara", "MANANA", "senor ibanez", "llego rota"]),
    "Polish": ("Żarówka świeci źle, proszę o zwrot pieniędzy za łóżko", ["zarowka", "ŚWIECI", "pieniedzy zwrot", "lozko"]),
    "Turkish": ("İstanbul'daki ışık kırıldı, çağrı merkezi", ["istanbul", "ISIK", "kirildi", "cagri"]),
    "Vietnamese": ("Đèn bị hỏng, tôi muốn trả lại hàng", ["den hong", "tra lai", "MUỐN", "hang"]),
    "Russian": ("Ёлочная гирлянда не горит, верните деньги", ["елочная", "ГИРЛЯНДА", "деньги верните", "гирл"]),
    "Greek": ("Η λάμπα στην Αθήνα δεν ανάβει πια, κύριε Σωκράτης", ["λαμπα", "ΑΘΗΝΑ", "αναβει", "ΣΩΚΡΑΤΗΣ"]),
    "Arabic": ("المُصباح لا يعمل وأريد إرجاع الفاتورة رقم ١٢٣٤٥٦", ["المصباح", "ارجاع", "الفاتوره", "123456"]),
    "Hebrew": ("הַמְּנוֹרָה לא עובדת מאתמול", ["המנורה", "עובדת המנורה"]),
    "Hindi": ("मेरी बत्ती टूट गई है, पैसे वापस चाहिए", ["बत्ती", "पैसे वापस", "टूट"]),
    "Thai": ("หลอดไฟในห้องนอนเสียแล้วค่ะ", ["หลอดไฟ", "ห้องนอน", "เสีย"]),
    "Chinese": ("我要开发票，订单号一二三，吊灯坏了", ["发票", "开发票", "吊灯坏", "灯", "发票 吊灯"]),
    "Japanese": ("東京タワーの近くの店でランプを買いましたが、点きません", ["東京タワー", "らんぷ", "ﾗﾝﾌﾟ", "点きません", "店"]),
    "Korean": ("서울에서 산 전등이 켜지지 않아요", ["전등", "서울", "켜지지"]),
}  # fmt: skip


async def indexed(db: Database) -> None:
    """Read all that was said."""
    while await index_next(db) or await index_people(db):
        pass


async def found(agent: Agent, q: str, **query: object) -> list[dict[str, Any]]:
    """What the desk shows for a search."""
    more = "".join(f"&{key}={quote(str(value))}" for key, value in query.items())
    return (await agent.get(f"/conversations?q={quote(q)}{more}"))["items"]


@pytest.fixture
async def said(app: App) -> tuple[App, dict[str, int]]:
    conversations = {
        language: await app.mail(text, sender=f"{language.lower()}@customer.example")
        for language, (text, _) in _SAID.items()
    }
    await indexed(app.core.db)
    return app, conversations


async def test_a_message_is_found_and_marked_in_every_language(said: tuple[App, dict[str, int]]) -> None:
    app, conversations = said
    admin = await app.agent("admin")
    wrong: list[object] = []
    for language, (text, searches) in _SAID.items():
        for q in searches:
            items = await found(admin, q)
            if [item["id"] for item in items] != [conversations[language]]:
                wrong.append((language, q, items))
                continue
            line = items[0]["found"]
            whole = "".join(piece["text"] for piece in line["pieces"]).strip("…")
            marked = [piece["text"] for piece in line["pieces"] if piece["hit"]]
            if whole not in text or not marked or line["where"] != "text":
                wrong.append((language, q, line))
    assert not wrong, wrong


async def test_nothing_is_found_by_words_that_nobody_wrote(said: tuple[App, dict[str, int]]) -> None:
    admin = await said[0].agent("admin")
    for q in ("票发", "lamp qqq", "灯吊", "ไฟหลอด", '"broken arrived"', "<>", "'); drop table", "\\", ":*", "&", "!"):
        assert await found(admin, q) == [], q


@pytest.mark.parametrize("known", ["+74951234567", "+442079460958", "+390612345678", "+3612345678", "+4915112345678"])
async def test_a_number_is_found_however_it_is_spelled(app: App, known: str) -> None:
    spelled = {
        "+74951234567": ["8 (495) 123-45-67", "+7 495 123-45-67", "007 495 1234567", "123 45 67", "4951234567"],
        "+442079460958": ["020 7946 0958", "+44 (0)20 7946 0958", "0044 20 7946 0958", "tel:+442079460958", "+44\u00a020\u20117946\u20110958"],
        "+390612345678": ["06 1234 5678", "+39 06 12345678"],
        "+3612345678": ["06 1 234 5678", "+36 1 234 5678"],
        "+4915112345678": ["0151/12345678", "+49 (0) 151 12345678", "０１５１ １２３４５６７８", "٠١٥١١٢٣٤٥٦٧٨"],
    }  # fmt: skip
    conversation = await app.sms("Hello", sender=known)
    await app.sms("Hello", sender="+14155550199")
    await indexed(app.core.db)
    admin = await app.agent("admin")
    for q in spelled[known]:
        assert [item["id"] for item in await found(admin, q)] == [conversation], q
        assert len((await admin.get(f"/contacts?q={quote(q)}"))["items"]) == 1, q
