"""Who writes to the demo center, and what they say. Invented people; reserved domains and numbers."""

# ruff: noqa: E501 - a story reads best as one paragraph
from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from functools import cache

EMAIL, SMS, CHAT, WHATSAPP = "email", "sms", "chat", "whatsapp"


@dataclass(frozen=True, slots=True)
class Story:
    """One customer with one matter: the opening, then what they answer to each reply of an agent."""

    channel: str
    name: str
    address: str  # mail address or E.164 number; for chat the mail address given before the chat
    opening: str
    answers: tuple[str, ...] = ()
    subject: str = ""
    locale: str = "en"
    picture: bool = False  # of a lamp, with the opening; on SMS and WhatsApp


STORIES: tuple[Story, ...] = (
    Story(EMAIL, "Maria Jensen", "maria.jensen@customer.example", "Hello,\n\nmy order 10482 was due on Tuesday and the tracking page has not moved since Friday. Could you tell me where it is?\n\nKind regards\nMaria Jensen", ("Thank you, that was quick. Please send it to the same address.", "Perfect, thanks!"), "Where is my order 10482?"),
    Story(CHAT, "Tom Baker", "tom.baker@customer.example", "Hi, I can't sign in since this morning. It says my account is locked.", ("Yes, the e-mail address is the one I gave here.", "That worked. Thank you!")),
    Story(SMS, "", "+14155550131", "Is the shop on Mill Street open this Sunday?", ("Great, thanks.",)),
    Story(WHATSAPP, "Ana Costa", "+14155550163", "Hi! Order 10533 came today, but the shade is cracked. Photo attached.", ("It says LO-10533 on the box.", "Great, thank you so much!"), picture=True),
    Story(EMAIL, "王小明", "wang.xiaoming@customer.example", "您好：\n\n我上周买的蓝牙耳机左边没有声音，已经重新配对过，还是不行。请问可以换货吗？订单号 20731。\n\n谢谢\n王小明", ("好的，我今天就寄回去，请把地址发给我。", "收到，谢谢！"), "订单 20731 耳机左边没有声音", "zh-CN"),
    Story(CHAT, "李雪", "li.xue@customer.example", "你好，请问发票可以改抬头吗？", ("公司名称是 示例科技有限公司，税号稍后发您。", "好的，谢谢您的帮助。"), locale="zh-CN"),
    Story(SMS, "", "+14155550144", "My parcel says delivered but nothing is here. Order 10511", ("I asked the neighbours, no luck.", "OK, please send a new one. Thank you")),
    Story(EMAIL, "Ines Duarte", "ines.duarte@customer.example", "Good morning,\n\nI was charged twice for invoice 7719. Both payments show on my statement of the 3rd.\n\nCould you refund one of them?\n\nInes Duarte", ("Yes, the last four digits are 4471.",), "Charged twice for invoice 7719"),
    Story(SMS, "", "+14155550152", "可以改送货时间吗？周六下午在家", ("好的，谢谢",), locale="zh-CN"),
    Story(SMS, "", "+14155550171", "Is this the lamp in your window? How tall is it?", ("Perfect, I will come by.",), picture=True),
    Story(CHAT, "Grace Okafor", "grace.okafor@customer.example", "Do you ship to Norway, and what does it cost?", ("And how long does it take?", "Lovely, I'll order today.")),
    Story(WHATSAPP, "王芳", "+14155550188", "请问订单 20799 什么时候发货？", ("好的，麻烦到货前发消息给我。",), locale="zh-CN"),
    Story(EMAIL, "Peter Novak", "peter.novak@customer.example", "Hi,\n\nthe assembly manual for the shelf ROBUST-80 is missing page 4. Can you send me a PDF?\n\nPeter", ("Got it, thanks a lot.",), "Manual for ROBUST-80"),
    Story(EMAIL, "陳美玲", "chen.meiling@customer.example", "您好，\n\n我想取消昨天的訂單 20788，因為選錯了顏色。如果已經出貨，請告訴我怎麼退貨。\n\n陳美玲", ("謝謝，退款會退到原本的卡嗎？",), "取消訂單 20788", "zh-TW"),
    Story(CHAT, "Sam Reed", "sam.reed@customer.example", "The discount code SPRING10 says it has expired, but your mail says until Sunday.", ("It's the small basket, about 40.", "Brilliant, cheers.")),
)  # fmt: skip


@cache
def lamp(width: int = 240, height: int = 240) -> bytes:
    """A picture of a standing lamp, as PNG."""

    def colour(x: float, y: float) -> bytes:
        off = abs(x - 0.5)
        if 0.15 < y < 0.45 and off < 0.08 + 0.5 * (y - 0.15):
            return b"\xe8\xb0\x4a" if abs(x - 0.42 - 0.1 * ((y * 20) % 1)) > 0.006 else b"\x5a\x3c\x12"
        if (0.45 <= y < 0.85 and off < 0.015) or (0.85 <= y < 0.89 and off < 0.14):
            return b"\x5a\x4a\x3a"
        return b"\xf3\xee\xe4" if y < 0.87 else b"\xd8\xc9\xb0"

    rows = (b"\0" + b"".join(colour(x / width, y / height) for x in range(width)) for y in range(height))
    parts = (
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)),
        (b"IDAT", zlib.compress(b"".join(rows))),
        (b"IEND", b""),
    )
    chunks = (struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
