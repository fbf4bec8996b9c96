"""The fields of the first rows: their dotted paths, their values, and which suit which role by name or by content.

Holds what names mean; decides nothing between fields that suit equally. Where no name tells, an answer is a part of its
row's context: a column whose texts are, in most rows, may hold the answers.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.example import LooseAnswer, RawRow
from qa_pipeline.data.mapping.field_mapping import PATH_KEYS, FieldMapping
from qa_pipeline.data.mapping.values import MISSING, find, is_path, looks_structured, parse_structure
from qa_pipeline.data.marks import is_missing, is_not_given, is_yes_or_no

SENTINELS = ("ANSWERNOTFOUND", "CANNOTANSWER", "NO_ANSWER", "NOANSWER", "UNANSWERABLE", "NO ANSWER", "[NO ANSWER]")

# Names by role, best tier first. Compared in lower case without anything but letters and digits.
NAMES: dict[str, tuple[tuple[str, ...], ...]] = {
    "context": (
        ("context",),
        ("contexttext", "passage", "paragraph", "passagetext", "paragraphtext", "document", "documenttext", "article",
         "articletext", "review", "story", "storytext", "evidence", "doc", "doctext", "ctx", "sourcetext",
         "documentplaintext", "reference"),
        ("text", "content", "body", "abstract", "sentence", "background", "source", "input", "data", "html",
         "kontext", "absatz", "abschnitt", "dokument", "contexte", "texte", "contexto", "texto", "contesto", "testo"),
    ),
    "question": (
        ("question",),
        ("query", "questiontext", "querytext", "q", "prompt", "frage", "pregunta", "pergunta", "domanda", "vraag"),
    ),
    "id": (("id", "qid", "questionid"), ("queryid", "exampleid", "uid", "guid", "uuid", "qreviewid", "idx"),),
    "title": (("title",), ("documenttitle", "articletitle", "doctitle", "documentid", "docid", "storyid"),),
    "answers": (
        ("answers",),
        ("detectedanswers", "goldanswers", "goldenanswers", "shortanswers", "referenceanswers", "annotations"),
        ("answer", "label", "labels", "entities", "spans", "references", "response", "target", "output"),
    ),
    "answers.text": (
        ("answerstext", "answertext", "answertexts", "texts"),
        ("answer", "answers", "ans", "answerspan", "answerspantext", "spantext", "humanansspans", "goldanswer",
         "shortanswer", "correctanswer", "antwort", "reponse", "respuesta", "resposta", "risposta", "antwoord"),
        ("response", "target", "output", "label"),
    ),
    "answers.start": (
        ("answerstart", "answersanswerstart", "answersstart"),
        ("start", "startchar", "charstart", "answerstartchar", "startindex", "startidx", "startoffset", "begin",
         "ansstart", "answerbegin", "answeroffset", "offset", "spanstart", "answerstarts", "starts", "startposition"),
    ),
    "answers.end": (
        ("answerend", "answersanswerend", "answersend"),
        ("end", "endchar", "charend", "answerendchar", "endindex", "endidx", "endoffset", "ansend", "spanend",
         "answerends", "ends", "stop", "endposition"),
    ),
    "answers.length": (("answerlength", "answerslength"), ("length", "len", "spanlength"),),
    "answers.span": (
        ("answerspan", "answersspan", "answerspans", "answersspans", "humanansindices"),
        ("span", "spans", "charspan", "charspans", "answerindices", "answeroffsets", "indices", "offsets",
         "answercharranges"),
    ),
    "is_impossible": (
        ("isimpossible",), ("impossible", "unanswerable", "isunanswerable", "noanswer", "isanswerabsent"),
    ),
    "answer_category": (("answercategory", "answertype"),),
    "drop_if": (("isquestionbad", "badquestion"),),
    "answerable": (("answerable", "isanswerable", "hasanswer"),),
    "document": (
        ("document", "documents", "documentname", "documentfile", "documentpath", "doc", "docname", "docpath", "file",
         "files", "filename", "filepath", "path", "sourcefile", "sourcedocument", "golddocument", "golddocuments",
         "dokument", "dokumente", "datei", "dateiname", "fichier", "documento", "archivo", "arquivo", "bestand"),
        ("title", "documenttitle", "articletitle", "doctitle", "documentid", "docid", "source", "quelle", "storyid"),
    ),
}  # fmt: skip

# Where no field has such a name as a whole: names with one of these words among their parts (passage_col, goldSpan) ...
_WORDS = {
    "context": {"context", "passage", "paragraph", "document", "article", "review", "story"},
    "question": {"question", "query"},
    "answers.text": {"answer", "answers", "span"},
}
# ... and none of these.
_ABOUT = {
    *("id", "ids", "uid", "title", "type", "url", "link", "num", "number", "count", "len", "length", "lang"),
    *("language", "start", "end", "index", "idx", "date", "source", "file", "name", "no", "has", "is"),
    *("category", "kind", "status", "score", "confidence", "rating", "probability", "predicted", "prediction"),
}

_NUMBERED = re.compile(r"[ _.-]*(?:\d+|(?<=[ _.-])[a-e])(?=$|[ _.-])", re.IGNORECASE)

_GENERIC = {"text", "content", "body", "value", "string"}


class Fields:
    """The fields of the first rows: path -> values, in order of appearance; objects give dotted paths too."""

    def __init__(self, rows: Sequence[RawRow]):
        self.rows = rows
        self.values: dict[str, list[Any]] = {}
        for row in rows:
            self._add(row.value, "", 0)

    def _add(self, value: dict[str, Any], prefix: str, depth: int) -> None:
        for key, inner in value.items():
            path = f"{prefix}{key}"
            if not is_path(path):  # a broken header; no mapping could name it
                continue
            self.values.setdefault(path, []).append(inner)
            if isinstance(inner, dict) and depth < 2 and not re.search(r"[.\[\]]", key):
                self._add(inner, path + ".", depth + 1)

    def texts(self, path: str) -> list[str]:
        """The values of a field that are text."""
        return [value for value in self.values.get(path, []) if isinstance(value, str)]

    def candidates(self, role: str) -> list[str]:
        """Fields of the best tier of names that is present, in the tier's order; else names with such a word."""
        plausible = [path for path in self.values if self._plausible(role, path)]
        if role == "context":  # an id or a link may have such a name as well, so a column of sentences goes first
            prose = [path for path in plausible if self._is_prose(path)]
            return self._by_name(role, prose) or self._by_name(role, plausible)
        return self._by_name(role, plausible)

    def _by_name(self, role: str, paths: list[str]) -> list[str]:
        for tier in NAMES[role]:
            if found := [path for name in tier for path in paths if _plain_name(path) == name]:
                return found
        return [path for path in paths if _speaks_of(role, path)]

    def _is_prose(self, path: str) -> bool:
        texts = self.texts(path)
        return sum(map(_is_prose, texts)) * 2 > len(texts)

    def named(self, role: str) -> list[str]:
        """Fields of all tiers of names, the best tier first, then names with such a word."""
        found = [path for tier in NAMES[role] for name in tier for path in self.values if _plain_name(path) == name]
        found += [path for path in self.values if _speaks_of(role, path)]
        return [path for path in dict.fromkeys(found) if self._plausible(role, path)]

    def by_plain_name(self, role: str) -> list[str]:
        """Fields whose name as a whole is one of the first two tiers."""
        return [path for path in self.values if any(_plain_name(path) in tier for tier in NAMES[role][:2])]

    def by_tier(self, role: str, tier: int) -> list[str]:
        """Fields whose name as a whole is one of a tier of names, in the order of the tier."""
        names = NAMES[role][tier]
        return [
            path for name in names for path in self.values if _plain_name(path) == name and self._plausible(role, path)
        ]

    def _plausible(self, role: str, path: str) -> bool:
        values = [value for value in self.values[path] if value is not None]
        if role in ("context", "question"):
            values = [value[0] if isinstance(value, list) and len(value) == 1 else value for value in values]
            return sum(isinstance(value, str) and not looks_structured(value) for value in values) * 2 > len(values)
        if role == "document":
            return all(isinstance(value, (str, int, list, tuple)) and _is_short(str(value)) for value in values)
        if role == "answer_category":
            return any(isinstance(value, str) and is_not_given(value) for value in values)
        if role in ("id", "title"):
            return bool(values) and all(isinstance(value, (str, int)) for value in values[:20])
        if role == "answers":
            return any(isinstance(read_cell(value), (list, dict)) for value in values)
        if role == "answers.text":
            return any(isinstance(value, (str, int, float, list)) for value in values)
        if role in ("answers.start", "answers.end", "answers.length"):
            return any(_number_like(value) for value in values)
        if role == "answers.span":
            return sum(map(_is_span, values)) * 2 > len(values)
        return True


