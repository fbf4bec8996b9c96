"""Finds the field mapping of a source: the one that a user wrote, or inferred from its first rows.

Inferred by layout, by the columns of known datasets, then by names and content. A choice that the rows do not settle is
an error that prints the mapping to paste; nothing is guessed between equals.
"""

from __future__ import annotations

import difflib
import json
import logging
import re
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from qa_pipeline.data.example import BadRow, RawRow
from qa_pipeline.data.layouts import FLAT
from qa_pipeline.data.mapping.field_mapping import PRESETS, FieldMapping, mapping_from_dict, read_mapping
from qa_pipeline.data.mapping.fields import (
    SENTINELS,
    Fields,
    all_texts,
    answer_columns,
    any_text,
    are_choices,
    are_references,
    holds_answers,
    listed,
    may_hold_answers,
    numbered,
    read_cell,
    speaks_of_answers,
)
from qa_pipeline.data.mapping.values import MISSING, find
from qa_pipeline.errors import DataError

logger = logging.getLogger(__name__)


def resolve_mapping(spec: Any, stream: Any, source: str | Path | None = None) -> FieldMapping:
    """The mapping for a source, checked against its first rows.

    Args:
        spec: preset name, path of a JSON or YAML file, inline object or its JSON text; None infers it.
        stream: a RowStream, or a sequence of its first rows.
        source: name for messages; the stream's own by default.

    Raises:
        ConfigError: the mapping itself is wrong: unknown preset, key or file.
        DataError: the mapping does not fit the rows, or the roles cannot be inferred; prints the mapping to paste.
    """
    name = str(source if source is not None else getattr(stream, "source", "data"))
    first: Sequence[RawRow | BadRow] = stream.head() if hasattr(stream, "head") else list(islice(stream, 200))
    rows = [row for row in first if isinstance(row, RawRow)]
    layout = getattr(stream, "format", "")
    if spec is None:
        mapping = infer_mapping(rows, layout, name, first)
        logger.info("%s: fields by %s: %s", name, mapping.name, json.dumps(mapping.to_dict(), ensure_ascii=False))
        return mapping
    mapping = read_mapping(spec)
    check_against_rows(mapping, rows, name)
    if not mapping.id and (path := own_id(rows)):
        mapping = replace(mapping, id=(path,))
    if not mapping.no_answer_values and (sentinel := sentinel_of(mapping, rows)):
        mapping = replace(mapping, no_answer_values=frozenset({sentinel}))
        logger.info('%s: "%s" is read as "no answer"; no_answer_value in the mapping says another word', name, sentinel)
    logger.info("%s: fields by %s: %s", name, mapping.name, json.dumps(mapping.to_dict(), ensure_ascii=False))
    return mapping


_SIGNATURES = {
    "subjqa": {"review", "question", "human_ans_spans", "human_ans_indices"},
    "mrqa": {"context", "question", "detected_answers"},
}
_FEW_ANSWERS, _MOST_ANSWERS = 0.2, 0.8  # shares of the answers that stand in a column
_QUESTION_WORDS = re.compile(
    r"(who|what|when|where|which|why|how|whose|whom|is|are|was|were|do|does|did|can|could|will|would|should|has|have)\b",
    re.IGNORECASE,
)


def infer_mapping(
    rows: Sequence[RawRow], layout: str, source: str, first: Sequence[RawRow | BadRow] = ()
) -> FieldMapping:
    """The mapping that the rows themselves show.

    Args:
        rows: the first good rows.
        layout: the stream's format, such as "squad" or "csv".
        source: name for messages.
        first: the first rows of any kind, to say what is wrong where none is good.

    Raises:
        DataError: there is no good row, or a role fits no field or several.
    """
    if not rows:
        bad = next((row for row in first if isinstance(row, BadRow)), None)
        shown = f"; the first: {bad.where}: {bad.reason} ({bad.detail})" if bad else ""
        raise DataError(f"{source}: none of the first {len(first)} rows can be read{shown}")
    fields = Fields(rows)
    for name, columns in _SIGNATURES.items():
        if columns <= fields.values.keys():
            return _preset(name, fields)
    preset = layout if layout in PRESETS and layout != FLAT else None
    if preset is not None and _fits(PRESETS[preset], rows):
        chosen = _preset(preset, fields)
        if chosen.has_answers and not _has_answers(chosen, rows):
            return _with_found_answers(PRESETS[preset], fields, chosen, source)
        return chosen
    return _by_names(fields, source)


