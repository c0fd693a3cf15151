"""How mail programs announce what they quote, in the languages people write in: patterns, and nothing else.

A pattern matches one line (an announcement that was broken over several is joined first). Every quantifier is bounded,
and so are the lines: a hostile line costs microseconds, not minutes.
"""

# ruff: noqa: E501 - the patterns are lists of words, one mail program or language beside the other
from __future__ import annotations

import re

_EDGE = r"[ \t>*_|\u200e\u200f\u202a-\u202e\u2066-\u2069-]*"
# "wrote", as it stands before the colon.
_SAID = (
    r"(?:wrote|writes|schrieb|skrev|escribi[óo]|escribiu|va\ escriure|a\ [ée]crit|ha\ scritto|escreveu|schreef|kirjoitti|a\ scris|idatzi\ du"
    r"|napisa[łl](?:\(a\)|a)?|napsal(?:\(a\)|a)?|nap[íi]sal(?:\(a\)|a)?|je\ napisa(?:o|la|l)(?:\(la\)|/la)?|írta|yazdı|έγραψε|kirjutas|rakstīja|rašė|đã\ viết|menulis|เขียน(?:ว่า)?"
    r"|pisze|написал(?:\(а\)|а)?|написав|написа|написао|пишет|пише|كتب(?:ت)?|כתב(?:/ה|ה)?|نوشت|ने\ लिखा"
    r"|写道|寫道|写|寫|のメール|発言|さんは書きました|님이\ 작성|작성|쓴\ 글)"
)
WROTE = re.compile(
    rf"""^{_EDGE}(?:
        (?=.{{0,300}}[\d@])(?:On|At|Am|Den|El|Le|Il|Em|Op|Dnia|W\ dniu|No\ dia|V|Dne|På|Pe\ data|Στις|Vào|Pada|On:)\b.{{4,300}}?{_SAID}(?:\b.{{0,90}}?)?\s?: |
        .{{0,120}}\d.{{0,160}}?{_SAID}(?:\b.{{0,60}}?)?\s?[:：] |
        .{{1,120}}?[<(]\s?(?:mailto:)?[^<>()@]{{1,80}}@[^<>()\s]{{1,80}}\s?[>)]\s?{_SAID}(?:\b.{{0,60}}?)?\s?[:：] |
        .{{0,200}}?\d.{{0,200}}?(?:发的邮件|の書き込み|のメール|さんは書きました|님이\ 작성)\s?[:：] |
        (?:在|于)\s?.{{2,200}}?{_SAID}\s?[:：] |
        .{{0,80}}?\d{{4}}[-/.年]\d{{1,2}}[-/.月]\d{{1,2}}.{{0,120}}?<\s?[^<>@\s]+@[^<>\s]+\s?>\s?[:：] |
        (?=.{{0,200}}\b(?:19|20)\d\d)(?=.{{0,200}}\d{{1,2}}[:.]\d\d).{{4,250}}?<[\u202a\u202c\u200e\u200f]*[^<>@\s]{{1,80}}@[^<>\s]{{1,80}}>[\u202a-\u202c\u200e\u200f]*.{{0,70}}?\s?[:：] |
        (?:Quoting|Zitat\ von|Quoted\ from|Citando(?:\ a)?|Citazione\ di|Citation\ de)\ .{{1,120}}?@[^<>\s]{{1,80}}>?\s?: |
        -{{2,}}\s?(?:On|在)\ .{{4,200}}?(?:\bwrote|写道)\s?-{{2,}}
    )[ \t*\u200e\u200f\u202a-\u202e\u2066-\u2069]*$""",
    re.IGNORECASE | re.VERBOSE,
)
# A date and who wrote then, on a line of their own.
DATED = re.compile(
    rf"^{_EDGE}\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}} (?:\d{{1,2}}:\d\d GMT[+-]\d\d:\d\d .{{2,100}}|.{{1,80}}<[^<>@\s]{{1,80}}@[^<>\s]{{1,80}}>\s?:?)$"
)
# The same without a colon: a line of a log looks like it, so the quote must be marked.
LOGGED = re.compile(rf"^{_EDGE}\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}} (?!\d{{1,2}}:\d\d GMT).{{1,80}}>\s?$")
# Yahoo's telephones leave no line end between the announcement and the quote.
RUN_ON = re.compile(
    rf"^[ \t]*(?:On|Am|Le|El|Il|Em|Op|Den|在)\b.{{4,120}}?\b(?:19|20)\d\d\b.{{1,40}}?\d{{1,2}}[:.]\d\d.{{1,120}}?<[^<>@\s]{{1,80}}@[^<>\s]{{1,80}}>\s?{_SAID}\s?[:：][ \t]{{2,}}\S",
    re.IGNORECASE | re.VERBOSE,
)
# What an announcement needs beside its words: whose it was, and when.
WITH_ADDRESS = re.compile(r"[^\s<>()@]{1,80}@[^\s<>()@]{2,80}")
WITH_DAY = re.compile(
    r"\b(?:19|20)\d\d\b|\d{1,4}[./-]\d{1,2}[./-]\d{1,4}|\d\s?[年월月]|\b\d{1,2}\.?\s[^\W\d_]{3,12}|\b[^\W\d_]{3,12}\.?\s\d{1,2}\b"
)
# A line that breaks off after the day's name: "On Mon,".
OPENER = re.compile(
    rf"^{_EDGE}(?:On|At|Am|Den|El|Le|Il|Em|Op|Dnia|På|Στις|Vào|Pada)\s[^\W\d_]{{2,12}}\.?,$", re.IGNORECASE
)
# A sentence about what somebody wrote, as no program says it.
_NO_DAY = r"(?!\.?,|\.?\s+\d)"  # behind it comes no date: it is not Monday, maandag or Mittwoch
NARRATIVE = re.compile(
    r"\b(?:your?|you|my|our|his|her|their|he|she|they|we|I|me|us|somebody|someone|colleague|employee|driver|agent|who|which|that|because|and then"
    r"|mir|uns|ihr|ihre?n?|mein|kollege|kollegin|mitarbeiter(?:in)?|wir|ich|sie|er|jemand|fahrer"
    rf"|votre|vos|(?:mon|ma){_NO_DAY}|nous|vous|il|elle|je|m'a|coll[èe]gue|chauffeur|su|sus|me|mi{_NO_DAY}|nos|ellos|compañer[oa]|colega|vostr[oa]|mio|mia|ci|collega|seu|sua|meu|minha"
    r"|uw|jullie|mijn|ons|hij|zij|er|din|ditt|deres|min|min kollega|wasz[ae]?|pan|pani|mój|kolega|ваш[аие]?|мне|нам|мой|коллега|он|она)\b"
    r"|[你您]们?的|贵司|贵公司|同事|客服人员|我的|我们|他说|她说|御社|貴社|担当の方",
    re.IGNORECASE,
)
# Below an announcement, words in quotation marks: the author repeats what was said.
SPEECH = re.compile(r"^[ \t]*[\"“”„«»‹›「『《'‘’]")
# Announced without an address: the date as only one program writes it, and NetEase's.
ALONE = re.compile(
    rf"^{_EDGE}(?:\d{{4}}[-/]\d{{1,2}}[-/]\d{{1,2}} \d{{1,2}}:\d\d GMT[+-]\d\d:\d\d .{{2,100}}|(?:在|于)\s?\d{{4}}[-/.年]\d{{1,2}}[-/.月]\d{{1,2}}日?[ ,，]{{0,3}}\d{{1,2}}:\d\d.{{1,120}}?(?:写道|寫道)\s?[:：])$"
)
# A line that may begin such an announcement and end on a later one.
OPENS = re.compile(
    rf"^{_EDGE}(?:On|At|Am|Den|El|Le|Il|Em|Op|Dnia|W dniu|No dia|På|Pe data|V|Dne|Στις|Vào|Pada|在|于|\d|.{{1,120}}<)",
    re.IGNORECASE,
)
ONLY_SAID = re.compile(rf"^[ \t>]*{_SAID}\s?[:：]\s*$", re.IGNORECASE | re.VERBOSE)
# A line that says: the original message follows.
DIVIDER = re.compile(
    r"""^[ \t>*]*(?:
        [-_=—–]{2,}[ \xa0]*(?:
            Original[ ]Message|Original[ ]Appointment|Original[ ]Email|Urspr(?:ü|ue)ngliche[ ]Nachricht|Original-?Nachricht|Message[ ]d.origine|
            Message[ ]original|Mail[ ]original|Mensaje[ ]original|Messaggio[ ]originale|Mensagem[ ]original|Oorspronkelijk[ ]bericht|
            Oprindelig[ ]meddelelse|Opprinnelig[ ]melding|Ursprungligt[ ]meddelande|Wiadomość[ ]oryginalna|Původní[ ]zpráva|Pôvodná[ ]správa|
            Eredeti[ ]üzenet|Mesaj[ ]original|Orijinal[ ]mesaj|Alkuperäinen[ ]viesti|Αρχικό[ ]μήνυμα|Izvorna[ ]poruka|Thư[ ]gốc|Pesan[ ]asli|
            Исходное[ ]сообщение|Оригинальное[ ]сообщение|Оригінальне[ ]повідомлення|الرسالة[ ]الأصلية|הודעה[ ]מקורית|ข้อความเดิม|
            Reply[ ]message|Replied[ ]message|原始邮件|原始郵件|原邮件|原郵件|原始訊息|回复的原邮件|回复的邮件|回覆郵件|邮件原件|
            元のメッセージ|原文|원본[ ]메(?:시|세)지
        )[ \xa0]*[-_=—–]{2,} |
        -{3,}[ ]?(?:Original|原始邮件|原始郵件|回复的原邮件).{0,40} |
        [-_]{3,}[ ]*Reply[ ]above[ ]this[ ]line.{0,80} |
        [#=*-]{2,}.{0,20}(?:type[ ]your[ ]reply|reply[ ]above|请在此行以上回复).{0,60}
    )[ \t*]*$""",
    re.IGNORECASE | re.VERBOSE,
)
_BEFORE = r"[ \t>*_|\u200e\u200f\u202a-\u202e\u2066-\u2069]*"  # marks of writing direction stand there, too
_FROM_WORDS = (
    r"From|Von|De|Da|Van|Från|Fra|От|Від|Od|Kimden|Feladó|De\ la|Από|Lähettäjä|Từ|Dari|จาก|من|מאת|Expéditeur"
    r"|发件人|發件人|寄件者|寄件人|差出人|送信者|보낸\ 사람|보낸사람"
)
# Fields that only mail has: a subject, a moment of sending.
_MAIL_ONLY = (
    r"Sent|Subject|Gesendet|Betreff|Envoyé|Objet|Sujet|Enviado(?:\ el)?|Enviada(?:\ em)?|Asunto|Inviato|Oggetto|Assunto|Verzonden|Onderwerp|Skickat|Ämne"
    r"|Sendt|Emne|Отправлено|Тема|Надіслано|Wysłan[oey]|Data\ wysłania|Temat|Odesláno|Předmět|Odoslané|Predmet|Gönderildi|Gönderilen|Konu|Elküldve|Tárgy|Trimis|Subiect"
    r"|Εστάλη|Θέμα|Lähetetty|Aihe|Chủ\ đề|Đã\ gửi|Dikirim|Perihal|เรื่อง|ส่ง|الموضوع|نושא|נושא|נשלח|تاريخ\ الإرسال|تم\ الإرسال|الإرسال|[أا]ُ?رسلت|Изпратено|Относно|Poslano"
    r"|发件人|發件人|寄件者|寄件人|发送时间|發送時間|发送日期|傳送時間|寄件日期|已发送|收件人|收件者|主[ \u3000]*题|主題|主旨|差出人|送信日時|送信者|宛先|件名|제목|보낸\ 날짜|보낸날짜"
)
FIELD = re.compile(
    rf"""^{_BEFORE}(?:{_FROM_WORDS}|{_MAIL_ONLY}|
        To|Date|Cc|An|Datum|À|Para|A|Data|Aan|Till|Til|Кому|Дата|Копия|Komu|Do|Kime|Tarih|Címzett|Dátum|Către|Προς|Ημερομηνία|Vastaanottaja|Päiväys|Päivämäärä
        |Đến|Ngày|Kepada|Tanggal|ถึง|วันที่|إلى|التاريخ|אל|תאריך|Za|До|日[ \u3000]*期|时间|時間|抄[ \u3000]*送|副本|日時|받는\ 사람|받는사람|날짜|참조
    )[*_]{{0,2}}[ \t\xa0]?(?:[:：]|\|)[*_]{{0,2}}(?:[ \t\u3000\xa0]|\S|$)""",
    re.IGNORECASE | re.VERBOSE,
)
MAIL_FIELD = re.compile(rf"^{_BEFORE}(?:{_MAIL_ONLY})[*_]{{0,2}}[ \t\xa0]?(?:[:：]|\|)", re.IGNORECASE | re.VERBOSE)
_SUBJECT_WORDS = (
    r"Subject|Betreff|Objet|Sujet|Asunto|Oggetto|Assunto|Onderwerp|Ämne|Emne|Тема|Temat|Předmět|Predmet|Konu|Tárgy|Subiect|Θέμα|Aihe|Chủ\ đề|Perihal|เรื่อง|الموضوع|נושא|Относно"
    r"|主[ \u3000]*题|主題|主旨|件名|제목"
)
SUBJECT = re.compile(rf"^{_BEFORE}(?:{_SUBJECT_WORDS})[*_]{{0,2}}[ \t\xa0]?(?:[:：]|\|)", re.IGNORECASE | re.VERBOSE)
FROM = re.compile(rf"^{_BEFORE}(?:{_FROM_WORDS})[*_]{{0,2}}[ \t\xa0]?(?:[:：]|\|)", re.IGNORECASE | re.VERBOSE)
FORWARDED = re.compile(
    r"^[ \t>*]*(?:[-_=—–]{2,}\s*)?(?:(?:Begin )?forwarded (?:message|by)|Weitergeleitete Nachricht|Anfang der weitergeleiteten Nachricht|"
    r"Message transféré|Début du message réexpédié|Mensaje reenviado|Inicio del mensaje reenviado|Mensagem encaminhada|Messaggio inoltrato|"
    r"Inizio messaggio inoltrato|Doorgestuurd bericht|Begin doorgestuurd bericht|Vidarebefordrat meddelande|Videresendt (?:melding|meddelelse)|"
    r"Przekazana wiadomość|Пересылаемое сообщение|Перенаправленное сообщение|Начало переадресованного письма|İletilen mesaj|"
    r"转发的?邮件(?:信息)?|以下是转发的邮件|轉寄的?(?:郵件|信件)|開始轉寄郵件|转发邮件信息|転送メッセージ|転送された?メッセージ|전달된 메시지).{0,40}$",
    re.IGNORECASE,
)
RULE = re.compile(r"^[ \t>]*[_\-=—]{5,}[ \t]*$")
SIGNATURE = re.compile(r"^-- ?$|^—\s?$")
TIMED = re.compile(r"\d[:.]\d\d")
# What sends mail by itself. Without one of these words "sent from the wrong address" is the customer's own sentence.
_PROGRAM = r"""(?:i-?phon|i-?pad|ipod|android|samsung|galaxy|huawei|honor|xiaomi|redmi|mi\b|oppo|vivo|oneplus|pixel|nokia|motorola|moto\b|sony|xperia|htc|lg\b
    |blackberry|windows|outlook|hotmail|yahoo|gmail|google|aol|proton|tuta|gmx|web\.de|web[ ]?mail|mail\.ru|yandex|spark|airmail|thunderbird|bluemail|boxer|nine\b|newton|mailspring
    |mailbox[ ]*$|postbox|polymail|superhuman|edison|k-9|zoho|foxmail|qq|netease|orange|sfr|free\b|t-online|telekom|libero|virgilio|mail[ ](?:for|app|client)|(?:smart)?phone|handy|mobil|tablet
    |laptop|macbook|mac\b|pc\b|gerät|telefo|teléfono|móvil|celular|téléphone|telemóvel|cell|surface|verizon|at&t|vodafone|smartfon|телефон|смартфон|устройства|почт)"""
