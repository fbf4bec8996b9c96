"""From a prompt in plain words to a typed specification of the data, by rules; and to YAML and back.

What the rules do not find stays None and takes its default later. A specification can be shown, saved, edited and given
back; what comes back is verified like what was parsed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

from qa_pipeline import artifacts
from qa_pipeline.arguments.config_files import nearest, read_config_file
from qa_pipeline.data import Example
from qa_pipeline.data.alignment import Aligned, align_answer
from qa_pipeline.data.loose import LooseAnswer
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.types import passage_id

TASK = "extractive question answering"
_HEADER = (
    "# What data to make. Edit it and give it back: python -m qa_pipeline generate CONFIG --spec_file THIS_FILE\n"
    "# null means: not said, the default is taken.\n"
)


@dataclass(frozen=True)
class Specification:
    """What a prompt asks for.

    Attributes:
        prompt: as given.
        task: always `TASK`; anything else is refused.
        domain: what the questions are about, in words.
        language: code, or None.
        answer_types: names of groups or types of answers, or None for all.
        unanswerable: whether questions without answer are wanted, or None.
        examples: canonical rows, offsets verified.
        sample_questions: questions given as examples without a context.
        notes: what was found in the prompt and could not be used.
    """

    prompt: str = ""
    task: str = TASK
    domain: str = ""
    language: str | None = None
    answer_types: list[str] | None = None
    unanswerable: bool | None = None
    examples: list[Example] = field(default_factory=list)
    sample_questions: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def to_yaml(self) -> str:
        """The specification as a commented YAML file."""
        content = asdict(self)
        content["examples"] = [_short(example) for example in self.examples]
        return _HEADER + yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=110)

    def save(self, path: str | Path) -> Path:
        """Writes it atomically."""
        return artifacts.write_text(path, self.to_yaml())


def parse_prompt(prompt: str) -> Specification:
    """Reads a prompt by rules.

    Raises:
        ConfigError: it is blank, or asks for another task.
    """
    if not prompt.strip():
        raise ConfigError("prompt", "is blank; say what the questions should be about")
    instruction, shown = _split(prompt)
    other = _OTHER_TASK.search(instruction)
    if other and not re.search(r"\b(?:questions?|answers?|extract\w*)\b", instruction, re.IGNORECASE):
        raise ConfigError(
            "prompt",
            f'asks to "{other[0]}", but this makes data for {TASK}: questions that a text answers word for word',
        )
    notes: list[str] = []
    examples, questions = _examples(shown, notes)
    return Specification(
        prompt=prompt.strip(),
        domain=_domain(instruction),
        language=_language(instruction),
        answer_types=_answer_types(instruction) or None,
        unanswerable=_unanswerable(instruction, examples),
        examples=examples,
        sample_questions=questions,
        notes=notes,
    )


def read_specification(path: str | Path) -> Specification:
    """Reads a specification that was saved, and perhaps edited.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    return specification_from(read_config_file(path), str(path))


def specification_from(content: Mapping[str, Any], where: str) -> Specification:
    """A specification from a mapping, verified; a backend that reads prompts gives such a mapping too.

    Raises:
        ConfigError: with everything that is wrong in it.
    """
    known = {f.name for f in fields(Specification)}
    problems = []
    for key in content.keys() - known:
        near = nearest(key, known)
        problems.append(f"{key}: unknown key" + (f'; nearest: "{near}"' if near else ""))
    values = {key: value for key, value in content.items() if key in known}
    for key, kinds in _KINDS.items():
        if key in values and not isinstance(values[key], kinds):
            problems.append(f"{key}: expected {_in_words(kinds)}, found {type(values[key]).__name__}")
            del values[key]
    for key in ("answer_types", "sample_questions", "notes"):
        if not all(isinstance(text, str) for text in values.get(key) or ()):
            problems.append(f"{key}: expected a list of texts")
            del values[key]
    if values.get("task", TASK) != TASK:
        problems.append(f'task: expected "{TASK}", found "{values["task"]}"')
    examples = []
    for number, row in enumerate(values.pop("examples", None) or (), 1):
        found = _example(row) if isinstance(row, Mapping) else "expected a mapping"
        if isinstance(found, str):
            problems.append(f"examples, number {number}: {found}")
        else:
            examples.append(found)
    if problems:
        raise ConfigError(where, problems)
    for key in ("sample_questions", "notes"):
        values[key] = values.get(key) or []
    return Specification(**{**values, "examples": examples})