def _is_short(text: str) -> bool:
    """As names are, and texts are not."""
    return len(text) <= 300 and "\n" not in text.strip()


def _is_span(value: Any) -> bool:
    """A list or an object of positions, or ranges written as text: (3, 8), 68:78|68:89, None."""
    if isinstance(value, str):
        text = value.strip()
        return looks_structured(text) or re.fullmatch(r"(\d+\s*[:,-]\s*\d+|None|\?)([|,].*)?", text) is not None
    return isinstance(value, (list, tuple, dict))


def _is_prose(text: str) -> bool:
    """More than an id, a file name or a link, and no written list or object."""
    text = text.strip()
    return not looks_structured(text) and (not text.isascii() or len(text.split()) > 1)


def read_cell(value: Any) -> Any:
    """The list or object that a cell of text holds, or the value itself."""
    if isinstance(value, str):
        parsed = parse_structure(value)
        return value if parsed is None else parsed
    return value


def all_texts(value: Any) -> list[str]:
    """The texts in a cell: itself, those of its list, or the answer texts of its objects."""
    value = read_cell(value)
    if isinstance(value, str):
        return [value]
    if isinstance(value, dict):
        value = [value.get(name) for name in ("text", "texts", "answer") if name in value]
    if isinstance(value, (list, tuple)):
        return [text for element in value if element is not value for text in all_texts(element)]
    return []


