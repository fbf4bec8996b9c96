"""Which languages a prompt asks for, by name or by being in one. Pure functions of text.

A prompt is short, so a model of letters (py3langid) says what language it is in, and not common words.
"""

from __future__ import annotations

import re

from qa_pipeline.generation.specification.languages import named_language
from qa_pipeline.generation.specification.rules import split_prompt
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.text.languages import LANGUAGE_NAMES, LANGUAGES

_MORE_THAN_ENGLISH = 8.0
"""How much likelier than English (in units of log-likelihood) a text must be in another language to be taken for it.

A few words of a subject, such as "drug leaflets", are as likely in several languages; prompts are mostly English.
"""
_NAME = rf"\b({'|'.join(map(re.escape, sorted(LANGUAGE_NAMES, key=len, reverse=True)))})\b"
_MULTILINGUAL = re.compile(r"\b(?:languages|multi-?lingual\w*|cross-?lingual\w*)\b", re.IGNORECASE)


def wanted_languages(specification: Specification) -> tuple[str, ...]:
    """Codes of the languages that data and model should be in, the most important first.

    Those that the specification or the prompt names; else the one that the prompt is in.

    >>> wanted_languages(Specification(prompt="Ich brauche ein Modell, das Fragen zu Arzneimitteln beantwortet"))
    ('de',)
    >>> wanted_languages(Specification(prompt="One model for English and German manuals"))
    ('en', 'de')
    """
    specified = (specification.language or "").lower().split("-")[0].split("_")[0]
    instruction = split_prompt(specification.prompt)[0]
    named = [LANGUAGE_NAMES[name.lower()] for name in re.findall(_NAME, instruction, re.IGNORECASE)]
    one = named_language(instruction)
    several = list(dict.fromkeys(named)) if len(set(named)) > 1 else []
    if not (one or "en" in several or _MULTILINGUAL.search(instruction)):
        several = []  # "French and German wines" are a subject
    if specified:
        return (specified, *(code for code in several if code != specified)) if specified in several else (specified,)
    if several:
        return tuple(several)
    if one:
        return (one,)
    return (likely_language(" ".join([specification.prompt, *specification.sample_questions])),)


def wanted_language(specification: Specification) -> str:
    """The most important of `wanted_languages`."""
    return wanted_languages(specification)[0]


def likely_language(text: str) -> str:
    """Code of the language of a short text; "en" where that is not clear.

    >>> likely_language("Responder preguntas sobre contratos"), likely_language("drug leaflets")
    ('es', 'en')
    """
    import py3langid

    # More languages would make short texts less sure.
    scores = {code: score for code, score in py3langid.rank(text) if code in LANGUAGES}
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] > scores["en"] + _MORE_THAN_ENGLISH else "en"