def builtin_domain(specification: Specification, domains: Mapping[str, Any]) -> str | None:
    """The built-in domain that the prompt is about, None without a clear one.

    It is the one with most of its keywords in the prompt, at least two of them, or all the words of its name.

    Args:
        domains: name -> something with `keywords` (lower-case words).
    """
    text = f"{specification.domain} {_split(specification.prompt)[0]} {' '.join(specification.sample_questions)}"
    found = {_stem(word) for word in re.findall(r"\w+", text.lower())}
    scores: dict[str, int] = {}
    for name, domain in domains.items():
        called = {_stem(word) for word in name.split("_")}
        scores[name] = len(({_stem(word) for word in domain.keywords} | called) & found) + (called <= found)
    ranked = sorted(scores, key=lambda name: -scores[name])
    if not ranked or scores[ranked[0]] < 2 or (len(ranked) > 1 and scores[ranked[0]] == scores[ranked[1]]):
        return None
    return ranked[0]


# --- the rules ---

_KINDS: dict[str, tuple[type, ...]] = {
    "prompt": (str,),
    "task": (str,),
    "domain": (str,),
    "language": (str, type(None)),
    "answer_types": (list, type(None)),
    "unanswerable": (bool, type(None)),
    "examples": (list, type(None)),
    "sample_questions": (list, type(None)),
    "notes": (list, type(None)),
}
_OTHER_TASK = re.compile(
    r"\b(?:translate|summari[sz]e|classify|write an? (?:poem|story|essay|email)|generate code|paraphrase|rewrite)\b",
    re.IGNORECASE,
)
_EXAMPLES = re.compile(
    r"(?:^|(?<=[\s.;:]))(?:here (?:is|are) (?:an|some|a few|\w+) examples?|for example|for instance"
    r"|examples?(?:\s*\d+)?)\s*[:,]\s*",
    re.IGNORECASE,
)
_LABEL = re.compile(
    r"(?:^|(?<=[\s;.,?!\"'\u201d(\[{]))[\"'*_]*(context|passage|text|paragraph|document|question|answer|[cqa])[\"'*_]*\s*[:=]\s*",
    re.IGNORECASE,
)
_ROLE = {"c": "context", "passage": "context", "text": "context", "paragraph": "context", "document": "context",
         "q": "question", "a": "answer"}  # fmt: skip