def any_text(value: Any) -> str | None:
    """The first text in a cell that says something; sentinels for "no answer" do not."""
    texts = [text.strip() for text in all_texts(value) if text.strip() and text.strip() not in SENTINELS]
    return texts[0] if texts else None


def says_what_it_is(path: str) -> bool:
    """True for the name of an id, a title, a count, a link: never an answer."""
    return bool(_words_of(path) & _ABOUT)


def numbered(paths: Sequence[str]) -> list[list[str]]:
    """Groups of names that differ in a number or a last letter alone, such as answer_1 and answer_2."""
    groups: dict[str, list[str]] = {}
    for path in paths:
        stem, count = _NUMBERED.subn("#", path)
        if count:
            groups.setdefault(stem.lower(), []).append(path)
    for stem, group in groups.items():  # "answer" beside "answer 2" is the first of them
        group[:0] = [path for path in paths if f"{path.lower()}#" == stem]
    return [group for group in groups.values() if len(group) > 1]


def is_question_name(name: str) -> bool:
    """True for the name of a field with one question, in one of the languages of the names above."""
    return any(_plain_name(name) in tier for tier in NAMES["question"])


def speaks_of_answers(path: str) -> bool:
    """True for a name with the word answer, in one of the languages of the names above, and none against it."""
    words = {*_words_of(path), re.sub(r"[^a-z]", "", _plain_name(path))}
    known = {name for tier in NAMES["answers.text"][:2] for name in tier}
    return bool(words & known) and not words & (_ABOUT - {"no"})


def listed(names: Sequence[str]) -> str:
    """Names for a message."""
    shown = ", ".join(f'"{name[:60]}"' for name in names[:20])
    return shown + (f" and {len(names) - 20} more" if len(names) > 20 else "") if names else "none"


def _number_like(value: Any) -> bool:
    value = read_cell(value)
    if isinstance(value, (list, tuple)):
        return all(_number_like(element) for element in value)
    if isinstance(value, str):
        return bool(re.fullmatch(r"\s*-?\d+(\.0+)?\s*", value))
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _speaks_of(role: str, path: str) -> bool:
    words = _words_of(path)
    return bool(words & _WORDS.get(role, set())) and not words & _ABOUT


def _words_of(path: str) -> set[str]:
    return set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", "_", path).lower()))


def _plain_name(path: str) -> str:
    """`Answer_Start` -> answerstart; `question.text` -> question, since "text" says nothing there."""
    parts = path.split(".")
    if len(parts) > 1 and parts[-1].lower() in _GENERIC and parts[-2].lower() not in ("answers", "answer"):
        parts = parts[:-1]
    elif len(parts) > 1 and parts[0].lower() not in ("answers", "answer"):
        parts = parts[-1:]
    letters = unicodedata.normalize("NFKD", "".join(parts).lower())  # an accent of its own is dropped with the rest
    return re.sub(r"[^a-z0-9]", "", letters)


# Columns that hold answers by what stands in them

_FEWEST = 2  # a single row's text stands in its context too easily
_MOST = 0.5


