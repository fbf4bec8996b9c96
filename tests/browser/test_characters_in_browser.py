"""characters.js: white space and graphemes are those of Python."""

from __future__ import annotations

import random

from qa_pipeline.text.edges import whole_graphemes
from tests.browser.texts import awkward_texts, code_points

WIDEN = """async (cases) => {
  const { wholeGraphemes } = await import("/characters.js");
  return cases.map(([text, start, end]) => wholeGraphemes(text, start, end));
}"""
CUT = """async (text) => {
  const { graphemes } = await import("/characters.js");
  const whole = new Intl.Segmenter("und", { granularity: "grapheme" }).segment(text);
  const listed = (all) => Array.from(all, ({ segment, index }) => [segment, index]);
  return [listed(graphemes(text)), listed(whole)];
}"""
SPACES = """async () => {
  const { isSpace } = await import("/characters.js");
  return Array.from({ length: 0x10000 }, (_, i) => i).filter((i) => isSpace(String.fromCharCode(i)));
}"""


def test_spans_are_widened_as_in_python(visit):
    rng = random.Random(0)
    cases = []
    for text in awkward_texts(seed=3, count=150):
        for _ in range(4):
            start, end = sorted(rng.sample(range(len(text) + 1), 2))
            while start < end and text[start].isspace():
                start += 1
            while start < end and text[end - 1].isspace():
                end -= 1
            if start < end:
                cases.append((text, start, end))
    given = [(text, units(text[:start]), units(text[:end])) for text, start, end in cases]
    widened = visit("empty").evaluate(WIDEN, given)
    for (text, start, end), mine in zip(cases, widened, strict=True):
        count = code_points(text)
        assert (count[mine[0]], count[mine[1]]) == whole_graphemes(text, start, end), (text, start, end)


def units(text):
    return len(text.encode("utf-16-le")) // 2


def test_long_texts_are_cut_into_the_same_characters_as_at_once(visit):
    family = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
    text = "e" + "\u0301" * 1300 + family * 60 + "\U0001f1e9\U0001f1ea" * 200 + "a\r\n" * 300 + "हिन्दी " * 100
    mine, whole = visit("empty").evaluate(CUT, text)
    assert mine == whole


def test_white_space_is_that_of_python(visit):
    spaces = [i for i in range(0x10000) if chr(i).isspace()]
    assert visit("empty").evaluate(SPACES) == spaces