_LANGUAGES = {
    "english": "en", "german": "de", "french": "fr", "spanish": "es", "italian": "it", "portuguese": "pt",
    "dutch": "nl", "polish": "pl", "russian": "ru", "ukrainian": "uk", "arabic": "ar", "hindi": "hi", "chinese": "zh",
    "japanese": "ja", "korean": "ko", "vietnamese": "vi", "turkish": "tr", "greek": "el", "romanian": "ro",
    "thai": "th", "czech": "cs", "swedish": "sv", "danish": "da", "finnish": "fi", "norwegian": "no",
    "hungarian": "hu", "hebrew": "he",
    "deutsch": "de", "fran\u00e7ais": "fr", "espa\u00f1ol": "es", "italiano": "it", "portugu\u00eas": "pt",
}  # fmt: skip
_TYPE_WORDS = {
    "date": r"dates?|when|deadlines?|years?|hours|times?|schedules?|opening",
    "money": r"fees?|prices?|costs?|amounts? of money|charges?|fares?|salar(?:y|ies)|payments?|money|sums?",
    "percent": r"percent(?:ages?)?|rates?|shares?",
    "quantity": r"quantit(?:y|ies)|measures?|measurements?|doses?|dosages?|distances?|weights?|lengths?",
    "number": r"numbers?|counts?|figures?|how many",
    "name": r"names?|people|persons?|who|compan(?:y|ies)|organi[sz]ations?|staff|authors?|entit(?:y|ies)",
    "place": r"places?|locations?|cit(?:y|ies)|countr(?:y|ies)|addresses|where",
    "reason": r"reasons?|why|causes?",
    "purpose": r"purposes?",
    "condition": r"conditions?|if|requirements?|eligibility",
    "manner": r"how to|procedures?|steps|ways|methods?",
}
_UNANSWERABLE = re.compile(
    r"\bunanswerable|\bno[- ]answer\b|\bcannot be answered|\bcan't be answered|\bnot (?:be )?(?:answerable|answered)"
    r"|\bwithout (?:an )?answers?\b|\b(?:answer|it|that) is not (?:in|there|given|stated|present|mentioned)"
    r"|\bnot answer(?:ed)? (?:by|in) the\b",
    re.IGNORECASE,
)
_NO_UNANSWERABLE = re.compile(
    r"\b(?:no|without|never|not any|don't (?:want|include|add)) (?:any )?unanswerable"
    r"|\b(?:all|every|only) (?:questions? )?(?:must be |should be |are |is )?answerable"
    r"|\balways (?:has|have) an answer",
    re.IGNORECASE,
)
_ABOUT = re.compile(
    r"\b(?:about|on|regarding|concerning|related to|dealing with|from|over|for)\s+"
    r"((?!the (?:text|passage|following)\b|example\b).+?)(?=[.;:!?\n]|,? (?:in|auf) (?:"
    + "|".join(_LANGUAGES)
    + r")\b|$)",
    re.IGNORECASE,
)


def _split(prompt: str) -> tuple[str, str]:
    """The instruction, and what follows the word "Example:" (or begins with a labelled context)."""
    marks = [match for match in (_EXAMPLES.search(prompt), _LABEL.search(prompt)) if match]
    if not marks:
        return prompt.strip(), ""
    first = min(marks, key=lambda match: match.start())
    begin = first.end() if first.re is _EXAMPLES else first.start()
    return prompt[: first.start()].strip(), prompt[begin:]


def _domain(instruction: str) -> str:
    match = _ABOUT.search(instruction)
    text = match[1] if match else re.split(r"[.;:!?\n]", instruction)[0]
    return " ".join(text.split()).strip(" \"'\u201c\u201d")


def _language(instruction: str) -> str | None:
    names = "|".join(_LANGUAGES)
    pattern = rf"\b(?:in|auf|into|language[:=]?)\s+({names})\b|\b({names})[- ](?:language|questions|documents|texts?)\b"
    match = re.search(pattern, instruction, re.IGNORECASE)
    return _LANGUAGES[(match[1] or match[2]).lower()] if match else None


def _answer_types(instruction: str) -> list[str]:
    """Types that the prompt restricts its answers to: "answers are dates and fees", "answer types: name, place"."""
    match = re.search(
        r"\b(?:answers? (?:types?|kinds?)\s*(?:[:=]|are|should be|is)|(?:the )?answers "
        r"(?:are|should be|must be|will be)(?: only| always)?"
        r"|only (?:ask|questions?) (?:for|about|with))\s+([^.;\n]+)",
        instruction,
        re.IGNORECASE,
    )
    if not match:
        return []
    return [name for name, words in _TYPE_WORDS.items() if re.search(rf"\b(?:{words})\b", match[1], re.IGNORECASE)]


def _unanswerable(instruction: str, examples: Sequence[Example]) -> bool | None:
    if _NO_UNANSWERABLE.search(instruction):
        return False
    if _UNANSWERABLE.search(instruction) or any(example["is_impossible"] for example in examples):
        return True
    return None


