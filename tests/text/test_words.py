from __future__ import annotations

import pytest

from qa_pipeline.text.words import stretch_around


@pytest.mark.parametrize(
    ("text", "answer", "stretch"),
    [
        ("One. Two is 2.5 m wide. Three.", "wide", "Two is 2.5 m wide."),
        ("No stop at all", "stop", "No stop at all"),
        ("A list\nits second line\nits third", "second", "its second line"),
        ("Is it? It is! Yes.", "It is", "It is!"),
        (
            "\u4eca\u65e5\u306f\u6674\u308c\u3002\u660e\u65e5\u306f\u96e8\u3002",
            "\u96e8",
            "\u660e\u65e5\u306f\u96e8\u3002",
        ),
    ],
)
def test_the_stretch_between_stops_holds_the_answer(text, answer, stretch):
    start = text.index(answer)
    assert stretch_around(text, start, start + len(answer)) == stretch
