"""Headings, tables and lists are found in every format, in characters of the text that is read."""

from __future__ import annotations

import io

import pytest

from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import Document, blocks_of, read_document
from tests.data.made import write_document
from tests.documents.test_pdf import draw
from tests.documents.test_reading import make_pdf

BODY = "The workshop is open to all members on weekdays from nine until five, and on Saturdays from ten. "


def headings(document: Document) -> list[tuple[str, int]]:
    """The headings, each with its depth from 0, which must stand where they say."""
    found = [block for block in blocks_of(document) if block.kind == "heading"]
    levels = sorted({block.level for block in found})
    for block in found:
        assert all(word in document.text[block.start : block.end] for word in block.title.split())
    return [(block.title, levels.index(block.level)) for block in found]


def kinds(document: Document) -> list[tuple[str, str]]:
    """Tables and lists with their texts."""
    return [(each.kind, document.text[each.start : each.end]) for each in blocks_of(document) if each.kind != "heading"]


# Plain text


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("# Rules\n\nText.\n\n## Fees ##\nMore.", [("Rules", 0), ("Fees", 1)]),
        ("Rules\n=====\n\nText.\n\nFees\n----\n\nMore.", [("Rules", 0), ("Fees", 1)]),
        ("Rules\r\n~~~~~\r\n\r\nText.\r\n", [("Rules", 0)]),
        ("= Rules\n\nText.\n\n== Fees\n\nMore.", [("Rules", 0), ("Fees", 1)]),
        ("1. What\n\nT.\n\n1.1 Boats\n\nMore.\n\n2. Fees\n\n.", [("1. What", 0), ("1.1 Boats", 1), ("2. Fees", 0)]),
        ("Article 5\n\nText.\n\n§ 6 Kündigung\n\nText.", [("Article 5", 0), ("§ 6 Kündigung", 0)]),
        ("```\n# a comment\n```\n\nText.", []),
        ("1. Wash your hands\n\n2. Dry them\n\n3. Go home", []),
        ("1. Wash your hands.\n\nThen dry them.", []),
        ("The 2. try\n\nText.", []),
        ("Dear Bob\n\nthe fee is due.\n\nYours\n\nAda", []),
        ("Text above\nUnderlined? no\n-\n", []),
        ("a\n\n---\n\nb", []),
        ("# " + "word " * 40 + "\n\nText.", []),
    ],
)  # fmt: skip
def test_headings_of_plain_text_are_marked(text, found):
    assert headings(Document(text, "a.txt")) == found


def test_lines_that_stand_alone_again_and_again_are_headings_of_plain_text():
    parts = ["NOTICE\nof 4 May", *(f"{title}\n\n{BODY * 2}" for title in ("Hours", "Who pays", "Late fees"))]
    assert headings(Document("\n\n".join(parts), "a.txt")) == [("Hours", 0), ("Who pays", 0), ("Late fees", 0)]
    assert headings(Document("\n\n".join(parts[:3]), "a.txt")) == []  # two may be a chance


def test_tables_and_lists_of_plain_text_are_found():
    text = "Fees:\n\n- one\n  and more\n- two\n\nThen:\n\nA | B\nC | D\n\n| a | b |\n|---|---|\n| c | d |\n"
    assert kinds(Document(text, "a.txt")) == [
        ("list", "- one\n  and more\n- two"),
        ("table", "A | B\nC | D"),
        ("table", "| a | b |\n|---|---|\n| c | d |"),
    ]


def test_a_line_of_signs_is_looked_at_at_once():
    for text in ("# a" + "#" * 200_000 + "b", "=" * 200_000, "-" * 100_000 + "\n" + "-" * 100_000, "1." * 100_000):
        assert blocks_of(Document(text, "a.txt")) == ()


# Markdown


def test_headings_of_markdown_are_those_that_it_shows(tmp_path):
    text = (
        "---\ntitle: x\n---\n# The *big* [rules](a.md)\r\n\nSetext `here`\n---\n\n    # code\n\n~~~\n# code\n~~~\n\n"
        "> # quoted\n\n- # in a list\n\n### Deep\n\ntext\n"
    )
    document = read_document(write_document(tmp_path, "a.md", text))
    assert headings(document) == [("The big rules", 0), ("Setext here", 1), ("Deep", 2)]


