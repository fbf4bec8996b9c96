"""What the choices in asking a folder are worth: passages read, weight of the search, headings shown, "not found".

python benchmarks/asking_worth.py --model RUN --documents docs/examples/town_library \
    --gold docs/examples/town_library_questions.csv [--max_passages 12] [--off_topic xquad.en.json]

Every question is searched for and read once; the table is made of what was read. `--xquad FILE` asks XQuAD's questions
(`--xquad_questions FILE`: of some articles only) on its paragraphs instead of a folder.
"""

from __future__ import annotations

import argparse
import csv
import json
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from qa_pipeline import QAPredictor
from qa_pipeline.documents.reading import Document
from qa_pipeline.metrics.scores import f1
from qa_pipeline.predictor.fusion import RETRIEVAL_WEIGHT, evidence
from qa_pipeline.predictor.sources import NUM_PASSAGES, FoundPassages
from qa_pipeline.retrieval.index import Index

WEIGHTS = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
PASSAGES = (1, 3, 5, 8, 10, 12)
LEAST = (0.01, 0.02, 0.05, 0.1, 0.2)


@dataclass
class Question:
    """A question, its gold answers (none: it has none), its document, and what was read: a list of passages."""

    text: str
    gold: list[str]
    document: str
    evidence: np.ndarray
    documents: list[str]
    answers: list[Any]
    spans: list[list[tuple[str, float]]]


