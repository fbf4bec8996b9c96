"""Slides, sheets, books and e-mails are documents: what is shown is text, what is left out is said."""

from __future__ import annotations

import builtins
import datetime
import io
import logging
import zipfile
from email.message import EmailMessage

import pytest

from qa_pipeline.documents.number_formats import shown
from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import Document, read_document, read_documents
from qa_pipeline.errors import DataError
from tests.data.made import write_document
from tests.documents.test_headings import headings, kinds
from tests.documents.test_reading import make_docx

# Slides


def make_slides() -> bytes:
    pptx = pytest.importorskip("pptx")
    slides = pptx.Presentation()
    slides.core_properties.title = "Talk"
    slide = slides.slides.add_slide(slides.slide_layouts[1])
    slide.shapes.title.text = "Opening hours"
    slide.placeholders[1].text = "Mon to Fri 9-5\nSat 10-1"
    slide.notes_slide.notes_text_frame.text = "In August we close at noon."
    slide = slides.slides.add_slide(slides.slide_layouts[5])
    slide.shapes.title.text = "Fees"
    slide.element.set("show", "0")
    group = slide.shapes.add_group_shape()
    for left, text in ((3_000_000, "right"), (0, "left")):
        group.shapes.add_textbox(left, 3_000_000, 1_000_000, 100_000).text_frame.text = text
    table = slide.shapes.add_table(2, 2, 0, 2_000_000, 5_000_000, 900_000).table
    for row, texts in enumerate((("Craft", "Fee"), ("Boat", "40"))):
        for column, text in enumerate(texts):
            table.cell(row, column).text = text
    stream = io.BytesIO()
    slides.save(stream)
    return stream.getvalue()


def test_slides_are_pages_with_their_titles_notes_and_tables(tmp_path):
    document = read_document(write_document(tmp_path, "talk.pptx", make_slides()))
    assert document.title == "Talk"
    assert [document.text[page.start : page.end] for page in document.pages] == [
        "Opening hours\nMon to Fri 9-5\nSat 10-1\n\nIn August we close at noon.",
        "Fees (hidden slide)\n\nCraft | Fee\nBoat | 40\n\nleft\nright",
    ]
    assert [title for title, _ in headings(document)] == ["Opening hours", "Fees (hidden slide)"]
    assert kinds(document) == [("list", "Mon to Fri 9-5\nSat 10-1"), ("table", "Craft | Fee\nBoat | 40")]


# Sheets


def make_sheets(fill) -> bytes:
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    fill(book)
    stream = io.BytesIO()
    book.save(stream)
    return stream.getvalue()


def fill_prices(book) -> None:
    sheet = book.active
    sheet.title = "Prices"
    sheet["A1"] = "Prices of the harbour"
    sheet.merge_cells("A1:C1")
    rows = [("Craft", "Fee", "From"), ("Boat", 1240.5, datetime.date(2026, 3, 9)), ("", 0.125, True)]
    for number, row in enumerate(rows, 2):
        for column, value in enumerate(row, 1):
            sheet.cell(number, column, value or None)
    sheet["B3"].number_format, sheet["B4"].number_format = '#,##0.00 "EUR"', "0.0%"
    sheet["C3"].number_format = "d mmm yyyy"
    sheet.merge_cells("A3:A4")
    sheet["E2"], sheet["F2"], sheet["E3"], sheet["F3"] = "Rule", "Note", "No dogs", "ever"
    sheet["A8"], sheet["B8"], sheet["A9"], sheet["B9"] = "Day", "Opens", "Mon", datetime.time(9, 30)
    hidden = book.create_sheet("Old")
    hidden["A1"] = "secret"
    hidden.sheet_state = "hidden"
    book.create_sheet("Empty")


def test_sheets_are_pages_with_their_tables_as_they_are_shown(tmp_path):
    document = read_document(write_document(tmp_path, "prices.xlsx", make_sheets(fill_prices)))
    first, hidden, empty = (document.text[page.start : page.end] for page in document.pages)
    assert first == (
        "Prices\n\nPrices of the harbour\nCraft | Fee | From\nBoat | 1,240.50 EUR | 9 Mar 2026\nBoat | 12.5% | TRUE"
        "\n\nRule | Note\nNo dogs | ever\n\nDay | Opens\nMon | 9:30:00"
    )
    assert (hidden, empty) == ("Old (hidden sheet)\n\nsecret", "")
    assert headings(document) == [("Prices", 0), ("Prices of the harbour", 1), ("Old (hidden sheet)", 0)]
    assert [text.split("\n")[0] for _, text in kinds(document)] == ["Craft | Fee | From", "Rule | Note", "Day | Opens"]


def test_a_long_sheet_is_cut_between_rows_under_its_name_and_header(tmp_path):
    def fill(book):
        from openpyxl.styles import Font

        book.active.title = "Members"
        for row in [("2026", "Town"), *((f"Member {n}", f"Place {n}") for n in range(100))]:
            book.active.append(row)
        for cell in book.active[1]:
            cell.font = Font(bold=True)

    passages = cut_document(read_document(write_document(tmp_path, "a.xlsx", make_sheets(fill))), 100)
    assert len(passages) > 3 and {passage.headings for passage in passages} == {("Members",)}
    assert {passage.lead for passage in passages[1:]} == {"2026 | Town"} and {p.page for p in passages} == {1}


