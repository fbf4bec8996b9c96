"""Whose words a question uses: the text says "we" and "you", its reader says "they" and "I"."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from qa_pipeline.generation.questions.cloze import lexicon
from qa_pipeline.generation.questions.cloze.words import cut, join


@dataclass(frozen=True, slots=True)
class Voice:
    """Names for the two sides.

    Attributes:
        org: the side that wrote the text, as a subject: "you", "they", "the company".
        org_object: the same as an object.
        their: what belongs to it.
        do: the form of the verb that goes with `org`.
        my, me, i: the reader's side.
    """

    org: str
    org_object: str
    their: str
    do: str
    my: str
    me: str
    i: str

    def reword(self, tokens: Sequence[str]) -> list[str]:
        """The tokens of a statement or question with "we" and "you" seen from the reader's side."""
        result: list[str] = []
        table = {
            "we": self.org, "us": self.org_object, "our": self.their, "ours": self.their, "ourselves": self.org_object,
            "your": self.my, "yours": self.my, "yourself": self.me,
        }  # fmt: skip
        lowers = [token.lower() for token in tokens]
        singular: dict[int, str] = {}
        for i, token in enumerate(tokens):
            lower = lowers[i]
            before = lowers[i - 1] if i else ""
            follows = lowers[i + 1] if i + 1 < len(tokens) else ""
            if lower == "we" and self.do == "does":
                if before in _SINGULAR:
                    result[-1] = _SINGULAR[before]
                elif before not in lexicon.MODALS:
                    verb = next((k for k in range(i + 1, len(tokens)) if lowers[k] not in lexicon.ADVERBS), -1)
                    singular[verb] = _singular(lowers[verb])
                result.append(self.org)
            elif i in singular:
                result.append(singular[i])
            elif lower == "you":
                ends = not follows or not follows[0].isalpha()
                subject = before in lexicon.AUXILIARIES if ends else not _object_place(before, follows)
                result.append(self.i if subject else self.me)
            elif lower == "are" and "you" in (before, follows) and self.i == "I":
                result.append("am")
            else:
                result.append(table.get(lower, token))
        return result

    def reword_text(self, text: str) -> str:
        """`reword` for running text."""
        return join(self.reword([word.text for word in cut(text)]))


_SINGULAR = {"do": "does", "have": "has", "are": "is", "were": "was"}


def _singular(verb: str) -> str:
    """The form of a verb for one, given that for several; what is none stays."""
    return _SINGULAR.get(verb, lexicon.s_form(verb) if lexicon.is_base(verb) else verb)


def _object_place(before: str, follows: str) -> bool:
    """Whether "you" between these words is an object."""
    verb = lexicon.VERB_FORMS.get(before, ("", ""))[1] in ("base", "past") and before not in lexicon.NOUN_VERBS
    return verb or before in _BEFORE_OBJECT or follows in _BEHIND_OBJECT


def one_of_each(wording: str, rng: np.random.Generator) -> str:
    """The wording with one of the choices in each pair of angle brackets: "How <do|can> {i} pay?"."""
    return _CHOICES.sub(lambda match: one_of(match.group(1).split("|"), rng), wording)


def one_of(options: Sequence[str], rng: np.random.Generator) -> str:
    """One of the options."""
    return options[int(rng.integers(len(options)))]


_CHOICES = re.compile(r"<([^<>]*)>")
_BEFORE_OBJECT = lexicon.word_set("to with for from about by of on contact")
_BEHIND_OBJECT = lexicon.word_set("with to of about and or in on for from by as at")
_ORGANIZATIONS = ("the company", "the website", "the site", "the service", "the provider")


def choose_voice(rng: np.random.Generator, service: bool = True) -> Voice:
    """One of the ways in which readers ask: "do you ... my", "do they ... my", "does the company ... users'".

    Args:
        rng: chooses.
        service: the text is a policy or the like; of others the reader does not ask as of a company or a web site.
    """
    roll = rng.random()
    if not service:
        roll *= 0.65
    if roll < 0.4:
        return Voice("you", "you", "your", "do", "my", "me", "I")
    if roll < 0.65:
        return Voice("they", "them", "their", "do", "my", "me", "I")
    organization = one_of(_ORGANIZATIONS, rng)
    if roll < 0.85:
        return Voice(organization, organization, "its", "does", "my", "me", "I")
    return Voice(organization, organization, "its", "does", "the user's", "users", "users")
