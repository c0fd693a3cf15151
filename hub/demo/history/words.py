"""Invented people and what they write: six languages, with the long tail of rare words that real messages have."""

# ruff: noqa: E501 - a list of words reads best as one line
from __future__ import annotations

import itertools
import random
from dataclasses import dataclass

_SHARES = {"en": 40, "de": 18, "zh": 14, "es": 12, "ru": 10, "ja": 6}
_SYLLABLES = {
    "en": "ba con dem er fal gra hin jo kel lim mor ne op pre qui ran sto tion ul ver wel",
    "de": "auf bei ch den ein für ge hal isch kei lich mö nen ü rung schä tung ung ver weg zu",
    "es": "a ción de es fra gue ha in jo lle mien ño or pe que rá se ta ú vol ya",
    "ru": "ва го до е жи за ки ло мо но об пре ра ста ть уч фи хо це ша",
}
_SAID = {
    "en": "the my order lamp has not arrived invoice refund please delivery broken table number when would like return"
    " thank you for help chair shade colour is was to of it wrong size payment twice address tracking",
    "de": "die meine Bestellung Lampe ist nicht angekommen Rechnung Rückerstattung bitte Lieferung kaputt Tisch Nummer"
    " wann möchte zurückgeben danke für Ihre Hilfe Stuhl Schirm Farbe war zu und falsche Größe Zahlung zweimal",
    "es": "el mi pedido lámpara no ha llegado factura reembolso por favor entrega rota mesa número cuándo quisiera"
    " devolver gracias ayuda silla pantalla color es de la equivocado tamaño pago dos veces dirección",
    "ru": "мой заказ лампа не пришёл счёт возврат пожалуйста доставка сломан стол номер когда хочу вернуть спасибо за"
    " помощь стул абажур цвет это и неверный размер оплата дважды адрес ещё",
    "zh": "我的 订单 台灯 还没有 收到 发票 退款 请问 送货 坏了 桌子 号码 什么时候 想要 退货 谢谢 帮助 椅子 灯罩 颜色 是 了 尺寸 付款 两次 地址",
    "ja": "注文 した ランプ が まだ 届いて いません 請求書 返金 お願い します 配達 壊れた テーブル 番号 いつ 返品 ありがとう 椅子 色 サイズ 住所 です",
}
_SUBJECTS = {
    "en": ("Where is my order {n}?", "Invoice {n}", "Refund for {n}", "Broken lamp", "Change of address", "A question"),
    "de": ("Wo ist meine Bestellung {n}?", "Rechnung {n}", "Rückerstattung {n}", "Kaputte Lampe", "Neue Anschrift"),
    "es": ("¿Dónde está mi pedido {n}?", "Factura {n}", "Devolución {n}", "Lámpara rota", "Una pregunta"),
    "ru": ("Где мой заказ {n}?", "Счёт {n}", "Возврат {n}", "Сломанная лампа", "Вопрос"),
    "zh": ("订单 {n} 在哪里？", "发票 {n} 的问题", "申请退款 {n}", "台灯坏了", "修改地址"),
    "ja": ("注文 {n} について", "請求書 {n}", "返金のお願い {n}", "ランプが壊れました"),
}
_FIRST = {
    "en": "Maria Tom Grace Sam Ines Peter Nora Owen Ruby Jack Emma Liam Zoë Noah Ella Ian Chloe Adam",
    "de": "Jürgen Käthe Lukas Anna Björn Greta Felix Ursula Jörg Heike Till Frieda Max Söhnke Lena Paul",
    "es": "José María Lucía Íñigo Carmen Diego Sofía Martín Núria Pablo Inés Ángel Elena Raúl",
    "ru": "Анна Пётр Ольга Иван Мария Фёдор Елена Дмитрий Наталья Сергей Юлия Артём",
    "zh": "小明 雪 美玲 伟 芳 秀英 敏 静 丽 强 磊 洋 艳 勇 杰 娟 涛 明 超 霞 晓东 雨涵 子轩",
    "ja": "太郎 花子 健 由美 翔 美咲 大輔 陽子 拓也 さくら",
}
_LAST = {
    "en": "Jensen Baker Okafor Reed Duarte Novak Carter Walsh Hughes O'Neill Murray Grant Lowe Finch Brooks Archer",
    "de": "Müller Schröder Weiß Krüger Bäcker Vogt Lange Hoffmann Schäfer Jäger Braun Köhler Winter Groß",
    "es": "Núñez García Muñoz Ibáñez Peña Costa Ruiz Vega Castaño López Ortiz Marín",
    "ru": "Иванова Соколов Петров Кузнецова Попов Орлов Морозова Волков Зайцев Фёдоров",
    "zh": "王 李 张 刘 陈 杨 黄 赵 吴 周 徐 孙 马 朱 胡 郭 何 欧阳",
    "ja": "佐藤 鈴木 高橋 田中 渡辺 伊藤 山本 中村",
}
_LATIN = "maria tom grace sam ines peter nora owen ruby jack emma liam noah ella ian adam lena paul jose wei fang anna"
_DOMAINS = ("mail.example", "post.example", "inbox.example", "webmail.example")
_WORDS = 12_000  # of a language
_SPOKEN = 250_000  # words of it in a row, as frequent as they are: messages are pieces of this
_DIALLED = (("+1415", 7), ("+4915", 9), ("+3461", 7), ("+7916", 7), ("+86138", 8), ("+8190", 8))