def answer_columns(fields: Fields, context: str, question: str, taken: Collection[Any]) -> list[str]:
    """The columns that may hold the answers, in order of appearance.

    Their texts stand in the context of most rows that have one, as whole words, and are not the same for all questions
    about a context (as a title or a topic is).

    Args:
        fields: of the first rows.
        context, question: paths of the two.
        taken: paths that have another role.
    """
    columns = [path for path in fields.values if "." not in path and path not in taken and not says_what_it_is(path)]
    columns = [path for path in columns if not any(isinstance(v, (int, float)) for v in fields.values[path])]
    return [path for path in columns if path not in (context, question) and holds_answers(fields.rows, path, context)]


def how_to_map_answers(mapping: FieldMapping, rows: Sequence[RawRow]) -> str:
    """What to do where no column was taken for the answers: the unused columns, and the mapping to paste."""
    fields = Fields(rows)
    used = {path.split(".")[0] for attribute in PATH_KEYS.values() for path in getattr(mapping, attribute)}
    unused = [path for path in fields.values if "." not in path and path not in used]
    if not unused:
        return ""
    likely = answer_columns(fields, mapping.context[0], mapping.question[0], used)
    if not likely:
        return (
            f"no column was taken for the answers: none of the unused columns, {listed(unused)}, has texts that stand "
            "in the contexts (an answer is a part of its context, not yes or no, a category or words of its own); "
        )
    paste = {**mapping.to_dict(), "answers.text": likely[0]}
    both = ""
    if len(likely) > 1:
        more = {**paste, "more_answers": likely[1:] if len(likely) > 2 else likely[1]}
        both = f"; if all of {listed(likely)} do: --field_mapping '{json.dumps(more, ensure_ascii=False)}'"
    return (
        f"no column was taken for the answers. Unused columns: {listed(unused)}; if one of them holds the answers: "
        f"--field_mapping '{json.dumps(paste, ensure_ascii=False)}'{both}; "
    )


def holds_answers(rows: Sequence[RawRow], path: str, context: str, least: int = _FEWEST) -> bool:
    """Whether the texts of a column stand in the contexts of most rows that have one, and differ within a context."""
    known = _known(rows, path, context)
    inside = sum(_is_part(answer, text) for text, answer in known)
    if len(known) < least or inside < _MOST * len(known):
        return False
    by_context: dict[str, list[str]] = defaultdict(list)
    for text, answer in known:
        by_context[text].append(answer)
    several = [answers for answers in by_context.values() if len(answers) > 1]
    return not several or any(len(set(answers)) > 1 for answers in several)


def may_hold_answers(rows: Sequence[RawRow], path: str, context: str) -> bool:
    """Whether a column whose name says so may hold answers, if only bad ones.

    Not one of yes and no, of objects without texts, or of a few categories none of which is in any text.
    """
    known = _known(rows, path, context)
    cells = [cell for row in rows if isinstance(cell := read_cell(find(row.value, path)), dict)]
    if not known and cells and not any(map(all_texts, cells)):
        return False
    if known and all(is_yes_or_no(answer) for _, answer in known):
        return False
    if len(known) < _FEWEST or any(_is_part(answer, text) for text, answer in known):
        return True
    words = [answer for _, answer in known if not any(mark.isspace() for mark in answer)]
    return len(words) * 2 <= len(known) or len(set(words)) * 2 > len(words)


def are_references(rows: Sequence[RawRow], group: Sequence[str], context: str) -> bool:
    """Whether numbered columns hold several references of each question."""
    known = all(may_hold_answers(rows, path, context) for path in group)
    return known and group[-1][-1].isdigit() and any(holds_answers(rows, path, context) for path in group)


def are_choices(rows: Sequence[RawRow], path: str) -> bool:
    """Whether a column says by a letter or a number which of several others is the answer."""
    cells = [find(row.value, path) for row in rows]
    written = [str(cell).strip() for cell in cells if cell is not None and cell is not MISSING]
    return bool(written) and all(len(text) <= 2 for text in written)


def _known(rows: Sequence[RawRow], path: str, context: str) -> list[tuple[str, str]]:
    """(context, answer) of the rows that have both."""
    pairs = [(find(row.value, context), find(row.value, path)) for row in rows]
    found = [(text, str(cell) if isinstance(cell, (bool, int, float)) else any_text(cell)) for text, cell in pairs]
    return [(text, answer) for text, answer in found if isinstance(text, str) and answer and not is_missing(answer)]


def _is_part(answer: str, context: str) -> bool:
    return len(answer) < len(context) and isinstance(align_answer(context, LooseAnswer(answer)), Aligned)