def check_against_rows(mapping: FieldMapping, rows: Sequence[RawRow], source: str) -> None:
    """Raises DataError where no row has a mapped context, question or answer field, with the fields that there are."""
    if not rows:
        return
    problems = []
    available = list(Fields(rows).values)

    def look(role: str, paths: tuple[str, ...]) -> None:
        if all(find(row.value, path) is MISSING for row in rows for path in paths):
            near = difflib.get_close_matches(paths[0], available, n=1, cutoff=0.6)
            hint = f'; did you mean "{near[0]}"?' if near else ""
            shown = " or ".join(map(json.dumps, paths))
            problems.append(f"{role} -> {shown} is in none of the first {len(rows)} rows{hint}")

    look("context", mapping.context)
    look("question", mapping.question)
    # Answers may be absent from data that is only predicted on, but a user who names one path means it.
    answer_paths = (*mapping.answers, *mapping.text, *mapping.span, *mapping.start)
    if len(answer_paths) == 1 and not mapping.name.startswith("preset"):
        look("answers", answer_paths)
    if problems:
        raise DataError(
            f"{source}: {mapping.name} does not fit the rows: {'; '.join(problems)}. Fields: {listed(available)}"
        )


def own_id(rows: Sequence[RawRow]) -> str | None:
    """The field that a mapping without "id" may take for it: present in every row and different in each."""
    for path in ("id", "qid"):
        values = [row.value.get(path) for row in rows]
        if values and all(isinstance(v, (str, int)) for v in values) and len(set(map(str, values))) == len(values):
            return path
    return None


def _by_names(fields: Fields, source: str) -> FieldMapping:
    chosen: dict[str, Any] = {}
    answer = _answer_roles(fields)
    question = _one(fields, "question", fields.candidates("question"), answer, chosen, source)
    chosen["question"] = question
    context = _one(
        fields, "context", [p for p in fields.candidates("context") if p != question], answer, chosen, source
    )
    context, question = _by_answers(fields, context, question, answer)
    chosen["context"] = context
    spec: dict[str, Any] = {"context": context, "question": question}
    spec |= {role: path for role, path in answer.items() if path not in (context, question)}
    for role in ("id", "title", "is_impossible", "answerable", "answer_category", "drop_if"):
        found = [path for path in fields.candidates(role) if path not in spec.values()]
        if found and (role != "id" or _tells_questions_apart(fields, found[0], context, question)):
            spec[role] = found[0]
    _choose_text(spec, fields)
    spec = dict(sorted(spec.items(), key=lambda item: list(_ORDER).index(item[0])))
    return _finished(spec, fields, "names and content")


_ORDER = ("id", "title", "context", "question", "answers", "answers.text", "answers.start", "answers.end",
          "answers.length", "answers.span", "more_answers", "is_impossible", "answerable", "answer_category",
          "drop_if")  # fmt: skip


def _choose_text(spec: dict[str, Any], fields: Fields) -> None:
    """Settles which column holds the answers' texts: a name is a guess that the column's content must bear out.

    A column that is plainly called answer is never given up for another one: where it cannot hold answers the rows have
    none that are known. Only a name that mentions answers among other things gives way.
    """
    context, question, named = spec["context"], spec["question"], spec.get("answers.text")
    if "answers" in spec:
        return
    is_plain = named is not None and named in fields.by_plain_name("answers.text")
    columns = [path for path in fields.values if "." not in path and path not in (context, question)]
    groups = [group for group in numbered(columns) if all(map(speaks_of_answers, group))]
    if named is not None and any(named not in group for group in groups) and are_choices(fields.rows, named):
        del spec["answers.text"]  # the letter or number of one of several answers to choose from
        return
    if len(groups) == 1 and (named is None or named in groups[0]) and are_references(fields.rows, groups[0], context):
        spec["answers.text"], spec["more_answers"] = groups[0][0], groups[0][1:]
        return
    # Columns that differ in a letter alone may be choices, or several annotators': the user must say.
    if named is not None and any(named in group and len(group) > 1 for group in groups) and not is_plain:
        del spec["answers.text"]
        return
    if named is not None and not may_hold_answers(fields.rows, named, context):
        del spec["answers.text"]  # yes and no, categories, ids: nothing that a text has parts of
    if not is_plain and not (named in spec.values() and holds_answers(fields.rows, str(named), context, least=1)):
        taken = [path for role, path in spec.items() if role != "answers.text"]
        others = [path for path in fields.named("answers.text") if path not in taken and path != named]
        found = [path for path in others if holds_answers(fields.rows, path, context)]
        found = found[:1] or answer_columns(fields, context, question, taken)
        if len(found) == 1:
            spec["answers.text"] = found[0]
    if not spec.keys() & {"answers.text", "answers.span", "answers.end", "answers.length"}:
        spec.pop("answers.start", None)  # which says nothing by itself


