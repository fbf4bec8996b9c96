"""Names of languages; and guesses of a text's language from its script and commonest words.

Made to be silent where it is not sure: a table, a price list or a list of foreign names is no other language.
"""

from __future__ import annotations

import re
import unicodedata

from qa_pipeline.text.words import STOPWORDS

LANGUAGES = {
    **{"en": "English", "de": "German", "fr": "French", "es": "Spanish", "it": "Italian", "pt": "Portuguese"},
    **{"nl": "Dutch", "da": "Danish", "sv": "Swedish", "no": "Norwegian", "fi": "Finnish", "pl": "Polish"},
    **{"cs": "Czech", "el": "Greek", "ro": "Romanian", "hu": "Hungarian", "tr": "Turkish", "ru": "Russian"},
    **{"uk": "Ukrainian", "ar": "Arabic", "he": "Hebrew", "hi": "Hindi", "th": "Thai", "vi": "Vietnamese"},
    **{"id": "Indonesian", "zh": "Chinese", "ja": "Japanese", "ko": "Korean", "fa": "Persian", "bn": "Bengali"},
    **{"bg": "Bulgarian", "ca": "Catalan", "eu": "Basque", "hr": "Croatian", "sk": "Slovak", "sl": "Slovenian"},
    **{"sr": "Serbian", "sw": "Swahili", "ta": "Tamil", "te": "Telugu", "ur": "Urdu", "mr": "Marathi"},
    **{"gl": "Galician", "et": "Estonian", "lt": "Lithuanian", "lv": "Latvian", "is": "Icelandic", "fo": "Faroese"},
    **{"ml": "Malayalam", "gu": "Gujarati", "pa": "Punjabi", "kn": "Kannada", "as": "Assamese", "ne": "Nepali"},
    **{"or": "Odia"},
}
_OTHER_NAMES = {
    "de": "deutsch|deutsche|deutschen|deutscher", "fr": "français|française|francais", "nl": "nederlands|flemish",
    "es": "español|castellano|castilian|espanol", "it": "italiano", "pt": "português|portugues|brazilian portuguese",
    "da": "dansk", "sv": "svenska", "no": "norsk|bokmål|nynorsk|norwegian bokmål|norwegian nynorsk", "fi": "suomi",
    "pl": "polski|polsku|język polski", "cs": "čeština|česky|češtině", "el": "ελληνικά|modern greek", "tr": "türkçe",
    "ro": "română|moldovan", "hu": "magyar", "ru": "русский|русском|русский язык", "uk": "українська|українською",
    "ar": "العربية|modern standard arabic", "he": "עברית", "hi": "हिन्दी|हिंदी", "th": "ภาษาไทย", "sw": "kiswahili",
    "vi": "tiếng việt|tieng viet", "id": "bahasa indonesia|bahasa", "ja": "日本語", "ko": "한국어|한국말",
    "zh": "中文|汉语|漢語|普通话|mandarin|mandarin chinese|simplified chinese|traditional chinese",
    "fa": "farsi|فارسی|dari",
    "bn": "bangla|বাংলা", "bg": "български", "ca": "català", "eu": "euskara", "hr": "hrvatski", "sk": "slovenčina",
    "sl": "slovenščina|slovene", "sr": "српски|srpski", "ta": "தமிழ்", "te": "తెలుగు", "ur": "اردو", "mr": "मराठी",
    "gl": "galego", "et": "eesti", "lt": "lietuvių", "lv": "latviešu", "is": "íslenska", "fo": "føroyskt",
    "ml": "മലയാളം", "gu": "ગુજરાતી", "pa": "ਪੰਜਾਬੀ|panjabi", "kn": "ಕನ್ನಡ", "as": "অসমীয়া", "ne": "नेपाली",
    "or": "ଓଡ଼ିଆ|oriya",
}  # fmt: skip
LANGUAGE_NAMES = {name.lower(): code for code, name in LANGUAGES.items()} | {
    unicodedata.normalize("NFC", name): code for code, names in _OTHER_NAMES.items() for name in names.split("|")
}
"""Small letters: English names and what the languages call themselves -> codes."""

OTHER_SCRIPT = "other"
"""For texts whose letters are mostly not Latin."""

# Commonest words that are no English words, and that do not stand in names of places, people and dishes.
_COMMON = {
    "de": "und ist nicht mit eine einen einem einer auf für im sich auch wird werden sind oder bei nach aus dass kann "
    "durch zur zum über nur wenn sie wir diese dieser wurde haben es ich zu ab",
    "fr": "est sont dans une qui que avec ce cette être ont nous vous il elle ils mais ou leur ses été aussi entre "
    "après peut même ces",
    "es": "que una para su más pero son fue este esta está por lo sus ser también han entre cuando sobre hasta donde "
    "según se es como",
    "it": "che è una sono non gli nel nella alla più anche si ha essere questo questa stato dal dalla loro ogni cui fu "
    "delle",
    "pt": "que é uma para com não se são mais como foi por ao seu sua também pelo pela ser quando isso esta já",
    "nl": "het een niet voor zijn dat ook bij uit worden wordt naar er ze deze kan heeft maar om nog als tot werd",
    "da": "og er det ikke til på som af et blev ble kan har også eller efter etter ved",
    "sv": "och är att det inte på som till ett har kan också eller från blev efter vid",
    "fi": "ja ei että se oli joka ovat mutta kun myös kuin hän tai sen ole jos niin sekä",
    "pl": "się nie jest na że jak dla przez oraz są od był była które który tym także jego może",
    "cs": "se je na že ve pro jako není jsou ale být který které také nebo byl byla jeho při",
    "ro": "și este nu pe în cu care din sunt mai fost prin pentru acest această dar ca să",
    "hu": "az és nem hogy egy meg volt ez már csak vagy mint minden kell ezt azt",
    "tr": "ve bir bu için ile olarak daha olan gibi çok ne kadar sonra değil olduğu",
    "vi": "và là của có không được trong cho các một những với này người đã khi từ đến để",
    "id": "yang dan dengan untuk dari pada adalah ini itu dalam tidak akan oleh atau juga sebagai bisa telah",
}
_SHARED = frozenset(
    re.findall(r"\w+", "a am an as at do for had hat her his i in is me my no of on or over so to up was will")
)
_ENGLISH = STOPWORDS - _SHARED  # the others are common words of some neighbour too
COMMON_WORDS: dict[str, frozenset[str]] = {code: frozenset(text.split()) - STOPWORDS for code, text in _COMMON.items()}