@dataclass(frozen=True, slots=True)
class Person:
    """A customer: the same for the same number, whenever they are asked for."""

    name: str
    language: str
    mail: str
    phone: str


class Words:
    """Draws people, subjects and messages; the same for the same seed."""

    def __init__(self, seed: int):
        self._seed = seed
        self.languages = list(_SHARES)
        self._weights = list(itertools.accumulate(_SHARES.values()))
        draw = random.Random(seed)
        zipf = list(itertools.accumulate(1 / (rank + 3) for rank in range(_WORDS)))
        self._spoken = {
            language: draw.choices(_vocabulary(language, draw), cum_weights=zipf, k=_SPOKEN)
            for language in self.languages
        }
        self._first = {language: names.split() for language, names in _FIRST.items()}
        self._last = {language: names.split() for language, names in _LAST.items()}
        self._latin = _LATIN.split()

    def person(self, number: int) -> Person:
        """The customer of this number, from 1."""
        draw = random.Random(self._seed * 1_000_003 + number)
        language = draw.choices(self.languages, cum_weights=self._weights)[0]
        first, last = draw.choice(self._first[language]), draw.choice(self._last[language])
        name = last + first if language in ("zh", "ja") else f"{first} {last}"
        host = draw.choice(_DOMAINS) if draw.random() < 0.6 else f"firm{draw.randrange(40_000)}.example"
        mail = f"{draw.choice(self._latin)}.{draw.choice(self._latin)}{number}@{host}"
        prefix, digits = _DIALLED[self.languages.index(language) % len(_DIALLED)]
        phone = f"{prefix}{number % 10**digits:0{digits}d}"
        return Person(name if draw.random() < 0.85 else "", language, mail, phone)

    def subject(self, language: str, draw: random.Random) -> str:
        """What a mail is about."""
        return draw.choice(_SUBJECTS[language]).format(n=f"LO-{draw.randrange(10_000, 999_999)}")

    def message(self, language: str, draw: random.Random) -> str:
        """What somebody writes: mostly 10 to 40 words, some of them rare."""
        count = min(400, 6 + int(draw.expovariate(1 / 20)))
        begin = int(draw.random() * (_SPOKEN - count))
        words = self._spoken[language][begin : begin + count]
        if draw.random() < 0.3:
            words[int(draw.random() * count)] = f"LO-{int(draw.random() * 990_000) + 10_000}"
        return ("，" if count > 12 else "").join(words) if language in ("zh", "ja") else " ".join(words)


def _vocabulary(language: str, draw: random.Random, size: int = _WORDS) -> list[str]:
    """Words from the most to the least frequent: those of a shop first, then made-up ones."""
    said = _SAID[language].split()
    known = set(said)
    if language in _SYLLABLES:
        parts = _SYLLABLES[language].split()
        made = ("".join(draw.choices(parts, k=draw.randint(2, 5))) for _ in itertools.count())
    else:
        signs = [chr(0x4E00 + draw.randrange(6_000)) for _ in range(1_500)]
        made = ("".join(draw.choices(signs, k=draw.randint(1, 3))) for _ in itertools.count())
    for word in made:
        if len(said) == size:
            return said
        if word not in known:
            known.add(word)
            said.append(word)
    raise AssertionError  # `made` never ends
