"""Who writes to the demo centre, and what they say. Invented people; reserved domains and numbers."""

# ruff: noqa: E501 - a story reads best as one paragraph
from __future__ import annotations

from dataclasses import dataclass

EMAIL, SMS, CHAT = "email", "sms", "chat"


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


STORIES: tuple[Story, ...] = (
    Story(EMAIL, "Maria Jensen", "maria.jensen@customer.example", "Hello,\n\nmy order 10482 was due on Tuesday and the tracking page has not moved since Friday. Could you tell me where it is?\n\nKind regards\nMaria Jensen", ("Thank you, that was quick. Please send it to the same address.", "Perfect, thanks!"), "Where is my order 10482?"),
    Story(CHAT, "Tom Baker", "tom.baker@customer.example", "Hi, I can't sign in since this morning. It says my account is locked.", ("Yes, the e-mail address is the one I gave here.", "That worked. Thank you!")),
    Story(SMS, "", "+14155550131", "Is the shop on Mill Street open this Sunday?", ("Great, thanks.",)),
    Story(EMAIL, "王小明", "wang.xiaoming@customer.example", "您好：\n\n我上周买的蓝牙耳机左边没有声音，已经重新配对过，还是不行。请问可以换货吗？订单号 20731。\n\n谢谢\n王小明", ("好的，我今天就寄回去，请把地址发给我。", "收到，谢谢！"), "订单 20731 耳机左边没有声音", "zh-CN"),
    Story(CHAT, "李雪", "li.xue@customer.example", "你好，请问发票可以改抬头吗？", ("公司名称是 示例科技有限公司，税号稍后发您。", "好的，谢谢您的帮助。"), locale="zh-CN"),
    Story(SMS, "", "+14155550144", "My parcel says delivered but nothing is here. Order 10511", ("I asked the neighbours, no luck.", "OK, please send a new one. Thank you")),
    Story(EMAIL, "Ines Duarte", "ines.duarte@customer.example", "Good morning,\n\nI was charged twice for invoice 7719. Both payments show on my statement of the 3rd.\n\nCould you refund one of them?\n\nInes Duarte", ("Yes, the last four digits are 4471.",), "Charged twice for invoice 7719"),
    Story(SMS, "", "+14155550152", "可以改送货时间吗？周六下午在家", ("好的，谢谢",), locale="zh-CN"),
    Story(CHAT, "Grace Okafor", "grace.okafor@customer.example", "Do you ship to Norway, and what does it cost?", ("And how long does it take?", "Lovely, I'll order today.")),
    Story(EMAIL, "Peter Novak", "peter.novak@customer.example", "Hi,\n\nthe assembly manual for the shelf ROBUST-80 is missing page 4. Can you send me a PDF?\n\nPeter", ("Got it, thanks a lot.",), "Manual for ROBUST-80"),
    Story(EMAIL, "陳美玲", "chen.meiling@customer.example", "您好，\n\n我想取消昨天的訂單 20788，因為選錯了顏色。如果已經出貨，請告訴我怎麼退貨。\n\n陳美玲", ("謝謝，退款會退到原本的卡嗎？",), "取消訂單 20788", "zh-TW"),
    Story(CHAT, "Sam Reed", "sam.reed@customer.example", "The discount code SPRING10 says it has expired, but your mail says until Sunday.", ("It's the small basket, about 40.", "Brilliant, cheers.")),
)  # fmt: skip
