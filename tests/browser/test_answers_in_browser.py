"""spans.js and reader.js decide as Postprocess and QAPredictor do: the same answers at the same places."""

from __future__ import annotations

import json
import random
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from qa_pipeline import QAPredictor
from qa_pipeline.arguments import QASettings
from qa_pipeline.data import load_examples
from qa_pipeline.postprocess import Postprocess
from tests.browser.exporting import export_onnx, with_settings
from tests.tiny_models import save_tiny

DECIDE = """async (cases) => {
  const { bestSpans, decide } = await import("/spans.js");
  return cases.map(({ text, offsets, windows, settings }) => {
    const { n_best_size: count, max_answer_length: longest, temperature } = settings;
    const limits = { count, longest, temperature };
    const [spans, totals] = [[], []];
    for (const window of windows) {
      const found = bestSpans(new Float32Array(window.starts), new Float32Array(window.stops), window, limits);
      totals.push(found.logTotal);
      for (const { first, last, gap } of found.spans) {
        spans.push({ start: offsets[first][0], end: offsets[last][1], score: gap });
      }
    }
    return decide(text, spans, totals, settings);
  });
}"""
LOAD = """async (folder) => {
  const { Reader } = await import("/reader.js");
  const wasm = new URL("/node_modules/onnxruntime-web/dist/", location.href);
  window.reader = await Reader.load(new URL(folder, location.origin), { wasm });
}"""
ASK_ALL = """async (rows) => {
  const answers = [];
  for (const { question, context } of rows) answers.push(await window.reader.ask(question, context));
  return answers;
}"""

AWKWARD_ROWS = [
    {
        "question": "What is the café called?",
        "context": "The cafe\u0301 is called Chez Ame\u0301lie\u0301 🙂, near the port.",
    },
    {
        "question": "Who came?",
        "context": "\U0001f468\u200d\U0001f469\u200d\U0001f467 came; then Zoe\u0308 with \U0001f1e9\U0001f1ea flags.",
    },
    {
        "question": "日本の首都はどこですか?",
        "context": "東京は日本の首都です。人口は約一千四百万人。\U00020bb7野家もあります。",
    },
    {"question": "When does it open?", "context": "Opening hours:\r\n\r\nMonday\t8:00\u201312:00\r\nTuesday 9:00\r\n"},
    {
        "question": "  Who signed\nit? ",
        "context": "   It was signed by ΟΔΥΣΣΕΥΣ of Ithaca [SEP] in 1895, for 1,234.56€.   ",
    },
    {"question": "किसने लिखा?", "context": "यह पुस्तक हिन्दी में प्रेमचंद ने लिखी थी।"},
    {"question": "why " * 100, "context": "The question is longer than it may be, because of that."},
    {"question": "How long?", "context": "soft\u00adhyphen and zero\u200bwidth take 14\u00a0days."},
]
MANY_WINDOWS = {
    "question": "What did Ada bring from Lisbon?",
    "context": "It rained all day and nobody came. " * 150
    + "Ada brought a box of orange tiles from Lisbon. 🙂 "
    + "The clerk wrote a long report about the weather. " * 100,
}


def assert_same(answers, expected, confidence=1e-4):
    """Texts and places of the answers and of all best spans, and their confidences, are those of Python."""
    for found, answer in zip(answers, expected, strict=True):
        assert (found["text"], found["codePoints"]) == (answer.text, place(answer)), answer.question
        assert found["numWindows"] == answer.num_windows
        assert found["confidence"] == pytest.approx(answer.confidence, abs=confidence)
        assert found["noAnswerConfidence"] == pytest.approx(answer.no_answer_confidence, abs=confidence)
        theirs = {(span.start, span.end): span.confidence for span in answer.nbest}
        mine = {tuple(span["codePoints"]): span["confidence"] for span in found["nbest"]}
        for name in theirs.keys() ^ mine.keys():  # two that are equally good may change places at the end of the list
            assert {**theirs, **mine}[name] == pytest.approx(answer.nbest[-1].confidence, abs=confidence)
        for name in theirs.keys() & mine.keys():
            assert mine[name] == pytest.approx(theirs[name], abs=confidence)


