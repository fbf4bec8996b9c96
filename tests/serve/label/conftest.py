from __future__ import annotations

import json

import pytest

from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.postprocess import Span
from qa_pipeline.predictor import Answer
from qa_pipeline.serve.label import LabelProject, LabelStore
from qa_pipeline.serve.label.decision import Decision, item_id
from qa_pipeline.serve.label.suggesting import Suggester, SuggestionSettings

FEES = "The boat is lent for 40 euros a day. Anna Berg built the old mill of Norby in 1790 and sold it in 1802."
HOURS = "The library in Mill Street opens at nine on Monday. It was built by Carl Holm in 1911 of red brick."


def passage(text, document="fees.md", start=0):
    end = None if start is None else start + len(text)
    return Passage(passage_id(document, text), document, text, document.split(".")[0], start=start, end=end)


def decision(action, where, *, seen=0, start=21, end=29, person="Ada", question="How much is the boat?", verdict="own"):
    name = item_id(where.id, question)
    return Decision(action, name, where.id, seen, verdict, question, start, end, person, person, "2026-01-01T10:00:00Z")


def rows_of(path):
    """The questions of a file of labels by id, each with its context."""
    found = {}
    if not path.exists():  # nothing was decided yet
        return found
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            found |= {one["id"]: {**one, "context": paragraph["context"]} for one in paragraph["qas"]}
    return found


class SureOf:
    """A model that answers with the first word of a text, as sure as the text says; "crash" in it ends in an error."""

    name = "sure"

    def __init__(self, confidences):
        self.confidences = confidences

    def predict(self, examples, progress=True):
        for row in examples:
            context = row["context"]
            if "crash" in context:
                raise KeyError("no such key")
            sure = next((value for word, value in self.confidences.items() if word in context), 0.5)
            end = context.index(" ")
            spans = [Span(context[:end], 0, end, 1.0, sure), Span(context[:3], 0, 3, 0.5, 0.1)]
            yield Answer(row["id"], row["question"], context[:end], 0, end, sure, 0.0, -1.0, 1.0, 1, spans)


@pytest.fixture
def make_project(tmp_path):
    """A project of texts, with suggestions that are made already."""
    made = []

    def make(texts=(FEES, HOURS), predictor=None, *, file="labels.json", suggest=True, **settings):
        passages = [passage(text, f"document{number}.md") for number, text in enumerate(texts)]
        suggester = Suggester(passages, predictor, SuggestionSettings(**settings))
        if suggest:
            suggester.start()
            suggester._thread.join(60)
        model = None if predictor is None else predictor.name
        made.append(LabelProject(passages, LabelStore(tmp_path / file), suggester, model=model))
        return made[-1]

    yield make
    for project in made:
        project.suggester.stop()