def main() -> None:
    """Reads, asks and prints."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--documents")
    parser.add_argument("--gold")
    parser.add_argument("--xquad")
    parser.add_argument("--xquad_questions")
    parser.add_argument("--every", type=int, default=1, help="every so manieth question only")
    parser.add_argument("--off_topic", help="a SQuAD file: 60 of its questions, which the folder cannot answer")
    parser.add_argument("--max_words", type=int, default=200)
    parser.add_argument("--max_passages", type=int, default=12)
    parser.add_argument("--no_dense", action="store_true")
    parser.add_argument("--headings", action="store_true", help="show title and headings to the model as well")
    arguments = parser.parse_args()
    documents, rows = _xquad(arguments) if arguments.xquad else _folder(arguments)
    begin = time.perf_counter()
    index = Index.build(documents, dense=not arguments.no_dense, max_words=arguments.max_words)
    print(f"{len(index.names())} documents, {len(index)} passages, indexed in {time.perf_counter() - begin:.1f} s")
    predictor = QAPredictor.from_pretrained(arguments.model, device="cpu")
    begin = time.perf_counter()
    asked = [_read(predictor, index, arguments, *row) for row in rows[:: arguments.every]]
    per_question = (time.perf_counter() - begin) / len(asked)
    print(f"{len(asked)} questions, {per_question:.2f} s each to read {arguments.max_passages} passages")
    _print_answers([one for one in asked if one.gold], predictor)
    _print_silence(asked, predictor)
    if arguments.off_topic:
        off = [(text, [], "") for text, *_ in _questions(arguments.off_topic)[::20][:60]]
        print(f"\n{len(off)} questions off the topic")
        _print_silence([_read(predictor, index, arguments, *row) for row in off], predictor)


def _questions(path: str) -> list[tuple[str, list[str], str]]:
    with open(path, encoding="utf-8") as handle:
        articles = json.load(handle)["data"]
    return [
        (qa["question"], [answer["text"] for answer in qa["answers"]], paragraph["context"])
        for article in articles
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def _xquad(arguments: argparse.Namespace) -> tuple[list[Document], list[tuple[str, list[str], str]]]:
    contexts = list(dict.fromkeys(context for *_, context in _questions(arguments.xquad)))
    names = {context: f"paragraph {number}" for number, context in enumerate(contexts)}
    rows = [(text, gold, names[context]) for text, gold, context in _questions(arguments.xquad_questions)]
    return [Document(context, name) for context, name in names.items()], rows


def _folder(arguments: argparse.Namespace) -> tuple[list[str], list[tuple[str, list[str], str]]]:
    with open(arguments.gold, encoding="utf-8", newline="") as handle:
        rows = list(csv.DictReader(handle))
    return [arguments.documents], [
        (row["question"], [row["answer"]] if row["answer"] else [], row["document"]) for row in rows
    ]


def _read(
    predictor: QAPredictor, index: Index, arguments: argparse.Namespace, text: str, gold: list[str], document: str
) -> Question:
    readings = FoundPassages(index, arguments.max_passages).readings(text)
    heads = [_head(reading.hit.passage) if arguments.headings and reading.hit else "" for reading in readings]
    contexts = [head + reading.text for head, reading in zip(heads, readings, strict=True)]
    rows = [{"question": text, "context": context} for context in contexts]
    answers = list(predictor.predict(rows, progress=False))
    spans = [
        [(span.text, span.score) for span in answer.nbest if span.start >= len(head)]
        for answer, head in zip(answers, heads, strict=True)
    ]
    hits = [reading.hit for reading in readings if reading.hit]
    near = evidence(hits) if hits else np.zeros(0)
    return Question(text, gold, document, near, [reading.name for reading in readings], answers, spans)


def _head(passage: Any) -> str:
    return "\n".join(dict.fromkeys(filter(None, (passage.title, *passage.headings)))) + "\n"


def _best(one: Question, passages: int, weight: float, temperature: float) -> tuple[str, float, int]:
    """The best span: text, fused score (logits), place of its passage."""
    shifts = weight * temperature * one.evidence
    return max(
        (
            (spans[0][0], spans[0][1] + shifts[place], place)
            for place, spans in enumerate(one.spans[:passages])
            if spans
        ),
        key=lambda found: found[1],
        default=("", -np.inf, 0),
    )


def _print_answers(asked: list[Question], predictor: QAPredictor) -> None:
    first = np.mean([one.documents[:1] == [one.document] for one in asked])
    third = np.mean([one.document in list(dict.fromkeys(one.documents))[:3] for one in asked])
    print(f"the search alone: right document first {100 * first:.0f}%, among the first three {100 * third:.0f}%")
    print("F1 of the best span / right document, by passages read (down) and weight of the search (across)")
    print("passages" + "".join(f"{weight:>12g}" for weight in WEIGHTS))
    for passages in PASSAGES:
        cells = []
        for weight in WEIGHTS:
            best = [_best(one, passages, weight, predictor.settings.temperature) for one in asked]
            scores = [max(f1(text, gold) for gold in one.gold) for one, (text, *_) in zip(asked, best, strict=True)]
            right = [one.documents[place] == one.document for one, (*_, place) in zip(asked, best, strict=True)]
            cells.append(f"{100 * np.mean(scores):>6.1f} /{100 * np.mean(right):>3.0f}%")
        print(f"{passages:>8}" + "".join(cells))


def _print_silence(asked: list[Question], predictor: QAPredictor) -> None:
    """How often an answer is given to questions with and without one, by what it takes to be given."""
    settings, weight, passages = predictor.settings, RETRIEVAL_WEIGHT, NUM_PASSAGES
    sure: dict[bool, list[float]] = {True: [], False: []}
    silent: dict[bool, list[bool]] = {True: [], False: []}
    right = []
    for one in asked:
        shifts = weight * settings.temperature * one.evidence[:passages]
        text, score, place = _best(one, passages, weight, settings.temperature)
        # A question none of whose words and sense the search knows has no passage to read.
        joint = predictor.together(one.answers[:passages], shifts=shifts)[place].nbest if one.answers else []
        confidence = max((span.confidence for span in joint if span.text == text), default=0.0)
        has = bool(one.gold)
        sure[has].append(confidence)
        silent[has].append(settings.version_2_with_negative and -score > settings.null_score_diff_threshold)
        if has:
            right.append(max(f1(text, gold) for gold in one.gold))
    for has in (True, False):
        if not sure[has]:
            continue
        shares = ", ".join(f"{least:g}: {100 * np.mean(np.array(sure[has]) >= least):.0f}%" for least in LEAST)
        print(
            f"{len(sure[has])} questions {'with' if has else 'without'} an answer: silent by the threshold "
            f"{100 * np.mean(silent[has]):.0f}%; confidence of the best span at least {shares}"
        )
    if right:
        for least in LEAST:
            kept = np.array(sure[True]) >= least
            if kept.any():
                print(f"  F1 of answers of at least {least:g}: {100 * np.mean(np.array(right)[kept]):.1f}")


if __name__ == "__main__":
    main()