def test_tables_and_lists_of_markdown_have_their_rows_and_items(tmp_path):
    text = "Fees:\n\n1. one\n\n   - inner\n2. two\n\n| a | b |\n|---|---|\n| c | d |\n| e | f |\n"
    document = read_document(write_document(tmp_path, "a.md", text))
    assert kinds(document) == [("list", "1. one\n\n   - inner\n2. two"), ("table", text[text.index("|") :].strip())]
    items, rows = (block.parts for block in document.blocks)
    assert [document.text[place : place + 4] for place in items] == ["1. o", "2. t"]
    assert [document.text[place : place + 5] for place in rows] == ["| a |", "| c |", "| e |"]
    assert document.text[: document.blocks[1].header].endswith("| a | b |")


# HTML


def test_headings_tables_and_lists_of_html(tmp_path):
    page = f"""<html><body><nav><h2>Menu</h2></nav><h1>Fees  of <b>boats</b></h1><p>{BODY}</p>
      <table><tr><th>Craft</th><th>Fee</th></tr><tr><td>Boat</td><td>4</td></tr><tr><td>Car</td><td>5</td></tr></table>
      <h3><button>Who pays?</button></h3><ul><li>one <ul><li>inner</li></ul></li><li>two</li></ul>
      <table><tr><td><h2>In the layout</h2>text</td><td>beside</td></tr></table></body></html>"""
    document = read_document(write_document(tmp_path, "a.html", page))
    assert [title for title, _ in headings(document)] == ["Fees of boats", "Who pays?", "In the layout"]
    assert kinds(document) == [("table", "Craft | Fee\nBoat | 4\nCar | 5"), ("list", "one\n\ninner\n\ntwo")]
    table, items = (block for block in document.blocks if block.kind != "heading")
    assert document.text[table.start : table.header] == "Craft | Fee"
    assert [document.text[place : place + 3] for place in items.parts] == ["one", "two"]


# Word


def make_word(build) -> bytes:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    build(document)
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


def test_headings_of_word_are_styles_outline_levels_and_what_is_based_on_them(tmp_path):
    def build(document):
        from docx.enum.style import WD_STYLE_TYPE
        from docx.oxml import parse_xml
        from docx.oxml.ns import nsdecls

        document.add_heading("Handbook", 0)
        document.add_heading("Fees", 1)
        document.add_paragraph(BODY)
        own = document.styles.add_style("Überschrift des Hauses", WD_STYLE_TYPE.PARAGRAPH)
        own.base_style = document.styles["Heading 2"]
        document.add_paragraph("Boats", style=own)
        document.add_paragraph(BODY)
        level = parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="0"/>')
        document.add_paragraph("Hours")._p.get_or_add_pPr().append(level)
        body = parse_xml(f'<w:outlineLvl {nsdecls("w")} w:val="9"/>')
        document.add_paragraph("No heading", style="Heading 1")._p.get_or_add_pPr().append(body)
        document.add_paragraph().add_run("Bold, but others are headings").bold = True
        document.add_paragraph(BODY)

    document = read_document(write_document(tmp_path, "a.docx", make_word(build)))
    assert headings(document) == [("Handbook", 0), ("Fees", 1), ("Boats", 2), ("Hours", 1)]


def test_short_paragraphs_in_bold_are_headings_of_a_word_file_that_has_no_others(tmp_path):
    def build(document):
        for title in ("Rent", "Pets"):
            document.add_paragraph().add_run(title).bold = True
            document.add_paragraph(BODY).add_run(" Important!").bold = True
        document.add_paragraph().add_run("This is said in bold and ends a sentence.").bold = True
        document.add_paragraph(BODY)

    document = read_document(write_document(tmp_path, "a.docx", make_word(build)))
    assert headings(document) == [("Rent", 0), ("Pets", 0)]


def test_tables_and_lists_of_word(tmp_path):
    def build(document):
        from docx.oxml import parse_xml
        from docx.oxml.ns import nsdecls

        document.add_paragraph("The fee covers:")
        for item in ("water", "light"):
            document.add_paragraph(item, style="List Bullet")
        table = document.add_table(rows=3, cols=2)
        for row, texts in zip(table.rows, (("Boat", "4"), ("Sum", "5"), ("Car", "6")), strict=True):
            for cell, text in zip(row.cells, texts, strict=True):
                cell.text = text
        header = parse_xml(f"<w:trPr {nsdecls('w')}><w:tblHeader/></w:trPr>")
        table.rows[0]._tr.insert(0, header)

    document = read_document(write_document(tmp_path, "a.docx", make_word(build)))
    assert kinds(document) == [("list", "water\nlight"), ("table", "Boat | 4\nSum | 5\nCar | 6")]
    assert document.text[document.blocks[1].start : document.blocks[1].header] == "Boat | 4"


