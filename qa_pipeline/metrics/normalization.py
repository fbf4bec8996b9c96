"""Brings two answers into the form in which they are compared. Pure functions of text; imports nothing heavy.

`squad` is the official SQuAD normalisation, character for character: lower case, ASCII punctuation removed, English
articles removed, white space collapsed. It leaves Chinese, Japanese or Thai answers as one long word, so that their F1
is all or nothing, and it keeps punctuation such as `。` or `»`.

`multilingual` is for every other language: Unicode NFKC and case folding, Unicode punctuation removed, the articles of
the text's own language removed, and scripts that are written without spaces (or whose particles stick to the word, as
in Korean) cut into characters. Articles follow the MLQA and FQuAD evaluation scripts, Korean by syllable KorQuAD.
"""

from __future__ import annotations

import re
import string
import unicodedata
from collections.abc import Mapping
from functools import cache
from typing import Any, Literal, get_args

from qa_pipeline.errors import ConfigError

Normalization = Literal["squad", "multilingual"]
NORMALIZATIONS: tuple[str, ...] = get_args(Normalization)


def normalize_answer(text: str, normalization: str = "squad", language: str | None = None) -> str:
    """The comparable form of an answer: tokens joined by one space; "" when nothing is left.

    Args:
        text: an answer, as written.
        normalization: "squad" or "multilingual".
        language: code such as "de" or "pt-BR", which chooses the articles that "multilingual" removes; None is English.
            "squad" ignores it.

    Raises:
        ConfigError: the normalisation has no such name.
    """
    if normalization == "squad":
        return _squad(text)
    if normalization == "multilingual":
        return _multilingual(text, language)
    raise ConfigError(
        "answer_normalization", f'"{normalization}" is unknown; choose one of {", ".join(NORMALIZATIONS)}'
    )


def row_language(example: Mapping[str, Any], default: str | None = None) -> str | None:
    """The language code in the row's metadata (`metadata["language"]`), else the default."""
    language = (example.get("metadata") or {}).get("language")
    return language if isinstance(language, str) and language else default


def base_language(language: str | None) -> str:
    """The language alone: "pt" for "pt-BR" and "pt_BR"; "en" for None."""
    return re.split("[-_]", language, maxsplit=1)[0].lower() if language else "en"


_ASCII_PUNCTUATION = dict.fromkeys(map(ord, string.punctuation))
_ENGLISH_ARTICLES = re.compile(r"\b(a|an|the)\b", re.UNICODE)


def _squad(text: str) -> str:
    # The order matters ("a.m." becomes "am", not "m") and is that of the official script.
    text = text.lower().translate(_ASCII_PUNCTUATION)
    return " ".join(_ENGLISH_ARTICLES.sub(" ", text).split())


_ARTICLES = {
    "en": "a an the",
    "de": "der die das den dem des ein eine einen einem einer eines",
    "fr": "le la les du des au aux un une",
    "es": "el la los las un una unos unas",
    "it": "il lo la i gli le un uno una",
    "pt": "o a os as um uma uns umas",
    "nl": "de het een",
    "ca": "el la els les un una uns unes",
    "sv": "en ett",
    "da": "en et",
    "no": "en ei et",
    "nb": "en ei et",
    "nn": "ein ei eit",
    "hu": "a az egy",
    "ro": "un o",
    "el": "ο η το οι τα του της των τον την τους τις ένας μία μια ένα",
}
# Articles glued to the next word. They go before punctuation does: "l'eau" must not become "leau".
_GLUED_ARTICLES = {
    "fr": r"\bl['’]",
    "it": r"\b(?:l|un)['’]",
    "ca": r"\bl['’]",
    "nl": r"(?<!\w)['’][tn]\b",
    "ar": r"\bال(?=\w\w)",
}
# Chinese and Japanese (with extensions and iteration marks), Korean, Thai, Lao, Tibetan, Burmese, Khmer.
_CHARACTER_SCRIPTS = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\U0001b000-\U0001b16f\U00020000-\U0003ffff"
    "\u1100-\u11ff\u3130-\u318f\ua960-\ua97f\uac00-\ud7ff"
    "\u0e01-\u0e30\u0e32\u0e33\u0e3f-\u0e46\u0e50-\u0e59"
    "\u0e81-\u0eb0\u0eb2\u0eb3\u0ebd-\u0ec6\u0ed0-\u0edf"
    "\u0f00-\u0f6c\u1000-\u102a\u103f-\u1055\u1780-\u17b3"
)
# Vowel signs and tone marks stay with the letter that bears them.
_MARKS = (
    "\u0e31\u0e34-\u0e3a\u0e47-\u0e4e\u0eb1\u0eb4-\u0ebc\u0ec8-\u0ecd"
    "\u0f71-\u0f84\u0f8d-\u0fbc\u102b-\u103e\u17b4-\u17d3"
)
_CHARACTER = re.compile(f"([{_CHARACTER_SCRIPTS}][{_MARKS}]*)")


class _UnicodePunctuation(dict[int, int | None]):
    """A translation table that looks up each character's category once.

    Removes punctuation, the symbols that string.punctuation has, and invisible format characters.
    """

    def __missing__(self, code: int) -> int | None:
        character = chr(code)
        category = unicodedata.category(character)
        drop = category.startswith("P") or category == "Cf" or character in string.punctuation
        self[code] = None if drop else code
        return self[code]


_PUNCTUATION = _UnicodePunctuation()


@cache
def _article_patterns(language: str) -> tuple[re.Pattern[str] | None, re.Pattern[str] | None]:
    """(glued, separate) articles of a language; None where it has none."""
    glued, words = _GLUED_ARTICLES.get(language), _ARTICLES.get(language)
    return (
        re.compile(glued) if glued else None,
        re.compile(rf"\b(?:{'|'.join(words.casefold().split())})\b") if words else None,
    )


def _multilingual(text: str, language: str | None) -> str:
    glued, separate = _article_patterns(base_language(language))
    # Folding case may undo NFKC (and the other way round), hence twice.
    text = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
    bare = glued.sub(" ", text).translate(_PUNCTUATION) if glued else text.translate(_PUNCTUATION)
    without = separate.sub(" ", bare) if separate else bare
    # An answer that is nothing but an article ("A", "Los") is compared as it stands.
    kept = without if without.strip() else text.translate(_PUNCTUATION)
    return " ".join(_CHARACTER.sub(r" \1 ", kept).split())