DEVICE = re.compile(
    rf"""^[ \t<(\[]{{0,6}}(?:
        (?:Sent|Enviado|Enviada|Envoyé|Gesendet|Verzonden|Verstuurd|Inviato|Skickat|Sendt|Wysłan[eo]|Lähetetty|Odesláno|Odoslané|Trimis|Gönderildi|Poslano|Elküldve|Sendur)[ ]
            (?=.{{0,70}}{_PROGRAM}|(?:from|desde|depuis|de|von|vanaf|dal|da|do|från|fra|z|ze|din)[ ](?:my|mi|mon|ma|meine[mr]?|mijn|mio|meu|minha|min|mitt|mego|mojego|mého|môjho|meul)\b.{{0,40}}$)
            (?:from|via|with|by|desde|depuis|de|mon|von|vom|mit|vanaf|van|met|da|do|dal|från|fra|z|ze|laitteesta|din|\[?Outlook|\w{{1,20}}) \b.{{0,110}} |
        (?:Get|Download|Obtenir|Obtener|Ottieni|Holen[ ]Sie[ ]sich|Download|获取|下载)[ ]\[?Outlook[ ](?:for|pour|para|per|für)[ ](?:iOS|Android|Mac|Windows|Mobile).{{0,80}} |
        From[ ]my[ ].{{0,30}} | Von[ ]mein.{{0,50}}gesendet\.? | Diese[ ]Nachricht[ ]wurde[ ].{{0,80}}gesendet\.? | \w{{2,20}}[ ]from[ ]mobile | Mit[ ]der[ ].{{2,30}}[ ]App[ ]gesendet\.? |
        Yahoo[ ]Mail:[ ].{{2,60}} | .{{0,20}}{_PROGRAM}.{{0,20}}['’]\w{{0,3}}[dt][ae]n[ ]gönderildi | 签名由\s?.{{2,20}}\s?定制 |
        (?:发自|發自|发送自|發送自|傳送自|寄自)[ ]?(?=.{{0,20}}(?:[A-Za-z]|我的|手机|手機|邮箱|信箱|客户端)).{{1,40}} | 来自[ ]?(?:我的.{{0,30}}|Foxmail|.{{0,20}}(?:手机|邮箱|客户端|iPhone|iPad)(?:版|客户端)?) |
        從我的.{{0,30}}傳送 | (?:从|從)[ ]?(?=.{{0,20}}(?:[A-Za-z]|我的|手机|手機)).{{1,30}}(?:发送|發送|傳送) |
        私の.{{0,20}}から送信 | (?=.{{0,12}}(?:[A-Za-z]|スマートフォン|スマホ|携帯|端末|アプリ)).{{1,20}}から送信 | 나의[ ].{{0,20}}에서[ ]보냄 | (?=.{{0,12}}(?:[A-Za-z]|휴대|스마트)).{{1,20}}에서[ ]보냄 |
        Отправлено[ ](?:с|из)[ ](?=.{{0,40}}(?:{_PROGRAM}|[A-Za-z]|мо[её][йг])).{{0,50}} | Надіслано[ ]з[ ](?=.{{0,40}}(?:{_PROGRAM}|[A-Za-z]|мо)).{{0,50}} | أُرسلت[ ]من[ ].{{0,40}} | נשלח[ ]מ.{{0,40}}
    )[ \t>)\]]*$""",
    re.IGNORECASE | re.VERBOSE,
)
# A line of a table has a second bar; a quoted one has none.
QUOTED = re.compile(r"^[ \t]{0,3}>|^[A-Z]{1,2}>(?:[ \t]|$)|^\|(?:[ \t][^|\n]*)?$")
# Where a quote that reaches to the end of the page begins in HTML, by the mail program that wrote it.
HTML_REST = re.compile(
    r"""<(?:
        div[^>]{0,300}?\bclass=["']?[^"'>]{0,80}?\b(?:yahoo_quoted|zmail_extra|WordSection_quote|ntes_reply|netease_quote|OutlookMessageHeader)\b |
        (?:div|hr)[^>]{0,300}?\bid=["']?(?:divRplyFwdMsg|appendonsend|stopSpelling|isReplyContent|isForwardContent|reply-intro|mail-editor-reference-message-container|x_divRplyFwdMsg|_origin_?mail|original-content)\b |
        includetail\b |
        div[^>]{0,300}?style=["'][^"'>]{0,120}?border:[ ]?none;[ ]?border-top:[ ]?solid[ ]\#(?:E1E1E1|B5C4DF)
    )""",
    re.IGNORECASE | re.VERBOSE,
)
# Where a quote may begin: its announcement, its container or itself.
HTML_BEGIN = re.compile(
    r"""<(?:div|blockquote|span)[^>]{0,300}?(?:\bclass=["']?[^"'>]{0,80}?(?:gmail_quote|gmail_attr|gmail_extra|moz-cite-prefix|protonmail_quote|qmbox)|\btype=["']?cite|\bid=["']?isReplyContent)""",
    re.IGNORECASE,
)
# A block that holds a quote and may have the answer after it.
HTML_BLOCK = re.compile(r"<(/?)blockquote\b([^>]{0,600})>", re.IGNORECASE)
HTML_CITED = re.compile(
    r"\btype=[\"']?cite|\bclass=[\"']?[^\"'>]{0,100}(?:quote|qmbox)|\bid=[\"']?(?:isReplyContent|ntes)|\bcite=",
    re.IGNORECASE,
)
# A line that a telephone begins and a person goes on in: "Sent from my iPhone app they arrive, …".
SENTENCE = re.compile(
    r",\s[^\W\d_]+\s[^\W\d_]+\s[^\W\d_]+|\b(?:they|it|is|are|was|were|did|do|does|don't|not|no|but|and|which|that|when|because|I|you|we|he|she|never|arrives?|arrived|works?|came|come|gets|fails?"
    r"|nicht|kein\w*|aber|und|kommen|kommt|funktioniert|geht|wird|weil|dass|pas|mais|et|ne|arrive|marche|que|pero|funciona|llega|y|não|mas|non|ma|niet|maar|en|werkt|inte|men|och|nie|ale|i|не|но|и)\b",
    re.IGNORECASE,
)
POSTSCRIPT = re.compile(
    r"^\W*(?:P\.?\s?P?\.?\s?S\b\.?|N\.?B\b\.?|Nachtrag|Post\s?scriptum|Note|Hinweis|З\.\s?Ы|附言|又及|補充|补充|追伸|추신)",
    re.IGNORECASE,
)
# The card that NetEase's telephones put under a letter.
CARD = re.compile(r"^\|[ |]*$")
CARD_MADE = re.compile(r"^[ \t|]*签名由\s?.{2,20}\s?定制[ \t|]*$")
# Below two dashes, words that somebody says to us and no signature does.
SPOKEN = re.compile(
    r"\b(?:(?-i:I|I'm|I've)|we need|please (?!consider|think|don't print|do not print|note|visit|notify|delete|feel|find us)|my (?!iphone|ipad|phone|blog|website|page|profile)|help me|refund|bitte (?!beachten|denken|prüfen sie, ob)|ich (?:habe|bin|möchte|will|brauche|kann)"
    r"|je (?:suis|veux|voudrais|n'ai|ne|peux)|merci de me|quiero|necesito|tengo|por favor (?!considere|piense|no imprima)|vorrei|non ho|preciso|gostaria|ik (?:heb|wil|ben)|jag (?:har|vill)|proszę|пожалуйста|я (?:не|хочу|могу)|мне )\b"
    r"|请(?!勿|注意保密)|我(?!司|公司)|麻烦|請(?!勿)|ください|お願い|주세요|부탁"
)
# What stands around a letter that is signed within its text (RFC 4880 §7); the whole text keeps it.
ARMOUR = re.compile(
    r"^-----BEGIN PGP SIGNED MESSAGE-----\n(?:[A-Z][A-Za-z-]{1,20}: .{0,80}\n){0,5}\n|^-----BEGIN PGP SIGNATURE-----\n(?:.{0,200}\n){1,80}?-----END PGP SIGNATURE-----(?:\n|\Z)",
    re.MULTILINE,
)