def place(answer):
    return None if answer.start is None else [answer.start, answer.end]


def assert_in_the_text(rows, answers):
    """The places are also those of JavaScript: a text in UTF-16 has them there."""
    for row, answer in zip(rows, answers, strict=True):
        units = row["context"].encode("utf-16-le")
        for span in answer["nbest"]:
            assert units[2 * span["start"] : 2 * span["end"]].decode("utf-16-le") == span["text"]


def random_case(rng):
    """A text of one-letter words, windows with random logits of few different values, and settings."""
    text = "".join(rng.choice("abcdé\u0301 \U0001f642") for _ in range(30)) + "x"
    offsets = [[i, i + 1] for i in range(len(text))]
    windows = []
    for _ in range(rng.randint(1, 3)):
        length = len(text) + 5
        starts, stops = ([rng.choice([-2.0, 0.0, 0.5, 3.25]) for _ in range(length)] for _ in range(2))
        windows.append(
            {"starts": starts, "stops": stops, "begin": 3, "end": rng.choice([3, 4, length - 2]), "nullIndex": 0}
        )
    settings = {
        "n_best_size": rng.choice([1, 3, 20]),
        "max_answer_length": rng.choice([1, 4, 50]),
        "temperature": rng.choice([0.5, 1.0, 2.5]),
        "version_2_with_negative": rng.random() < 0.5,
        "null_score_diff_threshold": rng.choice([-6.0, 0.0, 2.0]),
    }
    return {"text": text, "offsets": offsets, "windows": windows, "settings": settings}


def decided_by_python(case):
    postprocess = Postprocess(QASettings(**case["settings"]))
    windows = case["windows"]
    batch = {name: torch.tensor([w[key] for w in windows]) for name, key in NAMES.items()}
    batch["window_index"] = torch.arange(len(windows))
    logits = (torch.tensor([window[name] for window in windows]) for name in ("starts", "stops"))
    table = SimpleNamespace(
        example_index=np.zeros(len(windows), dtype=int),
        offset_begin=np.zeros(len(windows), dtype=int),
        offsets=np.array(case["offsets"]),
    )
    row = {"id": "1", "context": case["text"]}
    (prediction,) = postprocess.predictions([row], table, postprocess.reduce(*logits, batch))
    return prediction


NAMES = {"context_begin": "begin", "context_end": "end", "null_index": "nullIndex"}