def _answer_roles(fields: Fields) -> dict[str, str]:
    """The answer fields: one container, or texts with starts, ends or spans beside them."""
    roles: dict[str, str] = {}
    containers = fields.candidates("answers")
    if containers and _self_contained(fields.values[containers[0]]):
        return {"answers": containers[0]}
    for role in ("answers.span", "answers.start", "answers.end", "answers.length", "answers.text"):
        found = [path for path in fields.candidates(role) if path not in roles.values()]
        if found:
            roles[role] = found[0]
    if "answers.start" not in roles:
        roles.pop("answers.end", None)
        roles.pop("answers.length", None)
    if "answers.end" in roles:
        roles.pop("answers.length", None)
    if "answers.span" in roles:
        for role in ("answers.start", "answers.end", "answers.length"):
            roles.pop(role, None)
    if not roles and containers:
        return {"answers": containers[0]}
    return roles


def _self_contained(values: list[Any]) -> bool:
    """True where a container's values are objects, or lists of them, with positions or texts of their own."""
    read = [read_cell(value) for value in values if value is not None]
    return any(isinstance(v, dict) or (isinstance(v, list) and any(map(_is_object, v))) for v in read)


def _is_object(element: Any) -> bool:
    """An answer with its place: an object, or doccano's [start, end, label]."""
    if isinstance(element, (list, tuple)):
        return len(element) == 3 and isinstance(element[0], int) and isinstance(element[2], str)
    return isinstance(element, dict)


def _one(
    fields: Fields, role: str, candidates: list[str], answer: dict[str, str], chosen: dict[str, Any], source: str
) -> str:
    """The one field for a role: by name, by content among equal names, else by content alone."""
    if len(candidates) == 1:
        return candidates[0]
    among = candidates or [p for p in fields.values if p not in {*chosen.values(), *answer.values()} and "." not in p]
    score = _context_score if role == "context" else _question_score
    scores = {path: score(fields, path, answer) for path in among}
    best = [path for path in among if scores[path] >= 0.5]
    if best and all(fields.values[path] == fields.values[best[0]] for path in best):
        return best[0]
    problem = (
        f"several fields may be the {role}: {listed(best or among)}"
        if best or candidates
        else f"no field is named or reads like the {role}"
    )
    # The longest text is the likeliest context, and the likeliest question the field that reads most like one.
    texts = sorted((path for path in fields.values if fields.texts(path)), key=lambda path: -_mean_length(fields, path))
    guess = {role: (best or candidates)[0]} if best or candidates else {}
    context = next((path for path in (*fields.candidates("context"), *texts) if path not in guess.values()), "PATH")
    left = [path for path in texts if path not in (context, guess.get("context"), *answer.values())]
    left = [path for path in left if fields.values[path] != fields.values.get(context)]
    question = max(left, key=lambda path: _question_score(fields, path, answer), default="PATH")
    paste = {"context": context, "question": question, **answer, **chosen, **guess}
    raise DataError(
        f"{source}: {problem}. Fields: {listed(list(fields.values))}. Choose with a field mapping, for example:\n"
        f"  --field_mapping '{json.dumps(paste, ensure_ascii=False)}'"
    )


def _by_answers(fields: Fields, context: str, question: str, answer: dict[str, str]) -> tuple[str, str]:
    """(context, question) by name, or those in which the answers stand where they hardly stand in the named one."""
    if not answer.keys() & {"answers", "answers.text"} or _context_score(fields, context, answer) >= _FEW_ANSWERS:
        return context, question
    others = [path for path in fields.values if "." not in path and path not in (context, *answer.values())]
    better = [path for path in others if _context_score(fields, path, answer) >= _MOST_ANSWERS]
    if len(better) != 1:
        return context, question
    if better == [question]:  # the two names are in each other's place
        return (question, context) if _question_score(fields, context, {}) >= 0.5 else (context, question)
    return better[0], question


