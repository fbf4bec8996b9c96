"""What two filters of `generate` find: wrong answers and near-duplicates are planted among human questions.

    QA_REAL_DATA=DIR python benchmarks/filters_worth.py --reader runs/policyqa_full [--data policyqa/validation.json]
        [--wrong 0.25] [--duplicates 0.2] [--seed 0]

- wrong answers: a share of the questions gets another answer of its context: half of them one that people gave to
  another question about it, half a stretch of as many words from anywhere; neither touches a right answer. The round
  trip (a trained reader, which must not have seen these documents) is to find them: precision, recall, and the share
  of right rows that is lost, for several F1 that the reader's answer must reach.
- near-duplicates: variants of a share of the questions, as people and models vary them (case, politeness, order, a
  letter more). Found is counted, and what goes of the questions themselves: people repeat themselves too.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qa_pipeline.data import load_examples
from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.generation.dedup import drop_duplicates
from qa_pipeline.generation.filters import agrees, make_reader
from qa_pipeline.generation.types import Row
from tests.generation.test_planted_noise import with_near_duplicates

LEAST_F1 = (0.0, 0.2, 0.5, 0.8)
THRESHOLD = 0.7


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reader", required=True, help="a trained model that has not seen the documents")
    parser.add_argument("--data", default="policyqa/validation.json", help="file in QA_REAL_DATA")
    parser.add_argument("--wrong", type=float, default=0.25, help="share of wrong answers")
    parser.add_argument("--duplicates", type=float, default=0.2, help="share of near-duplicates")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    if "QA_REAL_DATA" not in os.environ:
        raise SystemExit("set QA_REAL_DATA to the folder that holds policyqa/ and xquad/")
    examples, _ = load_examples(Path(os.environ["QA_REAL_DATA"]) / arguments.data)
    rng = random.Random(arguments.seed)
    line: dict[str, Any] = {"benchmark": "filters_worth", **vars(arguments)}
    line["near_duplicates"] = near_duplicates(examples, arguments.duplicates, rng)
    line["round_trip"] = round_trip(examples, arguments.wrong, arguments.reader, rng)
    print(json.dumps(line))


def near_duplicates(examples: list[Any], share: float, rng: random.Random) -> dict[str, int]:
    """How many variants were planted and found, and how many questions of people went."""
    rows = [row_of(example) for example in examples if not example["is_impossible"]]
    every, planted = with_near_duplicates(rows, share, rng)
    kept, _ = drop_duplicates(sorted(every, key=lambda row: row.key in planted), THRESHOLD)
    alone, _ = drop_duplicates(rows, THRESHOLD)
    left = {row.key for row in kept}
    return {
        "questions": len(rows),
        "planted": len(planted),
        "found": len(planted - left),
        "questions_removed": len({row.key for row in rows} - left),
        "questions_removed_without_planting": len(rows) - len(alone),
    }


def round_trip(examples: list[Any], share: float, reader: str, rng: random.Random) -> dict[str, Any]:
    """Precision and recall on wrong rows, and the share of right ones that is lost, in percent, by least F1."""
    answerable = [example for example in examples if not example["is_impossible"]]
    of_context: dict[str, list[Any]] = {}
    for example in answerable:
        of_context.setdefault(example["context"], []).append(example)
    rows = [row_of(example) for example in answerable]
    wrong: set[int] = set()
    for number in rng.sample(range(len(rows)), len(rows)):
        if len(wrong) >= share * len(rows):
            break
        example = answerable[number]
        found = wrong_answer(example, of_context[example["context"]], rng, of_people=len(wrong) % 2 == 0)
        if found is not None:
            rows[number] = row_of(example, found)
            wrong.add(number)
    answers = make_reader(reader)(rows)
    result: dict[str, Any] = {"rows": len(rows), "wrong": len(wrong)}
    for least in LEAST_F1:
        refused = {
            i for i, (row, answer) in enumerate(zip(rows, answers, strict=True)) if not agrees(row, answer, least)
        }
        hits = len(refused & wrong)
        result[f"least_f1={least:g}"] = {
            "precision": round(100 * hits / max(1, len(refused)), 1),
            "recall": round(100 * hits / max(1, len(wrong)), 1),
            "right_rows_lost": round(100 * len(refused - wrong) / (len(rows) - len(wrong)), 1),
            "wrong_among_kept": round(100 * (len(wrong) - hits) / max(1, len(rows) - len(refused)), 1),
        }
    return result


def wrong_answer(example: Any, others: list[Any], rng: random.Random, *, of_people: bool) -> tuple[str, int] | None:
    """A text and its place that touch no right answer, or None where there is none."""
    text, right = example["context"], list(places(example))
    length = len(example["answers"]["text"][0].split())
    if of_people:
        candidates = [place for other in others for place in places(other)]
    else:
        begins = [i for i in range(len(text)) if not text[i].isspace() and (i == 0 or text[i - 1].isspace())]
        candidates = []
        for first, begin in enumerate(begins[: len(begins) - length + 1]):
            last = begins[first + length - 1]
            candidates.append((begin, last + len(text[last:].split(maxsplit=1)[0])))
    free = [(begin, end) for begin, end in candidates if all(end <= a or b <= begin for a, b in right)]
    if not free:
        return None
    begin, end = rng.choice(free)
    return text[begin:end], begin


def places(example: Any) -> list[tuple[int, int]]:
    """Begin and end of each answer."""
    answers = example["answers"]
    return [(start, start + len(text)) for text, start in zip(answers["text"], answers["answer_start"], strict=True)]


def row_of(example: Any, answer: tuple[str, int] | None = None) -> Row:
    """A row of the generator with the first answer of an example, or with another one."""
    document, text = example["title"], example["context"]
    passage = Passage(passage_id(document, text), document, text)
    found, start = answer or (example["answers"]["text"][0], example["answers"]["answer_start"][0])
    return Row(passage, example["question"], found, start, "human")


if __name__ == "__main__":
    main()
