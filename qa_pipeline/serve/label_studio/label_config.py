"""Reads which tags of a Label Studio project hold the text, the question and the answer. Never sees a task's model.

A project is drawn by XML tags: https://labelstud.io/tags. Answers need a `<Text>` and `<Labels>` that mark it; the
question stands in the task's data, where another tag shows it, or is typed into a `<TextArea>`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree import ElementTree

from qa_pipeline.errors import DataError
from qa_pipeline.wording import in_short, short

QUESTION = "question"
"""The key of a task's data that holds the question where no tag shows it."""
_VARIABLE = re.compile(r"\$(\w+(?:\.\w+)*)")
_NEEDS = (
    'a text and labels that mark it are needed, such as <Text name="text" value="$text"/> <Labels name="answer" '
    'toName="text"><Label value="Answer"/></Labels>'
)


@dataclass(frozen=True)
class LabelConfig:
    """What of a project's labelling configuration answers need.

    Attributes:
        from_name: name of the `<Labels>` tag.
        to_name: name of the `<Text>` tag that it marks.
        label: the label that an answer gets.
        text_key: key of a task's data that holds the text; dots lead inwards.
        question_key: key of a task's data that holds the question.
        question_area: name of the `<TextArea>` of the same text, into which a question may be typed; None: there is
            none.

    Example:
        >>> config = LabelConfig.read(
        ...     '<View><Text name="text" value="$text"/><Header value="$question"/>'
        ...     '<Labels name="answer" toName="text"><Label value="Answer"/></Labels></View>'
        ... )
        >>> config.from_name, config.to_name, config.label, config.text_key, config.question_key
        ('answer', 'text', 'Answer', 'text', 'question')
    """

    from_name: str
    to_name: str
    label: str
    text_key: str
    question_key: str = QUESTION
    question_area: str | None = None

    @classmethod
    def read(cls, xml: Any) -> LabelConfig:
        """Reads a labelling configuration.

        Args:
            xml: as Label Studio sends it, in "schema" or "label_config".

        Raises:
            DataError: it is no XML, or has no text with labels.
        """
        tags = _parsed(xml)
        texts = {tag.get("name", ""): tag for tag in tags if tag.tag == "Text"}
        for labels in (tag for tag in tags if tag.tag == "Labels" and tag.get("name")):
            to_name = next((name for name in _targets(labels) if name in texts), None)
            values = [label.get("value", "") for label in labels.iter("Label") if label.get("value")]
            if to_name is None or not values:
                continue
            return cls(
                from_name=labels.get("name", ""),
                to_name=to_name,
                label=next((value for value in values if value.casefold() == "answer"), values[0]),
                text_key=_text_key(texts[to_name], to_name),
                question_key=_question_key(tags, texts[to_name]),
                question_area=_question_area(tags, to_name),
            )
        found = ", ".join(dict.fromkeys(f"<{tag.tag}>" for tag in tags if tag.tag != "View")) or "no tags"
        raise DataError(f"label config: {_NEEDS}; found {short(found, 200)}")

    def text_of(self, data: Mapping[str, Any]) -> str:
        """The text of a task.

        Raises:
            DataError: it is not there, or blank.
        """
        return _text_at(data, self.text_key, "text")

    def question_of(self, data: Mapping[str, Any], typed: Sequence[Any] = ()) -> str:
        """The question of a task.

        Args:
            data: of the task.
            typed: what was annotated so far, as Label Studio sends it: a question typed there comes first.

        Raises:
            DataError: there is none.
        """
        for one in typed:
            if (
                isinstance(one, Mapping)
                and self.question_area is not None
                and one.get("from_name") == self.question_area
            ):
                value = one.get("value")
                words = value.get("text") if isinstance(value, Mapping) else None
                words = words[-1] if isinstance(words, list) and words else words
                if isinstance(words, str) and words.strip():
                    return words
        return _text_at(data, self.question_key, "question")


def _parsed(xml: Any) -> list[ElementTree.Element]:
    """All tags, in their order."""
    if not isinstance(xml, str) or not xml.strip():
        raise DataError(f"label config: expected XML, found {in_short(xml)}; {_NEEDS}")
    if "<!" in re.sub(r"<!--.*?-->", "", xml, flags=re.DOTALL):
        raise DataError("label config: a document type or entities are not read; leave <! out")
    try:
        return list(ElementTree.fromstring(xml).iter())
    except ElementTree.ParseError as error:
        raise DataError(f"label config: not XML: {error}") from None


def _targets(tag: ElementTree.Element) -> list[str]:
    return [name.strip() for name in tag.get("toName", "").split(",")]


def _text_key(tag: ElementTree.Element, name: str) -> str:
    if tag.get("valueType") == "url":
        raise DataError(f'label config: <Text name="{name}">: valueType="url" is not read; put the text into the task')
    if tag.get("encoding", "none") != "none":
        raise DataError(f'label config: <Text name="{name}">: encoding="{tag.get("encoding")}" is not read')
    found = _VARIABLE.fullmatch(tag.get("value", "").strip())
    if found is None:
        raise DataError(f'label config: <Text name="{name}">: value must be a variable such as $text')
    return found[1]


def _question_key(tags: Sequence[ElementTree.Element], text: ElementTree.Element) -> str:
    """The one variable that another tag shows; of several, one that is called a question."""
    shown = list(dict.fromkeys(_shown(tags, text)))
    called = [key for key, name in shown if QUESTION in f"{key} {name}".casefold()]
    keys = list(dict.fromkeys(key for key, _ in shown))
    if called:
        return called[0]
    return keys[0] if len(keys) == 1 else QUESTION


def _shown(tags: Sequence[ElementTree.Element], text: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for tag in tags:
        if tag is not text and tag.tag in ("Text", "Header", "TextArea"):
            for key in _VARIABLE.findall(tag.get("value", "")):
                yield key, tag.get("name", "")


def _question_area(tags: Sequence[ElementTree.Element], to_name: str) -> str | None:
    areas = [tag.get("name", "") for tag in tags if tag.tag == "TextArea" and to_name in _targets(tag)]
    called = [name for name in areas if QUESTION in name.casefold()]
    return next(iter(called or areas), None)


def _text_at(data: Mapping[str, Any], key: str, what: str) -> str:
    value: Any = data
    for part in [key] if key in data else key.split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"data.{key}: expected the {what}, found {in_short(value)}")
    return value