def test_formulas_without_a_saved_value_are_counted(tmp_path, caplog):
    def fill(book):
        book.active["A1"], book.active["B1"] = "Sum", "=1+2"

    with caplog.at_level(logging.WARNING):
        read_document(write_document(tmp_path, "a.xlsx", make_sheets(fill)))
    assert "a.xlsx: 1 formula without a saved value left out; open the file in a spreadsheet program" in caplog.text


@pytest.mark.parametrize(
    ("value", "number_format", "text"),
    [
        (3.0, "General", "3"),
        (0.1 + 0.2, "General", "0.3"),
        (1234567.891, "#,##0.00", "1,234,567.89"),
        (1.5, "0.##", "1.5"),
        (2.0, "0.##", "2"),
        (-5, "#,##0;(#,##0)", "(5)"),
        (0, '0;-0;"none"', "none"),
        (12, "[$€-407] #,##0", "€ 12"),
        (12, "$#,##0_);[Red]($#,##0)", "$12"),
        (0.5, "0%", "50%"),
        (12345.0, "0.00E+00", "1.23E+04"),
        (7, '"No. "0', "No. 7"),
        (7, "000", "007"),
        (-7.5, "000.0", "-007.5"),
        (0.5, "# ?/?", "0.5"),
        (True, "0", "TRUE"),
        ("two\n lines", "@", "two lines"),
        (datetime.datetime(2026, 3, 9, 14, 5), "dd/mm/yyyy hh:mm", "09/03/2026 14:05"),
        (datetime.datetime(2026, 3, 9, 14, 5, 7), "yyyy-mm-dd h:mm:ss AM/PM", "2026-03-09 2:05:07 PM"),
        (datetime.date(2026, 3, 9), "dddd, d mmmm yy", "Monday, 9 March 26"),
        (datetime.date(2026, 3, 9), "General", "2026-03-09"),
        (datetime.time(9, 0), "h:mm", "9:00"),
        (datetime.timedelta(hours=30), "[h]:mm", "1 day, 6:00:00"),
    ],
)
def test_a_value_is_shown_as_its_cell_shows_it(value, number_format, text):
    assert shown(value, number_format) == text


# Books


def make_book(**files: str) -> bytes:
    names = {"container": "META-INF/container.xml", "package": "OEBPS/content.opf", "locks": "META-INF/encryption.xml"}
    given = {
        "container": '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles><rootfile '
        'full-path="OEBPS/content.opf"/></rootfiles></container>',
        "package": '<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/"><metadata>'
        '<dc:title>Harbour book</dc:title></metadata><manifest><item id="n" href="nav.xhtml" properties="nav" '
        'media-type="application/xhtml+xml"/><item id="b" href="t/two%20b.xhtml" media-type="application/xhtml+xml"/>'
        '<item id="a" href="one.xhtml" media-type="application/xhtml+xml"/></manifest><spine><itemref idref="n"/>'
        '<itemref idref="a"/><itemref idref="b"/><itemref idref="a"/></spine></package>',
        "OEBPS/nav.xhtml": "<html><body><p>Contents</p></body></html>",
        "OEBPS/one.xhtml": '<?xml version="1.0" encoding="utf-8"?><html><body><h1>One</h1><p>The café.</p></body>',
        "OEBPS/t/two b.xhtml": "<html><body><h1>Two</h1><ul><li>a</li><li>b</li></ul></body></html>",
    }
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
        for name, content in {**given, **files}.items():
            if content:
                archive.writestr(names.get(name, name), content)
    return stream.getvalue()


def test_a_book_is_its_chapters_in_their_order(tmp_path):
    document = read_document(write_document(tmp_path, "a.epub", make_book()))
    assert (document.text, document.title) == ("One\n\nThe café.\n\nTwo\n\na\nb", "Harbour book")
    assert headings(document) == [("One", 0), ("Two", 0)] and kinds(document) == [("list", "a\nb")]


def test_a_book_whose_chapters_are_not_there_or_locked_says_so(tmp_path, caplog):
    gone = make_book(**{"OEBPS/one.xhtml": ""})
    assert read_document(write_document(tmp_path, "a.epub", gone)).text == "Two\n\na\nb"
    assert "a.epub: chapters that it names are not in it: OEBPS/one.xhtml" in caplog.text
    lock = '<encryption xmlns:e="urn:e"><e:CipherReference URI="{}"/></encryption>'
    fonts = make_book(locks=lock.format("OEBPS/font.otf"))
    assert "café" in read_document(write_document(tmp_path, "a.epub", fonts)).text
    with pytest.raises(DataError, match=r"a\.epub: is protected, its chapters are encrypted"):
        read_document(write_document(tmp_path, "a.epub", make_book(locks=lock.format("OEBPS/one.xhtml"))))


# E-mails


