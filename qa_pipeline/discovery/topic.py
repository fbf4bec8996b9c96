"""What a prompt is about, without the words of the task. Pure functions of text.

"Answer questions", "extractive", "ich brauche ein Modell" stand in every prompt, and words like them in every card of a
data set. They say nothing of the subject and must not decide which data set is near.
"""

from __future__ import annotations

import re

from qa_pipeline.generation.specification.rules import find_numbers, split_prompt, without
from qa_pipeline.generation.specification.specification import Specification

_TASK = {
    "en": r"""answers?|answered|answering|answerable|unanswerable|questions?|ask(?:s|ed|ing)?|extracti(?:ve|on)
        |extract(?:s|ed|ing)?|qa|q&a|mrc|squads?|reading|comprehension|models?|bots?|chatbots?|assistants?|systems?|tools?|readers?
        |datasets?|data|corpus|examples?|rows|pairs|labels?|labelled|train(?:s|ed|ing)?|fine-?tun(?:e|ed|ing)|build
        |make|makes|create|generate|need(?:s|ed)?|want(?:s|ed)?|like|style|styled|format|spans?|passages?|paragraphs?
        |contexts?|please|give[ns]?|find(?:s|ing)?|look(?:s|ing)?|help(?:s|ing)?|users?|people|customers?|texts?
        |documents?|natural|language|nlp|good|best|small|based|using|use[ds]?|kinds?|types?|similar|task|able|exact""",
    "de": r"""fragen?|beantwort\w*|antwort\w*|modelle?|brauche?n?|ich|mir|uns|wir|bitte|trainier\w*|datensatz|datensätze
        |daten|soll\w*|kann|können|möchten?|will|wollen|erstell\w*|texte?n?|dokumente?n?|beispiele?""",
    "fr": r"questions?|répond\w*|réponses?|modèles?|données|besoin|je|veux|voudrais|créer?|entraîner?|textes?",
    "es": r"preguntas?|respond\w*|respuestas?|modelos?|datos|necesito|quiero|crear?|entrenar?|textos?|documentos?",
    "it": r"domande?|rispond\w*|rispost\w*|modell[oi]|dati|voglio|vorrei|creare?|addestrare|test[oi]|document[oi]",
    "pt": r"perguntas?|respond\w*|respostas?|modelos?|dados|preciso|quero|criar?|treinar?|textos?|documentos?",
    "nl": r"vragen|vraag|beantwoord\w*|antwoord\w*|modellen|gegevens|ik|wil|nodig|trainen|teksten?|documenten?",
}
"""Words of the task, by language. Where a language is not here, its words of the task stay in."""
_TASK_WORDS = re.compile(rf"(?<!\w)(?:{'|'.join(_TASK.values())})(?!\w)", re.IGNORECASE | re.VERBOSE)
_CONTENT = re.compile(r"[^\W\d_]{2,}")


def topic_of(specification: Specification) -> str:
    """What the data should be about, for ranking; "" where the prompt names the task alone.

    >>> from qa_pipeline.generation.specification.specification import parse_prompt
    >>> topic_of(parse_prompt("I want a SQuAD style reading comprehension model for medical leaflets"))
    'medical leaflets'
    """
    subject = without_task_words(specification.domain)
    if _CONTENT.search(subject):
        return subject
    return wish_of(specification)


def wish_of(specification: Specification) -> str:
    """The whole instruction without its numbers, its examples and the words of the task.

    >>> wish_of(Specification(prompt="What do guests say about rooms? Answers from hotel reviews."))
    'What do guests say about rooms? from hotel reviews.'
    """
    instruction = split_prompt(specification.prompt)[0]
    return without_task_words(without(instruction, find_numbers(instruction).spans))


def without_task_words(text: str) -> str:
    """The text without the words of the task, and the marks that are left over between them."""
    left = _TASK_WORDS.sub(" ", text)
    return " ".join(re.sub(r"(?<!\w)[^\w\s]+(?!\w)|(?<=\s)-\w*", " ", f" {left} ").split())
