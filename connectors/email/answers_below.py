"""Whether somebody says that what they answer stands further down, so that no quote of theirs may be hidden.

A few words say it alone ("ci-dessous"). Else it is a word of answering near one of a place in the text or of how the
answers are marked: "Rispondo sotto, in rosso", "see *** below". Neither alone says so: a colour is what a lamp is
ordered in, and what is below zero is the weather.
"""

# ruff: noqa: E501 - the patterns are lists of words, one language beside the other
from __future__ import annotations

import re

from hub.core.nearby import nearby

_NEAR = 60  # characters between the two words
_LOOKED_AT = 20_000  # characters of what stands above a quote, from its end: who says so says it there or at its start

_ALONE = re.compile(
    r"\b(?:ci-dessous|ci-après|plus bas|m[áa]s abajo|a continuaci[óo]n|abaixo|qui sotto|di seguito|hieronder|siehe unten|weiter unten|im text unten"
    r"|nedan|nedanför|nedenfor|nedenunder|ниже|нижче|по-долу|poniżej|níže|nižšie|alább|lentebb|mai jos|aşağıda|παρακάτω|di bawah ini|dưới đây|inline)\b|\bs\. ?u\.(?!\w)"
    r"|見下|见下|下文|아래|أدناه|להלן|ด้านล่าง|नीचे",
    re.IGNORECASE,
)
_ANSWER = re.compile(
    r"\b(?:see|my|our|find|answer\w*|comment\w*|repl(?:y|ies|ied|ying)|respon\w+|notes?|remarks?|wrote|written|typed|added|marked"
    r"|antwort\w*|beantwort\w*|geantwortet|kommentar\w*|kommentier\w*|anmerkung\w*|siehe|schreibe|geschrieben|markiert|ergänz\w*"
    r"|r[ée]pon\w*|voir|voyez|écri[stv]\w*|annot\w*|respuest\w*|contest\w*|coment\w*|escrib\w*|escrit\w*|marqu\w*|respost\w*|veja|escrev\w*"
    r"|rispo\w*|vedi|veda|scri[tvs]\w*|antwoord\w*|beantwoord\w*|geantwoord|reacties?|zie|opmerking\w*|geschreven|svar\w*|besvar\w*|skrev\w*|skriver|vasta\w*|katso"
    r"|odpowi\w*|odpis\w*|komentarz\w*|patrz|napisa\w*|odpov\w*|komentář\w*|napsal\w*|válasz\w*|megjegyzés\w*|lásd|r[ăa]spun\w*|vezi|απαντ\w*|απάντ\w*|σχόλι\w*"
    r"|cevap\w*|yanıt\w*|yorum\w*|ответ\w*|отвеч\w*|відпов\w*|отговор\w*|комментар\w*|комент\w*|смотри\w*|см|написал\w*|пишу|trả lời|phản hồi|jawab\w*|balas\w*|lihat)\b"
    r"|回复|回覆|答复|答覆|回答|作答|答案|请看|請看|标[注出]|標[註出]|返信|返答|答え|コメント|ご覧|記入|記載|追記|답변|회신|댓글|أجب|إجاب|الرد|جواب|עני|תשוב|ตอบ|उत्तर|जवाब",
    re.IGNORECASE,
)
_PLACE_OR_MARK = re.compile(
    r"\b(?:below|in-?line|inside|within|between|underneath|beneath|bottom|interspersed|(?:in|into) (?:the |your |my )?(?:text|body|e-?mail|mail|message|original)"
    r"|unten|darunter|dazwischen|zwischen|im text|dessous|dans le (?:texte|message|corps)|abajo|debajo|en el (?:texto|mensaje|cuerpo)|entre l[íi]neas|embaixo|em baixo|no texto|entre linhas"
    r"|sotto|in calce|nel (?:testo|messaggio)|tra le righe|onder|onderaan|tussen|in de tekst|under|i texten|i teksten|alla|tekstissä|niżej|pod spodem|w tekście|w treści|dole|v textu|lent|a szövegben"
    r"|dedesubt|în text|in text|κάτω|στο κείμενο|altta|altında|metinde|внизу|под вопрос\w*|в тексте|в тексті|в письме|в листі|di bawah|bên dưới|ở dưới"
    r"|red|blue|green|bold|italics?|colou?rs?|caps|capitals?|upper-?case|brackets|asterisks?|stars|arrows?|rot|roter|blau|blauer|grün|grüner|fett|farbig|gro(?:ß|ss)buchstaben|versalien|kursiv|sternchen"
    r"|rouge|bleu|vert|gras|majuscules?|couleur|italique|rojo|azul|verde|negrita|may[úu]sculas?|cursiva|vermelho|negrito|mai[úu]sculas?|caixa alta|rosso|blu|grassetto|maiuscol[oei]|stampatello|corsivo"
    r"|rood|blauw|groen|vet|hoofdletters|kapitalen|rött|röd|blått|blå|grönt|rødt|rød|blåt|grønt|versaler|fet|fed|store bokstaver|stora bokstäver|punaisella|sinisellä"
    r"|na (?:czerwono|niebiesko|zielono)|(?:wielkimi|dużymi) literami|červeně|modře|velkými písmeny|tučně|pirossal|kékkel|nagybetű\w*|cu (?:roșu|rosu|majuscule)|κόκκιν\w*|κεφαλαία|kırmızı|mavi|büyük harf\w*"
    r"|красным|синим|зел[её]ным|жирным|заглавными|большими буквами|капсом|червоним|синім|великими літерами|màu đỏ|chữ đỏ|chữ hoa|huruf besar|merah)\b"
    r"|下面|以下|如下|下方|下記|下に|在下|文中|行间|行間|逐条|逐條|红字|紅字|红色|紅色|蓝色|藍色|蓝字|藍字|大写|大寫|加粗|粗体|粗體|赤字|青字|太字|大文字|밑에|사이에|빨간|파란|대문자|بالأسفل|تحت|بالأحمر|למטה|באדום|ข้างล่าง|สีแดง"
    r"|\*\*+|##+|>>+|==+>|-->|→",
    re.IGNORECASE,
)


def says_below(text: str) -> bool:
    """Whether these words, which stand above a quote, tell of answers inside it or after it."""
    text = text[:_LOOKED_AT] + "\n" * (_NEAR + 1) + text[-_LOOKED_AT:] if len(text) > 2 * _LOOKED_AT else text
    return bool(_ALONE.search(text)) or nearby(_ANSWER, _PLACE_OR_MARK, text, within=_NEAR) is not None
