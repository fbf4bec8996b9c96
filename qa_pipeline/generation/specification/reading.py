"""Asks a language model for what the rules left open in a prompt, and checks what it read there, field by field.

A small model fills fields with pieces of the prompt: "Fragen" as a language, "und" as a type of answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from qa_pipeline.generation.backends.protocol import Backend, Completion, Failure, Request
from qa_pipeline.generation.questions.llm.parsing import json_values
from qa_pipeline.generation.questions.llm.prompts import prompt_of_kind
from qa_pipeline.generation.questions.llm.requests import no_answer_error
from qa_pipeline.generation.specification.languages import language_code
from qa_pipeline.generation.specification.specification import Specification
from qa_pipeline.text.folding import whole_characters
from qa_pipeline.text.languages import COMMON_WORDS
from qa_pipeline.text.words import STOPWORDS
from qa_pipeline.wording import short

_FIELDS: dict[str, Any] = {
    "domain": {"type": "string"},
    "language": {"type": ["string", "null"]},
    "answer_types": {"type": ["array", "null"], "items": {"type": "string"}},
    "unanswerable": {"type": ["boolean", "null"]},
}
_MEANING = {
    "domain": "what the questions are about, in a few words",
    "language": 'code of the language of documents and questions, such as "en" or "de"',
    "answer_types": 'list of the only kinds of answer wanted, such as "date" or "name"',
    "unanswerable": "true when questions without an answer in the text are wanted, false when they are not",
}
LONGEST_DOMAIN = 200
MOST_TYPES = 20
_MOST_TYPE_WORDS = 3
_ISO_639_1 = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee "
    "el en eo es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is "
    "it iu ja jv ka kg ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms "
    "mt my na nb nd ne ng nl nn no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk "
    "sl sm sn so sq sr ss st su sv sw ta te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi "
    "yo za zh zu "
)
_CODES = frozenset(_ISO_639_1.split())
_FUNCTION_WORDS = frozenset().union(STOPWORDS, *COMMON_WORDS.values())
_MAY_END = frozenset({"no", "who", "when", "where", "why", "how", "what", "which"})  # "yes or no", "who"


def complete_specification(specification: Specification, backend: Backend) -> Specification:
    """The specification with what the rules left open filled in by the backend; one request.

    What cannot be read or verified is left as it was, with a note.

    Raises:
        BackendError: the request got no answer; the next start, with one, would be another run.
    """
    missing = [name for name in ("language", "answer_types", "unanswerable") if getattr(specification, name) is None]
    schema: dict[str, Any] = {"type": "object", "properties": {name: _FIELDS[name] for name in ("domain", *missing)}}
    schema |= {"required": ["domain", *missing], "additionalProperties": False}
    asked = "\n".join(f"- {name}: {_MEANING[name]}" for name in ("domain", *missing))
    messages = prompt_of_kind("specification").messages(prompt=specification.prompt, fields=asked)
    request = Request("specification/0", messages, 300, 0.0, 0, schema)
    for result in backend.complete([request]):
        if isinstance(result, Failure) and result.transient:
            raise no_answer_error([result])
        if isinstance(result, Completion) and result.finish_reason != "length":
            try:
                found = next(value for value in json_values(result.text) if isinstance(value, dict))
            except StopIteration:
                break
            values, notes = check_reading(found, ("domain", *missing))
            return replace(specification, **values, notes=[*specification.notes, *notes])
    return replace(specification, notes=[*specification.notes, "the model's reading of the prompt could not be used"])


def check_reading(found: Mapping[str, Any], names: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """The fields that can be used, and a note on each that cannot; a field that is left out or null is neither.

    Args:
        found: what the model wrote, as JSON.
        names: the fields that it was asked for: domain, language, answer_types, unanswerable.
    """
    values: dict[str, Any] = {}
    notes: list[str] = []
    for name in names:
        value = found.get(name)
        if value not in (None, "", []):
            kept = _CHECKS[name](value, notes)
            if kept is not None:
                values[name] = kept
    return values, notes


def _domain(value: Any, notes: list[str]) -> str | None:
    text = whole_characters(" ".join(value.split())) if isinstance(value, str) else ""
    if re.search(r"[^\W\d_]", text) and len(text) <= LONGEST_DOMAIN:
        return text
    _drop(f"domain, expected a text of up to {LONGEST_DOMAIN} characters", value, notes)
    return None


def _language(value: Any, notes: list[str]) -> str | None:
    from pysbd.languages import LANGUAGE_CODES

    names: dict[str, str] = {kind.__name__.lower(): code for code, kind in LANGUAGE_CODES.items()}
    text = language_code(value) if isinstance(value, str) else ""
    code = names.get(text.lower(), text)
    if re.fullmatch(r"[A-Za-z]{2}(?:[-_][A-Za-z0-9]{2,8})*", code) and code[:2].lower() in _CODES:
        return code[:2].lower() + code[2:]
    _drop('language, expected a code such as "de" or the name of a language', value, notes)
    return None


def _answer_types(value: Any, notes: list[str]) -> list[str] | None:
    kept = []
    for one in value if isinstance(value, list) else [value]:
        text = " ".join(one.split()) if isinstance(one, str) else ""
        words = text.lower().split()
        letters = re.fullmatch(r"[^\W\d_]+(?:[ '\u2019/-][^\W\d_]+)*", text)
        if letters and len(words) <= _MOST_TYPE_WORDS and (words[-1] in _MAY_END or words[-1] not in _FUNCTION_WORDS):
            kept.append(text)
        else:
            _drop(f"answer_types, expected phrases of up to {_MOST_TYPE_WORDS} words", one, notes)
    return list(dict.fromkeys(kept))[:MOST_TYPES] or None


def _unanswerable(value: Any, notes: list[str]) -> bool | None:
    if isinstance(value, bool):
        return value
    _drop("unanswerable, expected true or false", value, notes)
    return None


_CHECKS: dict[str, Callable[[Any, list[str]], Any]] = {
    "domain": _domain,
    "language": _language,
    "answer_types": _answer_types,
    "unanswerable": _unanswerable,
}


def _drop(what: str, value: Any, notes: list[str]) -> None:
    found = short(whole_characters(str(value)), 60)
    notes.append(f'dropped of what the model read in the prompt: {what}, found "{found}"')
