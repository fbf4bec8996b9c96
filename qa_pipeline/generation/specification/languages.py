"""Which language a prompt asks for: one that it names as the language of texts, or the one that it is written in.

Pure functions of text. A name alone says nothing, as most are words of other things too.
"""

from __future__ import annotations

import re
import unicodedata

from qa_pipeline.text.languages import LANGUAGE_NAMES, LANGUAGES, guess_language, language_of_script

_LANGUAGE = "|".join(map(re.escape, sorted(LANGUAGE_NAMES, key=len, reverse=True)))
_SAID_AGAIN = rf"(?:\s*\([^()\n]{{1,40}}\)|/(?:{_LANGUAGE}))?"
"""What may stand behind a language's name: "Persian (Farsi)"."""
_TEXTS = (
    r"(?:(?:extractive|legal|medical|clinical|scientific|technical|financial|historical|official|news(?:paper)?) )?"
    r"(?:languages?|questions?(?:[- ]answering)?|qa|q&a|answers?|documents?|texts?|passages?|articles?|paragraphs?"
    r"|sentences|prompts?|wikipedia|corpus|corpora|data ?sets?|(?:machine )?reading|squad|models?|readers?|speakers?)"
)
_GOES_ON = (
    rf"(?=\s*(?:$|[^\w\s-](?!\s*(?:{_LANGUAGE})\b)|\d)|\s*\n|\s+(?:(?:and|or)\b(?!\s+(?:{_LANGUAGE})\b)|{_TEXTS}\b"
    r"|(?:with|without|for|from|about|on|of|to|that|which|who|whose|where|when|please|only|as|so|at|by|if|but|not|is|are"
    r"|should|must|can|will|i|we|they|using|based|over|answered|written|make|write|generate|create|give|ask|use|want|need"
    r"|und|mit|zu|über|et|sur|y|sobre|e|su)\b))"
)
"""What may follow "in French" where a language is meant: "in French restaurants" says nothing of texts."""
_MORE_LANGUAGES = rf"(?:(?:\s*,\s*|\s+(?:and|or)\s+)(?:{_LANGUAGE})\b)*"
IN_LANGUAGE = (
    rf"(?:(?:in|into|language(?: is)?[:=]?)\s+(?:(?:the|het|simple|plain|both)\s+)?"
    rf"(?P<one>{_LANGUAGE})\b{_SAID_AGAIN}{_MORE_LANGUAGES}{_GOES_ON}"
    rf"|(?:auf|en|em|på|dalam|bằng|по|на)\s+(?P<foreign>{_LANGUAGE})\b)"
)
"""A language that is named as the one of texts."""
_NAMED_LANGUAGE = re.compile(
    rf"\b{IN_LANGUAGE}|\b(?P<two>{_LANGUAGE})\b{_SAID_AGAIN}{_MORE_LANGUAGES}[- ]{_TEXTS}\b"
    rf"|\b{_TEXTS}\s+(?:is|are|will be|should be|must be)\s+(?:all\s+)?(?P<three>{_LANGUAGE})\b{_GOES_ON}",
    re.IGNORECASE,
)
_NOTHING_ELSE = (
    "tiếng việt",
    "bahasa indonesia",
    "türkçe",
    "kiswahili",
    "euskara",
    "čeština",
    "slovenčina",
    "slovenščina",
)
_OWN_NAME = re.compile(
    "|".join(
        re.escape(name) if re.match("[\u3040-\ud7a3\u0e00-\u0e7f]", name) else rf"(?<!\w){re.escape(name)}(?!\w)"
        for name in sorted(LANGUAGE_NAMES, key=len, reverse=True)
        if name[0] > "\u024f" or name in _NOTHING_ELSE
    )
)
"""Names that are found anywhere, as they name nothing but a language: "فارسی", "日本語"."""
_TO_POLISH = re.compile(
    r"(?<!\bin )(?<!\bare )(?<!\bis )polish[- ](?!language|question[- ]answering|qa\b|wikipedia|corp|data|squad"
    r"|reading)|(?<!texts )(?<!questions )(?<!answers )(?<!documents )(?<!written )(?<!are )in polish"
)
"""What small letters make a verb or a paste: "polish texts before you answer", "scratches in polish"."""


def find_language(instruction: str) -> str | None:
    """Code of the language that the prompt names, else of the one that it is clearly written in, unless English."""
    if named := named_language(instruction):
        return named
    guessed = language_of_script(instruction) or guess_language(instruction)
    return guessed if guessed in LANGUAGES and guessed != "en" else None


def named_language(instruction: str) -> str | None:
    """Code of the first language that is named as the one of texts: "in Persian (Farsi)", "Danish questions".

    A language's name in other places says nothing: "a French restaurant", "Turkish airlines", "how to polish brass".
    """
    instruction = unicodedata.normalize("NFC", instruction)
    for match in _NAMED_LANGUAGE.finditer(instruction):
        name = match["one"] or match["foreign"] or match["two"] or match["three"]
        around = instruction[max(0, match.start() - len("documents ")) : match.end()]
        if not (name == "polish" and _TO_POLISH.search(around.lower())):
            return LANGUAGE_NAMES[name.lower()]
    own = _OWN_NAME.search(instruction.lower())
    return LANGUAGE_NAMES[own[0]] if own else None


def language_code(text: str) -> str:
    """The code of a language given by its name; other texts as they are."""
    return LANGUAGE_NAMES.get(unicodedata.normalize("NFC", text.strip().lower()), text.strip())
