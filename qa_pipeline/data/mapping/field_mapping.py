"""What a field mapping is, how users write it, and the mappings of well-known data sets. Never sees a row.

Keys: context, question, id, title, answers, answers.text, answers.start (or answers.answer_start), answers.end,
answers.length, answers.span, is_impossible, answerable, answer_category, drop_if: a path, or a list of paths to try in
order; more_answers: a path, or a list of paths that all hold further references; no_answer_value: a text or a list of
texts (null, as an empty text, always means "no answer"); all_answers: true, or the path of a flag, where the answers of
a row are a set, every one of them required; offset_unit: characters, bytes, utf16, words or another key of
`offsets.UNITS`; offset_base: 0 or 1; inclusive_end: true or false; metadata: a list of paths or an object name -> path;
document: another word for title; preset: the name of a preset to start from. What is not said of the offsets is found
out from the rows.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from qa_pipeline.data.mapping.values import is_path
from qa_pipeline.data.offsets import UNITS
from qa_pipeline.errors import ConfigError
from qa_pipeline.wording import describe
from qa_pipeline.yaml_reader import YAMLFault, read_yaml

Paths = tuple[str, ...]

PATH_KEYS = {
    "id": "id",
    "title": "title",
    "context": "context",
    "question": "question",
    "answers": "answers",
    "answers.text": "text",
    "answers.start": "start",
    "answers.end": "end",
    "answers.length": "length",
    "answers.span": "span",
    "more_answers": "more_answers",
    "is_impossible": "is_impossible",
    "answerable": "answerable",
    "answer_category": "answer_category",
    "drop_if": "drop_if",
}
"""The keys of a written mapping that hold paths, and the attributes that they fill."""


@dataclass(frozen=True)
class FieldMapping:
    """Where the canonical fields are in a raw row. Each field has paths to try in order; empty means absent.

    Attributes:
        id, context, question, title: paths to texts.
        answers: paths to one value that holds all answers, in any usual shape.
        text, start, end, length, span: paths to the parts of the answers, where they are apart.
        more_answers: paths to further references, all of which are taken, as where each annotator has a column.
        is_impossible: paths to a flag that says "no answer".
        answerable: paths to a flag that says the opposite.
        answer_category: paths to a kind of answer, which may be that none was given, as Haystack's NOT_GIVEN.
        drop_if: paths to a flag that marks a row to leave out, as NewsQA's bad questions.
        all_answers: True where the answers of every row are a set, all required; or paths to a flag that says so.
        metadata: name -> path of further values to keep.
        no_answer_values: texts that stand for "no answer", such as ANSWERNOTFOUND.
        inclusive_end: True where an end is the last unit, not one past it; None where the rows are to show it.
        offset_unit: what offsets count, a key of `offsets.UNITS`; None where the rows are to show it.
        offset_base: the number of the first unit, 0 or 1; None where the rows are to show it.
        name: where the mapping comes from, for the log.
    """

    context: Paths
    question: Paths
    id: Paths = ()
    title: Paths = ()
    answers: Paths = ()
    text: Paths = ()
    start: Paths = ()
    end: Paths = ()
    length: Paths = ()
    span: Paths = ()
    more_answers: Paths = ()
    is_impossible: Paths = ()
    answerable: Paths = ()
    answer_category: Paths = ()
    drop_if: Paths = ()
    all_answers: bool | Paths = ()
    metadata: dict[str, str] = field(default_factory=dict)
    no_answer_values: frozenset[str] = frozenset()
    inclusive_end: bool | None = None
    offset_unit: str | None = None
    offset_base: int | None = None
    name: str = "field_mapping"

    @property
    def has_answers(self) -> bool:
        """True where the mapping names any answer field."""
        return bool(self.answers or self.text or self.span or self.start or self.more_answers)

    def to_dict(self) -> dict[str, Any]:
        """The mapping as a user would write it."""
        written: dict[str, Any] = {}
        for key, attribute in PATH_KEYS.items():
            paths = getattr(self, attribute)
            if paths:
                written[key] = paths[0] if len(paths) == 1 else list(paths)
        if self.no_answer_values:
            texts = sorted(self.no_answer_values)
            written["no_answer_value"] = texts[0] if len(texts) == 1 else texts
        for key in ("inclusive_end", "offset_unit", "offset_base"):
            value = getattr(self, key)
            if value is not None and (key != "inclusive_end" or value):
                written[key] = value
        if self.all_answers:
            paths = self.all_answers
            written["all_answers"] = paths if isinstance(paths, bool) or len(paths) != 1 else paths[0]
        if self.metadata:
            written["metadata"] = dict(self.metadata)
        return written


_SYNONYMS = {
    "answers.answer_start": "answers.start",
    "answers.answer_end": "answers.end",
    "no_answer_values": "no_answer_value",
    "answer": "answers",
    "answer.text": "answers.text",
    "answer_text": "answers.text",
    "answer_start": "answers.start",
    "answer_end": "answers.end",
    "document": "title",
}
_MAX_FILE_BYTES = 2**20


def read_mapping(spec: Any, *, needs_context: bool = True) -> FieldMapping:
    """The mapping that a user wrote: an object, its JSON text, the name of a preset, or a JSON or YAML file.

    Args:
        spec: one of these.
        needs_context: False for questions that are asked on documents, whose rows may have no context.

    Raises:
        ConfigError: it is none of these, or its content is wrong; all faults together.
    """
    if isinstance(spec, FieldMapping):
        return spec
    if isinstance(spec, dict):
        return mapping_from_dict(spec, "field_mapping", needs_context=needs_context)
    if not isinstance(spec, (str, Path)):
        raise ConfigError("field_mapping", f"expected a preset name, a file or an object, found {describe(spec)}")
    text = str(spec).strip()
    if text.startswith("{"):
        given = _parse(text, "field_mapping", yaml_too=False)
        return mapping_from_dict(given, "field_mapping", needs_context=needs_context)
    name = preset_name(text)
    if name is not None:
        return mapping_from_dict(PRESETS[name], f'preset "{name}"')
    try:
        path = Path(text)
        if text and path.is_file():
            return mapping_from_dict(_read_file(path), text, needs_context=needs_context)
    except (OSError, ValueError) as error:
        raise ConfigError("field_mapping", f"cannot read {text[:200]!r}: {error}") from error
    near = difflib.get_close_matches(text.lower(), PRESETS, n=1, cutoff=0.5)
    hint = f'; did you mean "{near[0]}"?' if near else ""
    raise ConfigError("field_mapping", f"no preset or file {text[:200]!r}{hint} Presets: {', '.join(sorted(PRESETS))}")


def mapping_from_dict(spec: Any, source: str, *, needs_context: bool = True) -> FieldMapping:
    """Builds a mapping from a user's object, or from a preset's; without a context that is the question's path.

    Raises:
        ConfigError: with every fault: unknown keys, values that are no paths, missing context or question.
    """
    if not isinstance(spec, dict):
        raise ConfigError(source, f"expected an object from canonical field to source path, found {describe(spec)}")
    problems: list[str] = []
    values: dict[str, Any] = {}
    for key, value in _with_preset(_unnested(spec), problems).items():
        if key not in PATH_KEYS and key not in _OTHER_KEYS:
            near = difflib.get_close_matches(str(key), [*PATH_KEYS, *_SYNONYMS, *_OTHER_KEYS, "preset"], n=1)
            problems.append(f'unknown key "{key}"' + (f'; did you mean "{near[0]}"?' if near else ""))
            continue
        attribute, read, expected = _OTHER_KEYS.get(key) or (PATH_KEYS[key], _paths, 'a path such as "document.text"')
        if (found := read(value)) is not None:
            values[attribute] = found
        elif value is not None or key in _OTHER_KEYS:
            problems.append(f'"{key}": expected {expected}, found {describe(value)}')
    if not needs_context and "question" in values:
        values.setdefault("context", values["question"])
    for name in ("context", "question") if needs_context else ("question",):
        if name not in values:
            problems.append(f'"{name}" is missing; give the path of the {name}')
    if problems:
        raise ConfigError(source, problems)
    return FieldMapping(**values, name=source)


def _paths(value: Any) -> Paths | None:
    paths = value if isinstance(value, (list, tuple)) else [value]
    return tuple(paths) if paths and all(map(is_path, paths)) else None


def _texts(value: Any) -> frozenset[str] | None:
    texts = [text for text in (value if isinstance(value, list) else [value]) if text is not None]
    # Null under an answer field means "no answer" anyway.
    return frozenset(str(text).strip() for text in texts) if all(isinstance(t, (str, int)) for t in texts) else None


def _named_paths(value: Any) -> dict[str, str] | None:
    named = {path: path for path in value} if isinstance(value, list) and all(map(is_path, value)) else value
    return (
        {str(name): path for name, path in named.items()}
        if isinstance(named, dict) and all(map(is_path, named.values()))
        else None
    )


_OTHER_KEYS: dict[str, tuple[str, Callable[[Any], Any], str]] = {
    "no_answer_value": ("no_answer_values", _texts, "a text or a list of texts"),
    "inclusive_end": ("inclusive_end", lambda value: value if isinstance(value, bool) else None, "true or false"),
    "offset_unit": (
        "offset_unit",
        lambda value: value if isinstance(value, str) and value in UNITS else None,
        f"one of {', '.join(UNITS)}",
    ),
    "offset_base": (
        "offset_base",
        lambda value: value if value in (0, 1) and not isinstance(value, (bool, float)) else None,
        "0 or 1",
    ),
    "all_answers": (
        "all_answers",
        lambda value: value if isinstance(value, bool) else _paths(value),
        "true, false or the path of a flag",
    ),
    "metadata": ("metadata", _named_paths, "a list of paths or an object of paths"),
}
"""Key -> the attribute it fills, what reads its value (None: it is wrong), and what is expected."""


def _unnested(spec: dict[Any, Any]) -> dict[str, Any]:
    """`{"answers": {"text": ...}}` means `{"answers.text": ...}`; synonyms become the one name."""
    flat: dict[str, Any] = {}
    for key, value in spec.items():
        if key in ("answers", "answer") and isinstance(value, dict):
            flat |= {f"answers.{name}": path for name, path in value.items()}
        else:
            flat[str(key)] = value
    return {_SYNONYMS.get(key, key): value for key, value in flat.items()}


def _with_preset(spec: dict[str, Any], problems: list[str]) -> dict[str, Any]:
    base = spec.pop("preset", None)
    if base is None:
        return spec
    name = preset_name(base) if isinstance(base, str) else None
    if name is None:
        problems.append(f'"preset": no preset {base!r}; presets: {", ".join(sorted(PRESETS))}')
        return spec
    return {**PRESETS[name], **spec}


def _read_file(path: Path) -> Any:
    if path.stat().st_size > _MAX_FILE_BYTES:
        raise ConfigError("field_mapping", f"{path} is too large for a mapping; is it the data?")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "expected UTF-8 text") from error
    return _parse(text, str(path), yaml_too=path.suffix.lower() != ".json")


def _parse(text: str, source: str, yaml_too: bool) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        if not yaml_too:
            raise ConfigError(source, f"not valid JSON: {error}") from error
    try:
        return read_yaml(text)
    except YAMLFault as error:
        raise ConfigError(source, " ".join(str(error).split())) from error


# Presets. They map the rows that the readers give: nested layouts are already one row a question.

_SQUAD: dict[str, Any] = {
    "id": "id",
    "title": "title",
    "context": "context",
    "question": "question",
    "answers": ["answers", "answer"],
    "answers.text": "answer_text",
    "answers.start": ["answer_start", "offset_start_in_doc"],
    "answers.end": "answer_end",
    "is_impossible": "is_impossible",
}

PRESETS: dict[str, dict[str, Any]] = {
    "squad": _SQUAD,
    "mrqa": {
        "id": ["qid", "id"],
        "context": "context",
        "question": "question",
        "answers.text": "detected_answers.text",
        "answers.span": "detected_answers.char_spans",
        "is_impossible": "is_impossible",
        "inclusive_end": True,
    },
    "subjqa": {
        "id": ["q_review_id", "id"],
        "title": ["item_id", "title"],
        "context": ["review", "context"],
        "question": "question",
        "answers": "answers",
        "answers.text": "human_ans_spans",
        "answers.span": "human_ans_indices",
        "no_answer_value": "ANSWERNOTFOUND",
    },
    "label_studio": {
        "id": ["id", "qid", "question_id"],
        "title": "title",
        "context": ["context", "text", "passage", "paragraph", "document", "content", "body", "html"],
        "question": ["question", "query"],
        "answers": ["answers", "answer", "label"],
        "is_impossible": "is_impossible",
    },
    "haystack": {
        **_SQUAD,
        "title": ["title", "document.meta.name", "document.id", "document_id"],
        "context": ["context", "document.content"],
        "question": ["question", "query"],
    },
    "natural_questions": {
        "id": ["id", "example_id", "qid"],
        "title": ["title", "document_title"],
        "context": "context",
        "question": ["question", "question_text"],
        "answers": ["detected_answers", "answers"],
        "is_impossible": "is_impossible",
    },
    "cmrc": {
        "id": ["query_id", "id"],
        "title": "title",
        "context": ["context_text", "context"],
        "question": ["query_text", "question"],
        "answers": "answers",
    },
    "newsqa": {
        "title": ["storyId", "story_id"],
        "context": ["text", "story_text", "context"],
        "question": ["q", "question"],
        "answers": ["validatedAnswers", "answers_text"],
        "answers.start": "consensus.s",
        "answers.end": "consensus.e",
        "answers.span": "answer_char_ranges",
        "is_impossible": "consensus.noAnswer",
        "drop_if": "consensus.badQuestion",
    },
    "quac": {**_SQUAD, "no_answer_value": "CANNOTANSWER"},
}

ALIASES = {
    name: "squad"
    for name in (
        "squad_v1", "squad_v2", "squad1", "squad2", "xquad", "mlqa", "drcd", "korquad", "germanquad", "fquad", "piaf",
        "tydiqa", "adversarial_qa", "cuad", "covid_qa", "policyqa", "dureader_robust", "huggingface",
    )
}  # fmt: skip
ALIASES |= {"nq": "natural_questions", "cmrc2018": "cmrc", "labelstudio": "label_studio"}


def preset_name(text: str) -> str | None:
    """The preset that a name means, whatever its case and hyphens; None where there is none."""
    name = text.strip().lower().replace("-", "_").replace(" ", "_")
    name = ALIASES.get(name, name)
    return name if name in PRESETS else None