def make_mail(*attachments: tuple[str, bytes], html: str = "", text: str = "") -> bytes:
    message = EmailMessage()
    message["Subject"], message["From"], message["To"] = (
        "Fees für 2026",
        "Ada <ada@harbour.example>",
        "bob@town.example",
    )
    message["Date"] = "Mon, 09 Mar 2026 10:00:00 +0100"
    if text or not html:
        message.set_content(text)
    if html:
        (message.add_alternative if text else message.set_content)(html, subtype="html")
    for name, content in attachments:
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name)
    return message.as_bytes()


HEAD = "Fees für 2026\nFrom: Ada <ada@harbour.example>\nTo: bob@town.example\nDate: Mon, 09 Mar 2026 10:00:00 +0100"


def read_mail(tmp_path, content: bytes) -> Document:
    return read_document(write_document(tmp_path, "a.eml", content))


def test_an_email_is_its_head_and_its_text(tmp_path):
    document = read_mail(tmp_path, make_mail(text="Dear Bob,\n\nthe fee is 40 EUR.\n", html="<p>Other</p>"))
    assert (document.text, document.title) == (f"{HEAD}\n\nDear Bob,\n\nthe fee is 40 EUR.", "Fees für 2026")
    assert headings(document) == [("Fees für 2026", 0)]
    page = "<h1>New fees</h1><p>It is <b>40</b> EUR.</p><img src='http://track.example/x.gif' alt='pixel'>"
    document = read_mail(tmp_path, make_mail(html=page))
    assert document.text == f"{HEAD}\n\nNew fees\n\nIt is 40 EUR." and headings(document)[1] == ("New fees", 1)


def test_attachments_that_are_documents_are_read_and_the_others_named(tmp_path):
    pytest.importorskip("docx")
    inner = make_mail(text="Inner text.")
    document = read_mail(
        tmp_path,
        make_mail(
            ("lease.docx", make_docx()), ("photo.png", b"\x89PNG"), ("bad.pdf", b"x"), ("i.eml", inner), text="See"
        ),
    )
    assert "Attachment: lease.docx\n\nLease\nThe deposit is 500 EUR" in document.text and "Inner text." in document.text
    assert "Attachments that were not read: photo.png, bad.pdf (not a readable PDF" in document.text
    [lease] = [p for p in cut_document(document) if "500 EUR" in p.text]
    assert lease.headings[0] == "Fees für 2026"


def test_emails_in_emails_end_somewhere(tmp_path):
    content = make_mail(text="innermost")
    for number in range(8):
        content = make_mail((f"{number}.eml", content), text=f"level {number}")
    text = read_mail(tmp_path, content).text
    assert "level 4" in text and "level 3" not in text and text.endswith("Attachments that were not read: 4.eml")


# What is wrong


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.pptx", b"PK\x03\x04 cut", "not a readable PowerPoint file, it may be damaged"),
        ("a.xlsx", b"no zip", "not a readable Excel workbook, it may be damaged"),
        ("a.epub", b"PK\x03\x04 cut", "not a readable EPUB book, it may be damaged"),
        ("a.epub", make_book(**{"OEBPS/one.xhtml": "", "OEBPS/t/two b.xhtml": ""}), "found none of 2 that it names"),
        ("a.epub", make_book(package="<x/>"), "found none of 0 that it names"),
        ("a.epub", make_book(container="<x/>"), "not a readable EPUB book"),
        ("a.eml", b"just a text\n\nand more", "expected an e-mail with a subject, a sender or a date, found none"),
        ("a.eml", bytes(range(1, 256)), "expected an e-mail with a subject"),
    ],
)
def test_files_that_are_not_what_their_name_says_are_one_message(tmp_path, name, content, message):
    pytest.importorskip("pptx"), pytest.importorskip("openpyxl")
    with pytest.raises(DataError, match=message):
        read_document(write_document(tmp_path, name, content))


@pytest.mark.parametrize("inside", ["ppt/presentation.xml", "xl/workbook.xml", "META-INF/container.xml"])
def test_an_archive_that_unfolds_to_more_than_a_document_is_refused(tmp_path, inside):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(inside, "a" * 30_000_000)
    with pytest.raises(DataError, match="a: unfolds to 29 MiB, more than a document does"):
        read_document(write_document(tmp_path, "a", stream.getvalue()))


@pytest.mark.parametrize(
    ("name", "module", "package"), [("a.pptx", "pptx", "python-pptx"), ("a.xlsx", "openpyxl", "openpyxl")]
)
def test_a_package_that_is_missing_is_named_and_other_files_are_read(tmp_path, monkeypatch, name, module, package):
    write_document(tmp_path, "a.txt", "The fee is due.")
    write_document(tmp_path, name, b"PK\x03\x04")
    kept = builtins.__import__

    def without(wanted, *rest, **more):
        if wanted == module:
            raise ImportError(wanted)
        return kept(wanted, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(DataError, match=rf"{name}: \w+ needs {package}; run: pip install {package}"):
        read_document(tmp_path / name)
    assert [document.text for document in read_documents(tmp_path, skip_bad=True)] == ["The fee is due."]