def test_answers_to_given_logits_are_those_of_postprocess(visit):
    rng = random.Random(0)
    cases = [random_case(rng) for _ in range(200)]
    in_browser = [
        case | {"offsets": [[len(case["text"][:i].encode("utf-16-le")) // 2 for i in pair] for pair in case["offsets"]]}
        for case in cases
    ]
    found = visit("empty").evaluate(DECIDE, in_browser)
    for mine, case in zip(found, cases, strict=True):
        wanted = decided_by_python(case)
        assert (mine["text"], mine["codePoints"]) == (wanted.text, place(wanted))
        assert mine["confidence"] == pytest.approx(wanted.confidence, abs=1e-5)
        assert mine["noAnswerConfidence"] == pytest.approx(wanted.null_confidence, abs=1e-5)
        assert [span["codePoints"] for span in mine["nbest"]] == [[span.start, span.end] for span in wanted.nbest]
        assert [s["confidence"] for s in mine["nbest"]] == pytest.approx([s.confidence for s in wanted.nbest], abs=1e-5)


def test_logits_that_are_no_numbers_are_an_error(visit):
    case = random_case(random.Random(1))
    case["windows"][0]["end"] = 10
    case["windows"][0]["stops"][5] = float("nan")
    with pytest.raises(Exception, match="logits are NaN, infinite or too large"):
        visit("empty").evaluate(DECIDE, [case])


@pytest.fixture(scope="module")
def warm_page(warm, visit):
    """A page whose `reader` is the package's own trained weights."""
    page = visit("empty")
    page.evaluate(LOAD, warm[1])
    return page


def test_a_trained_model_answers_as_in_python(warm, warm_page):
    predictor, page = warm[0], warm_page
    rows = [*AWKWARD_ROWS, MANY_WINDOWS]
    answers = page.evaluate(ASK_ALL, rows)
    expected = list(predictor.predict(rows))
    assert expected[-1].num_windows > 5 and "orange tiles" in expected[-1].text
    assert_same(answers, expected)
    assert_in_the_text(rows, answers)
    assert [answer["questionTruncated"] for answer in answers] == [row["question"].startswith("why") for row in rows]


@pytest.mark.slow
def test_answers_to_public_questions_are_those_of_python(warm, warm_page, real_data):
    predictor, page = warm[0], warm_page
    rows = []
    for language, count in (("en", 60), ("de", 20), ("zh", 20)):
        rows += random.Random(0).sample(load_examples(real_data / "xquad" / f"xquad.{language}.json")[0], count)
    answers = page.evaluate(ASK_ALL, [{name: row[name] for name in ("question", "context")} for row in rows])
    assert_same(answers, list(predictor.predict(rows)))
    assert_in_the_text(rows, answers)


SLOW_FAMILIES = ("distilbert", "deberta_v2", "xlm_roberta", "modernbert", "albert")
FAMILIES = ["bert", "roberta", *(pytest.param(family, marks=pytest.mark.slow) for family in SLOW_FAMILIES)]


@pytest.mark.parametrize("family", FAMILIES)
def test_models_of_many_families_that_may_give_no_answer_decide_as_in_python(family, models, visit, tmp_path):
    name = save_tiny(family, tmp_path / family)
    limits = {"max_seq_length": 64, "doc_stride": 16, "max_question_length": 24, "temperature": 1.7}
    limits |= {"version_2_with_negative": True, "null_score_diff_threshold": 0.5}
    predictor = QAPredictor.from_pretrained(name, device="cpu", dtype="float32", allow_new_head=True, **limits)
    export_onnx(predictor, models / family)
    page = visit("empty")
    page.evaluate(LOAD, f"models/{family}")
    answers = page.evaluate(ASK_ALL, AWKWARD_ROWS)
    expected = list(predictor.predict(AWKWARD_ROWS))
    assert_same(answers, expected)
    assert_in_the_text(AWKWARD_ROWS, answers)
    assert json.loads((models / family / "export.json").read_text())["head_untrained"]


def test_answers_that_are_shown_overlap_no_better_one_and_no_answer_comes_first(visit, warm, models):
    unsure = with_settings(models, "unsure", version_2_with_negative=True, null_score_diff_threshold=-1000.0)
    page = visit("empty")
    page.evaluate(LOAD, unsure)
    (answer,) = page.evaluate(ASK_ALL, [AWKWARD_ROWS[0]])
    assert answer["start"] is None and answer["text"] == "" and answer["confidence"] == answer["noAnswerConfidence"]
    assert [span["start"] is None for span in answer["answers"]] == [True] + [False] * (len(answer["answers"]) - 1)
    given = sorted((span["start"], span["end"]) for span in answer["answers"][1:])
    assert given and all(left[1] <= right[0] for left, right in zip(given, given[1:], strict=False))


@pytest.mark.parametrize(("question", "context", "name"), [("  ", "text", "question"), ("who", "\x85\n", "context")])
def test_blank_texts_are_refused(question, context, name, warm_page):
    with pytest.raises(Exception, match=f"the {name} is empty; write one"):
        warm_page.evaluate(ASK_ALL, [{"question": question, "context": context}])