def _examples(shown: str, notes: list[str]) -> tuple[list[Example], list[str]]:
    """Labelled examples as canonical rows, and questions without a context."""
    marks = list(_LABEL.finditer(shown))
    if not marks:
        texts = [text.strip(" \n\"'-*") for text in re.findall(r"[^.?!\n]+\?", shown)]
        return [], [text for text in texts if text]
    rows: list[dict[str, str]] = [{}]
    for mark, following in zip(marks, [*marks[1:], None], strict=True):
        role = _ROLE.get(mark[1].lower(), mark[1].lower())
        value = _value(shown[mark.end() : following.start() if following else len(shown)])
        if role in rows[-1] or (role == "context" and "question" in rows[-1]):
            # A second question about the same context does not repeat it.
            rows.append({"context": rows[-1]["context"]} if role == "question" and "context" in rows[-1] else {})
        rows[-1][role] = value
    examples: list[Example] = []
    questions: list[str] = []
    for number, row in enumerate(rows, 1):
        if "question" not in row:
            notes.append(f"example {number} has no question; left out")
        elif "context" not in row:
            questions.append(row["question"])
            notes.append(f"example {number} has no context, so its answer has no place; kept as a sample question")
        else:
            found = _example(row)
            if isinstance(found, str):
                notes.append(f"example {number}: {found}; left out")
            else:
                examples.append(found)
    return examples, questions


_SAYS_NONE = re.compile(
    r"(?:none|null|n/?a|unanswerable|no answer|not (?:answerable|in the text|given|stated)|-|\u2014)?\.?", re.I
)


def _example(row: Mapping[str, Any]) -> Example | str:
    """A canonical row from a context, a question and an answer as texts, or what is wrong with it."""
    context, question, answer = row.get("context"), row.get("question"), row.get("answer")
    if not isinstance(context, str) or not context.strip():
        return "context: expected a text"
    if not isinstance(question, str) or not question.strip():
        return "question: expected a text"
    if answer is not None and not isinstance(answer, str):
        return f"answer: expected a text or null, found {type(answer).__name__}"
    identity = f"example-{passage_id(context, question)}"
    result: Example = {
        "id": identity,
        "context": context,
        "question": " ".join(question.split()),
        "answers": {"text": [], "answer_start": []},
        "is_impossible": True,
    }
    found = None
    for text in (answer or "", (answer or "").strip().rstrip(".;,")):  # a full stop may be the prompt's own
        if text.strip() and not isinstance(found, Aligned):
            found = align_answer(context, LooseAnswer(text=text))
    if isinstance(found, Aligned):
        result["answers"] = {"text": [found.text], "answer_start": [found.start]}
        result["is_impossible"] = False
    elif answer is not None and not _SAYS_NONE.fullmatch(answer.strip()):
        return f'answer: "{answer}" is not in the context; quote it word for word, or write null for no answer'
    return result


def _short(example: Example) -> dict[str, Any]:
    texts = example["answers"]["text"]
    return {"context": example["context"], "question": example["question"], "answer": texts[0] if texts else None}


def _value(text: str) -> str:
    """What a label holds: without list marks, separators and one pair of quotes around it."""
    core = re.sub(r"(?:\s*(?:^|\n)\s*(?:\d+[.)]|[-*#]+|example\s*\d*\s*[:.]?))+\s*$", "", text, flags=re.IGNORECASE)
    core = (
        re.sub(r"\s*\bexamples?(?:\s*\d+)?\s*:\s*$", "", core, flags=re.IGNORECASE)
        .strip()
        .strip("{}[]")
        .strip(" \n\t,;|")
    )
    for left, right in ('""', "''", "\u201c\u201d", "``"):
        if len(core) > 1 and core[0] == left and core[-1] == right:
            return core[1:-1].strip()
        if len(core) > 2 and core[0] == left and core[-2:] == right + ".":
            return core[1:-2].strip()
    return core


def _stem(word: str) -> str:
    word = word.lower()
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    return word[:-1] if word.endswith("s") and not word.endswith("ss") and len(word) > 3 else word


def _in_words(kinds: tuple[type, ...]) -> str:
    names = {str: "a text", list: "a list", bool: "true or false", type(None): "null"}
    return " or ".join(names[kind] for kind in kinds)