def test_a_short_word_file_with_headings_is_several_passages(tmp_path):
    def build(document):
        document.add_heading("Handbook", 0)
        for title in ("Hours", "Fees", "Pets"):
            document.add_heading(title, 1)
            document.add_paragraph(BODY * 3)

    document = read_document(write_document(tmp_path, "a.docx", make_word(build)))
    assert [passage.headings[-1] for passage in cut_document(document)] == ["Hours", "Fees", "Pets"]


# PDF


def sized(*lines: tuple[int, int, str]) -> list[str]:
    """Lines for `make_pdf`: (size, points from the bottom, text)."""
    return [f") Tj ET BT /F1 {size} Tf 1 0 0 1 72 {y} Tm ({text}" for size, y, text in lines]


def body(top: int, count: int = 3) -> list[tuple[int, int, str]]:
    return [(10, top - 12 * number, BODY.strip()) for number in range(count)]


def test_headings_of_a_pdf_are_larger_than_its_body(tmp_path):
    first = sized(
        (20, 800, "Handbook of the) Tj 0 -24 Td (workshop"), (14, 740, "Hours"), *body(720), (14, 660, "Fees")
    )
    second = sized(*body(800), (14, 740, "Pets"), *body(720))
    document = read_document(write_document(tmp_path, "a.pdf", make_pdf(first, second)))
    assert headings(document) == [("Handbook of the workshop", 0), ("Hours", 1), ("Fees", 1), ("Pets", 1)]
    assert [passage.headings[-1] for passage in cut_document(document)] == ["Hours", "Fees", "Pets"]
    assert [passage.page for passage in cut_document(document)] == [1, 1, 2]


def test_a_pdf_of_one_size_has_no_headings(tmp_path):
    pages = sized(*body(800), (10, 700, "Hours"), *body(680))
    assert headings(read_document(write_document(tmp_path, "a.pdf", make_pdf(pages)))) == []


def test_large_letters_that_are_most_of_a_pdf_are_its_body(tmp_path):
    lines = sized((10, 800, "small print"), *((20 + n % 2, 780 - 30 * n, f"Large line {n}") for n in range(12)))
    assert headings(read_document(write_document(tmp_path, "a.pdf", make_pdf(lines)))) == []


def test_bookmarks_of_a_pdf_are_its_headings(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    pages = [sized(*body(800), (10, 700, "1 Hours"), *body(680)), sized((10, 800, "1.1 Summer"), *body(680))]
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf(*pages)))
    above = writer.add_outline_item("Hours", 0)
    writer.add_outline_item("1.1  Summer", 1, parent=above)
    stream = io.BytesIO()
    writer.write(stream)
    document = read_document(write_document(tmp_path, "a.pdf", stream.getvalue()))
    assert headings(document) == [("1 Hours", 0), ("1.1 Summer", 1)]


def test_bookmarks_to_another_text_are_no_headings(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf(sized(*body(800), (10, 700, "Hours")))))
    for title in ("Hours", "Scan 1", "Scan 2"):
        writer.add_outline_item(title, 0)
    stream = io.BytesIO()
    writer.write(stream)
    assert headings(read_document(write_document(tmp_path, "a.pdf", stream.getvalue()))) == []


def test_a_table_of_a_pdf_keeps_its_header(tmp_path):
    rows = [("Craft", "Fee", "Deposit"), *((f"Boat {n}", f"{n} EUR", f"{2 * n} EUR") for n in range(30))]
    cells = [(72 + 130 * c, 800 - 20 * r, text) for r, row in enumerate(rows) for c, text in enumerate(row)]
    document = read_document(write_document(tmp_path, "a.pdf", make_pdf(draw(cells))))
    passages = cut_document(document, 80)
    assert len(passages) > 2 and {passage.lead for passage in passages[1:]} == {"Craft | Fee | Deposit"}
