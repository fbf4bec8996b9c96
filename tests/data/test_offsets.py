"""How a source counts its offsets is found out from all its rows, and from none alone."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qa_pipeline.data import load_examples
from qa_pipeline.data.example import LooseAnswer, LooseExample
from qa_pipeline.data.offsets import BYTES, PLAIN, UTF16, WORDS, Counting, weigh
from qa_pipeline.errors import DataError
from tests.data.made import check_invariant

CONTEXT = "🎉 Café Öhm opens at nine.\r\nTea &amp; cake cost 4 euros, tea alone 3 euros.\r\nThe yard 🌳 closes at ten."
ANSWERS = ["Café Öhm", "nine", "4 euros", "3 euros", "The yard", "ten"]


def example(context: str, *answers: LooseAnswer, **more: Any) -> LooseExample:
    return LooseExample("x.json, row 1", None, context, "q?", list(answers), **more)


def counted(unit: str, base: int, inclusive: bool) -> list[tuple[int, int]]:
    """Where the answers stand, counted in another way: by encoding or rewriting the text before them."""

    def number(text: str) -> int:
        rewritten = {
            "characters": text,
            "bytes": text.encode(),
            "utf16": text.encode("utf-16-le")[::2],
            "crlf_as_one": text.replace("\r\n", "\n"),
            "unescaped_html": text.replace("&amp;", "&"),
        }
        return len(rewritten[unit]) + base

    found = []
    for answer in ANSWERS:
        begin = CONTEXT.index(answer)
        found.append((number(CONTEXT[:begin]), number(CONTEXT[: begin + len(answer)]) - inclusive))
    return found


CHARACTER_UNITS = ["characters", "bytes", "utf16", "crlf_as_one", "unescaped_html"]


@pytest.mark.parametrize("unit", CHARACTER_UNITS)
@pytest.mark.parametrize("base", [0, 1])
@pytest.mark.parametrize("with_text", [True, False])
@pytest.mark.parametrize("inclusive", [False, True])
def test_every_unit_base_and_end_is_told_from_the_rows(tmp_path, unit, base, with_text, inclusive):
    if base and unit in ("crlf_as_one", "unescaped_html"):
        pytest.skip("not tried: no tool is known that counts so from 1")
    rows = [
        {"id": i, "context": CONTEXT, "question": f"{i}?", "start": start, "end": end, "text": answer}
        for i, (answer, (start, end)) in enumerate(zip(ANSWERS, counted(unit, base, inclusive), strict=True))
    ]
    if not with_text:
        for row in rows:
            del row["text"]
    mapping = {"context": "context", "question": "question", "answers.start": "start", "answers.end": "end"}
    mapping |= {"answers.text": "text"} if with_text else {}
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    examples, report = load_examples(path, field_mapping=mapping)
    check_invariant(examples)
    assert [example["answers"]["text"] for example in examples] == [[answer] for answer in ANSWERS]
    assert [example["answers"]["answer_start"][0] for example in examples] == [CONTEXT.index(a) for a in ANSWERS]
    written = report.field_mapping
    assert (written.get("offset_unit", "characters"), written.get("offset_base", 0)) == (unit, base)
    assert written.get("inclusive_end", False) is inclusive
    assert "6 of 6" in report.offsets and "answer offsets" in report.table()
    # What was found out can be pasted, and gives the same again.
    again, _ = load_examples(path, field_mapping=written)
    assert again == examples


@given(
    context=st.text(alphabet="aé 😀中\n", min_size=1, max_size=30),
    unit=st.sampled_from([BYTES, UTF16]),
    data=st.data(),
)
@settings(max_examples=300, deadline=None)
def test_a_place_in_bytes_or_utf16_units_is_the_character_whose_encoding_begins_there(context, unit, data):
    place = data.draw(st.integers(0, len(context)))
    encoding, size = ("utf-8", 1) if unit == BYTES else ("utf-16-le", 2)
    offset = len(context[:place].encode(encoding)) // size
    assert Counting(unit).start(context, offset) == place
    length = len(context.encode(encoding)) // size
    assert Counting(unit).start(context, length + 1) is None
    starts = {len(context[:i].encode(encoding)) // size for i in range(len(context) + 1)}
    for inside in set(range(length + 1)) - starts:
        assert Counting(unit).start(context, inside) is None


def test_one_row_that_fits_by_chance_does_not_decide_against_the_others():
    context = "🌞🌞 9° and 9° and 7°"
    utf16 = [example(context, LooseAnswer(text, start)) for text, start in (("9°", 5), ("9°", 12), ("7°", 19))]
    assert context.startswith("9°", 10) and not context.startswith("9°", 12)
    assert weigh(utf16).counting == Counting(UTF16)
    plain = [example(context, LooseAnswer(text, start)) for text, start in (("9°", 3), ("9°", 10), ("7°", 17))]
    assert weigh(plain).counting == PLAIN


def test_a_few_faults_among_right_offsets_change_nothing():
    context = "Tea costs 4 euros, cake 3 euros."
    rows = [example(context, LooseAnswer("4 euros", 10)) for _ in range(9)] + [
        example(context, LooseAnswer("cake", 20)),
        example(context, LooseAnswer("3 euros", 25)),
    ]
    evidence = weigh(rows)
    assert evidence.counting == PLAIN and (evidence.fitting, evidence.answers) == (9, 11)


def test_offsets_that_all_claim_one_place_are_not_used():
    context = "Built in 1976. Moved in 1976, painted blue."
    rows = [example(context, LooseAnswer(text, 0)) for text in ("1976", "blue", "painted")]
    assert not weigh(rows).counting.trusted
    assert weigh([example("Blue is it.", LooseAnswer("Blue", 0))] * 4).counting == PLAIN


@pytest.mark.parametrize(
    ("context", "texts"),
    [
        ("北京是首都。它位于华北。人口很多。故宫在市中心。", ["北京是首都。", "它位于华北。", "人口很多。"]),
        ('He: "Who are you?" She: "I am Ann." He: "Why now?" No.', ["Who are you?", "I am Ann.", "Why now?"]),
        ("Mustafa Kemal Selanikte doğdu. Ankarada yaşadı. Cumhuriyet 1923te kuruldu.", ["Selanik", "Ankara", "1923"]),
    ],
)  # fmt: skip
def test_sentences_and_stems_are_right_spans_as_they_are(tmp_path, context, texts):
    rows = [
        {"context": context, "question": text, "start": context.index(text), "end": context.index(text) + len(text)}
        for text in texts
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    examples, _ = load_examples(path)
    assert [e["answers"]["text"] for e in examples] == [[text] for text in texts]


def test_a_reading_that_few_answers_fit_is_not_taken():
    """Contexts that lost two characters: one answer stands by chance where its offset points in bytes."""
    first = "Über München schrieb Ann Lee ein Buch, das 1957 erschien."
    second = "Größere Städte führten höhere Zölle ein: Köln 1850, Köln 1860, Köln 1870, Köln 1880."
    rows = [
        example(first, LooseAnswer("Ann Lee", first.index("Ann Lee") + 2)),
        *(example(second, LooseAnswer("Köln", second.index(f"Köln {year}") + 2)) for year in (1850, 1870, 1880)),
    ]
    assert weigh(rows).counting == PLAIN


def test_spans_in_words_are_read_as_words_where_characters_cut_them():
    context = "Minister Ana Roth met the mayor of Oslo"
    rows = [example(context, LooseAnswer(None, start, end)) for start, end in ((1, 2), (7, 7), (0, 0))]
    assert weigh(rows).counting == Counting(WORDS, inclusive=True)


def test_spans_that_cut_words_however_they_are_counted_are_refused_with_what_to_say(tmp_path):
    context = "The lift holds eight people and the stairs hold more."
    rows = [
        {"context": context, "question": f"{i}?", "start": start, "end": start + 4}
        for i, start in enumerate((6, 11, 17, 23, 37, 45))
    ]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(DataError, match=r"6 of 6 answer spans cut words.*\"offset_unit\" \(characters, bytes, utf16"):
        load_examples(path)
    mapping = {"context": "context", "question": "question", "answers.start": "start", "answers.end": "end"}
    examples, report = load_examples(path, field_mapping={**mapping, "offset_unit": "characters"})
    assert len(examples) == 6 and examples[0]["answers"] == {"text": [context[6:10].strip()], "answer_start": [6]}


def test_spans_that_begin_inside_words_here_and_there_are_refused_and_single_ones_are_noticed(tmp_path):
    context = "The lift holds eight people. The gard is here, the vaccine too, open 8 am."
    whole = [(0, 8), (29, 37), (47, 58)]
    cut = [(10, 20), (22, 31), (39, 50), (48, 57), (6, 12), (5, 11), (17, 24)]
    rows = [{"context": context, "question": f"{i}?", "start": s, "end": e} for i, (s, e) in enumerate([*whole, *cut])]
    path = tmp_path / "rows.json"
    path.write_text(json.dumps(rows))
    with pytest.raises(DataError, match="answer spans cut words"):
        load_examples(path)
    path.write_text(json.dumps([*rows[:3], rows[9]]))
    examples, report = load_examples(path)
    assert len(examples) == 4 and report.noticed["span_cuts_word"] == 1
    assert "span 17 to 24 is" in report.details["span_cuts_word"][0]


def test_the_unit_of_a_tool_is_taken_where_the_rows_do_not_decide(tmp_path):
    """Label Studio counts UTF-16 units; in Japanese no edge of a span shows it."""
    context = "😀橋は1932年に完成した。"
    value = {"start": context.index("1932年") + 1, "end": context.index("1932年") + 6, "labels": ["Answer"]}
    task = {
        "id": 1,
        "data": {"text": context, "question": "橋はいつ完成したか。"},
        "annotations": [{"result": [{"id": "r", "type": "labels", "value": value}]}],
    }
    path = tmp_path / "export.json"
    path.write_text(json.dumps([task]))
    examples, report = load_examples(path)
    assert examples[0]["answers"] == {"text": ["1932年"], "answer_start": [3]}
    assert report.offsets.startswith("UTF-16 units from 0")