_SCRIPTS = (
    *(("ja", "[\u3040-\u30ff]"), ("ko", "[\uac00-\ud7a3]"), ("zh", "[\u4e00-\u9fff]"), ("th", "[\u0e00-\u0e7f]")),
    *(("el", "[\u0370-\u03ff]"), ("he", "[\u0590-\u05ff]"), ("ta", "[\u0b80-\u0bff]"), ("te", "[\u0c00-\u0c7f]")),
    *(("kn", "[\u0c80-\u0cff]"), ("ml", "[\u0d00-\u0d7f]"), ("gu", "[\u0a80-\u0aff]"), ("pa", "[\u0a00-\u0a7f]")),
    *(("or", "[\u0b00-\u0b7f]"), ("bn", "[\u0980-\u09ff]"), ("hi", "[\u0900-\u097f]")),
    *(("ru", "[\u0400-\u04ff]"), ("ar", "[\u0600-\u06ff]")),
)
"""Scripts with the language that most texts in them are in. Japanese is first, as it uses Chinese characters too."""
_OWN_LETTERS = {
    "bn": (("as", "[ৰৱ]"),),
    "hi": (("mr", r"ळ|(?<!\S)(?:आहे|आणि|किंवा|मध्ये)(?!\S)"), ("ne", r"(?<!\S)(?:छ|छन्|हरू|गर्नुहोस्|भएको)(?!\S)")),
    "ru": (("sr", "[ђјљњћџ]"), ("uk", "[іїєґ]"), ("bg", "ъ(?![еёюя])")),
    "ar": (("ur", "[ٹڈڑںےھہ]"), ("fa", "[پچژگکی]")),
}
"""What tells other languages of a script, in this order: letters and words that the first one does not use."""

_LETTERS = re.compile(r"[^\W\d_]+")
_LAST_LATIN = "\u024f"
_FEWEST_WORDS = 20
_FEWEST_LETTERS = 40
_FEWEST_KINDS = 4
_OTHER_SCRIPT_SHARE = 0.6
_FOREIGN_SHARE = 0.08
_ENGLISH_SHARE = 0.1


def language_name(code: str) -> str:
    """The English name of a language, from its code ("de", "de-AT") or its name."""
    return LANGUAGES.get(code.lower().split("-")[0].split("_")[0], code)


def guess_language(text: str) -> str | None:
    """The code of the language that a text is clearly in, `OTHER_SCRIPT`, or None where that is not clear.

    A text is in another language than English where several of that language's commonest words make up a good share of
    it, twice that of English ones at least.
    """
    found = [word.casefold() for word in _LETTERS.findall(unicodedata.normalize("NFC", text))]
    letters = "".join(found)
    if len(letters) >= _FEWEST_LETTERS:
        other = sum(letter > _LAST_LATIN and not "\u1e00" <= letter <= "\u1eff" for letter in letters)
        if other > _OTHER_SCRIPT_SHARE * len(letters):
            return OTHER_SCRIPT
    if len(found) < _FEWEST_WORDS:
        return None
    english = sum(word in _ENGLISH for word in found)
    hits = {code: [word for word in found if word in common] for code, common in COMMON_WORDS.items()}
    best = max(hits, key=lambda code: len(hits[code]))
    count, kinds = len(hits[best]), len(set(hits[best]))
    if kinds >= _FEWEST_KINDS and count >= _FOREIGN_SHARE * len(found) and count > 2 * english:
        return best
    return "en" if english >= _ENGLISH_SHARE * len(found) and english > 2 * count else None


def language_of_script(text: str) -> str | None:
    """The code of the language whose script most letters of a text are of; None for Latin letters and mixtures.

    Scripts of several languages are told apart by letters and words of their own, else the one of most texts is meant.

    >>> language_of_script("Ответы на вопросы"), language_of_script("پرسش"), language_of_script("Fragen")
    ('ru', 'fa', None)
    """
    text = unicodedata.normalize("NFC", text).lower()
    letters = sum(map(str.isalpha, text))
    for code, script in _SCRIPTS:
        found = re.findall(script, text)
        if code == "ja" and found:
            found += re.findall("[\u4e00-\u9fff]", text)
        if sum(map(str.isalpha, found)) > 0.5 * letters:
            return next((other for other, own in _OWN_LETTERS.get(code, ()) if re.search(own, text)), code)
    return None


def is_other_language(text: str, language: str) -> bool:
    """Whether a text is clearly not in a language.

    English is told from all others; for another language only texts in English are noticed.
    """
    guessed = guess_language(text)
    if language.lower().split("-")[0].split("_")[0] == "en":
        return guessed not in ("en", None)
    return guessed == "en"
