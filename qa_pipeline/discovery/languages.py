"""Which language a prompt is in, or asks for. A prompt is short, so a model of letters decides (py3langid)."""

from __future__ import annotations

from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.text.languages import LANGUAGES

_KNOWN = frozenset({*LANGUAGES, "bg", "bn", "ca", "eu", "fa", "hr", "sk", "sl", "sr", "sw", "ta", "te", "ur"})
"""What is chosen among: more languages would make short texts less sure."""
_MORE_THAN_ENGLISH = 8.0
"""How much likelier than English (in units of log-likelihood) a text must be in another language to be taken for it.

A few words of a subject, such as "drug leaflets", are as likely in several languages; prompts are mostly English.
"""


def wanted_language(specification: Specification) -> str:
    """Code of the language that data and model should be in: the one that is named, else that of the prompt itself.

    >>> wanted_language(Specification(prompt="Ich brauche ein Modell, das Fragen zu Arzneimitteln beantwortet"))
    'de'
    """
    named = (specification.language or "").lower().split("-")[0].split("_")[0]
    return named or likely_language(" ".join([specification.prompt, *specification.sample_questions]))


def likely_language(text: str) -> str:
    """Code of the language of a short text; "en" where that is not clear.

    >>> likely_language("Responder preguntas sobre contratos"), likely_language("drug leaflets")
    ('es', 'en')
    """
    import py3langid

    scores = {code: score for code, score in py3langid.rank(text) if code in _KNOWN}
    best = max(scores, key=lambda code: scores[code])
    return best if scores[best] > scores["en"] + _MORE_THAN_ENGLISH else "en"
