from __future__ import annotations

import regex
from hypothesis import given
from hypothesis import strategies as st

from qa_pipeline.text.edges import whole_graphemes

PIECES = [
    "a",
    " ",
    "e\u0301\u0323",
    "हिन्दी",
    "क्षेत्र",
    "தமிழ்",
    "Tie\u0302\u0301ng Vie\u0323\u0302t",
    "กำลัง",
    "👩‍👩‍👧",
    "👍🏽",
    "🇫🇷🇩🇪",
]
PIECES += ["한국", "\u1112\u1161\u11ab", "東京", "\u0301", "\u200d", "ﬁ", "\u0600١", "한\u11a8"]


def test_an_answer_keeps_the_marks_of_its_letters():
    for text, part, expected in [
        ("the cafe\u0301 opens", "cafe", "cafe\u0301"),
        ("वह हिन्दी बोलता है", "हिन्द", "हिन्दी"),
        ("அவர் தமிழ் பேசுகிறார்", "தமிழ", "தமிழ்"),
        ("tie\u0302\u0301ng Vie\u0323\u0302t", "Vie\u0323", "Vie\u0323\u0302"),
        ("tie\u0302\u0301ng Vie\u0323\u0302t", "\u0302t", "e\u0323\u0302t"),
        ("คำว่า กำ", "ก", "กำ"),
        ("a 👩‍👩‍👧 b", "👩‍", "👩‍👩‍👧"),
    ]:
        start = text.rindex(part)
        begin, end = whole_graphemes(text, start, start + len(part))
        assert text[begin:end] == expected


@given(text=st.lists(st.sampled_from(PIECES), min_size=1, max_size=8).map("".join), data=st.data())
def test_ends_are_those_of_all_clusters_of_the_text(text, data):
    """Held against the clusters of the whole text."""
    start = data.draw(st.integers(0, len(text) - 1))
    end = data.draw(st.integers(start + 1, len(text)))
    borders = [0, *(match.end() for match in regex.finditer(r"\X", text))]
    first, last = max(b for b in borders if b <= start), min(b for b in borders if b >= end)
    assert whole_graphemes(text, start, end) == (start if text[first].isspace() else first, last)