def _context_score(fields: Fields, path: str, answer: dict[str, str]) -> float:
    """Share of answers that are in the field, where answers are known; else whether it is long prose."""
    texts = fields.texts(path)
    if not texts:
        return 0.0
    mean = sum(map(len, texts)) / len(texts)
    answer_path = answer.get("answers.text") or answer.get("answers")
    pairs = [(find(row.value, path), find(row.value, answer_path)) for row in fields.rows] if answer_path else []
    known = [(c, a) for c, a in ((c, any_text(a)) for c, a in pairs) if isinstance(c, str) and a]
    if known:
        share = sum(a.lower() in c.lower() and len(c) > len(a) for c, a in known) / len(known)
        return share if mean > 20 else 0.0
    return 1.0 if mean >= 100 and mean > 2 * _other_mean(fields, path) else 0.0


def _question_score(fields: Fields, path: str, answer: dict[str, str]) -> float:
    texts = fields.texts(path)
    if not texts:
        return 0.0
    if sum(map(len, texts)) / len(texts) > 400:
        return 0.0
    marks = sum(text.rstrip().endswith(("?", "\uff1f", "\u061f")) for text in texts)
    words = sum(bool(_QUESTION_WORDS.match(text.strip())) for text in texts)
    return max(marks, words) / len(texts)


def _other_mean(fields: Fields, path: str) -> float:
    means = [_mean_length(fields, other) for other in fields.values if other != path and "." not in other]
    return max(means, default=0.0)


def _mean_length(fields: Fields, path: str) -> float:
    texts = fields.texts(path)
    return sum(map(len, texts)) / len(texts) if texts else 0.0


def _finished(spec: dict[str, Any], fields: Fields, how: str) -> FieldMapping:
    """Adds what content tells beyond the fields: the sentinel for "no answer"."""
    spec = dict(spec)
    if "no_answer_value" not in spec and (sentinel := sentinel_of(mapping_from_dict(spec, how), fields.rows)):
        spec["no_answer_value"] = sentinel
    return mapping_from_dict(spec, how)


def _preset(name: str, fields: Fields) -> FieldMapping:
    return _finished(PRESETS[name], fields, f'preset "{name}"')


def _has_answers(mapping: FieldMapping, rows: Sequence[RawRow]) -> bool:
    paths = (*mapping.answers, *mapping.text, *mapping.span, *mapping.start, *mapping.is_impossible)
    return any(find(row.value, path) is not MISSING for row in rows for path in paths)


def _with_found_answers(spec: dict[str, Any], fields: Fields, chosen: FieldMapping, source: str) -> FieldMapping:
    """A preset whose answer fields are not there: those that the names and the content of the rows show."""
    try:
        found = _by_names(fields, source)
    except DataError:
        return chosen
    written = {key: value for key, value in found.to_dict().items() if key.startswith(("answers", "more_answers"))}
    if not written.keys() & {"answers", "answers.text"}:  # a start and an end may be those of the paragraph
        return chosen
    kept = {key: value for key, value in spec.items() if not key.startswith("answers")}
    return _finished({**kept, **written}, fields, chosen.name)


def _fits(spec: dict[str, Any], rows: Sequence[RawRow]) -> bool:
    def present(role: str) -> bool:
        paths = spec[role] if isinstance(spec[role], list) else [spec[role]]
        return any(isinstance(find(row.value, path), str) for row in rows for path in paths)

    return present("context") and present("question")


def sentinel_of(mapping: FieldMapping, rows: Sequence[RawRow]) -> str | None:
    """The known word for "no answer", such as ANSWERNOTFOUND, that is the answer of any row."""
    found = [find(row.value, path) for row in rows for path in (*mapping.text, *mapping.answers)]
    texts = {text.strip() for value in found for text in all_texts(value)}
    return next((sentinel for sentinel in SENTINELS if sentinel in texts), None)


def _tells_questions_apart(fields: Fields, path: str, context: str, question: str) -> bool:
    """Ids that most questions share are the ids of something else, such as the document."""
    rows = [[find(row.value, field) for field in (path, context, question)] for row in fields.rows]
    ids = {str(row[0]) for row in rows if isinstance(row[0], (str, int))}
    return len(ids) * 2 > len({(str(row[1]), str(row[2])) for row in rows})
