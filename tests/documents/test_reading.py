"""Documents: every format's text, pages and encodings, and one clear message for every file that cannot be read."""

from __future__ import annotations

import builtins
import io
import logging
import zipfile

import pytest

from qa_pipeline.documents.reading import (
    HTML_SUFFIXES,
    KINDS,
    PAGE_BREAK,
    SUFFIXES,
    TEXT_SUFFIXES,
    Document,
    Page,
    read_document,
)
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import decode
from tests.data.made import write_document


def make_pdf(*pages: list[str], title: str | None = None) -> bytes:
    """A PDF of one font with the lines of each page, and a correct table of objects."""
    first = 4
    kids = " ".join(f"{first + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, lines in enumerate(pages):
        shown = "".join(f"({line}) Tj T* " for line in lines)
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {shown}ET"
        font = "<< /Font << /F1 3 0 R >> >>"
        content = first + 2 * i + 1
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {font} /Contents {content} 0 R >>"
        )
        objects.append(f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream")
    if title:
        objects.append(f"<< /Title ({title}) >>")
    body, places = b"%PDF-1.4\n", []
    for number, value in enumerate(objects, 1):
        places.append(len(body))
        body += f"{number} 0 obj\n{value}\nendobj\n".encode("latin-1")
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    info = f" /Info {len(objects)} 0 R" if title else ""
    size = len(objects) + 1
    end = f"xref\n0 {size}\n0000000000 65535 f \n{table}trailer\n<< /Size {size} /Root 1 0 R{info} >>"
    return body + f"{end}\nstartxref\n{len(body)}\n%%EOF\n".encode("latin-1")


def make_docx() -> bytes:
    docx = pytest.importorskip("docx")
    document = docx.Document()
    document.core_properties.title = "Lease"
    document.add_heading("Lease", 1)
    document.add_paragraph("The deposit is ").add_run("500 EUR").bold = True
    table = document.add_table(rows=2, cols=2)
    for row, cells in zip(table.rows, (("Item", "Price"), ("Garage", "80 EUR")), strict=True):
        for cell, text in zip(row.cells, cells, strict=True):
            cell.text = text
    document.add_paragraph("Signed in Bern.")
    stream = io.BytesIO()
    document.save(stream)
    return stream.getvalue()


# Text


@pytest.mark.parametrize("name", ["a.txt", "a.md", "README", "a.log"])
def test_text_is_taken_as_it_is(tmp_path, name):
    text = "# Title\r\n\r\nLine\twith *stars* and Ünïcode 🎉\r\n"
    document = read_document(write_document(tmp_path, name, text))
    assert document == Document(text, str(tmp_path / name), encoding="utf-8")
    assert document.page_at(3) is None


@pytest.mark.parametrize("end", ["---", "..."])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_front_matter_of_markdown_is_its_title_and_no_text(tmp_path, end, newline):
    lines = ["---", "title: ' Opening hours '", "tags: [clinic, fees]", "description: Not a text.", end, "", "# Hours"]
    document = read_document(write_document(tmp_path, "a.md", newline.join([*lines, "Nine to five."])))
    assert document.title == "Opening hours" and document.text == newline.join(["", "# Hours", "Nine to five."])


@pytest.mark.parametrize(
    "text",
    [
        "---\nA rule, then text.\n---\n",
        "---\ntitle: not closed\n",
        "---\na: [b\n---\nText\n",
        f"---\na: {'[' * 9999}\n---\nText\n",
        "---\na: 2026-99-99\n---\nText\n",
        "---\na: !!bool foo\n---\nText\n",
        "---\na: !!timestamp\n---\nText\n",
        "---\na: !!int ''\n---\nText\n",
        "---\na: &a [*a]\n---\nText\n",
        "Text\n---\ntitle: later\n---\n",
    ],
)
def test_a_rule_that_begins_no_front_matter_is_text(tmp_path, text):
    document = read_document(write_document(tmp_path, "a.md", text))
    assert document.text == text and document.title is None


def test_front_matter_alone_is_a_document_without_text(tmp_path):
    with pytest.raises(DataError, match="holds no text"):
        read_document(write_document(tmp_path, "a.md", "---\ntitle: a\n---\n"))


@pytest.mark.parametrize(
    ("encoding", "found"),
    [
        ("utf-8-sig", "utf-8-sig"),
        ("utf-16", "utf-16"),
        ("utf-32", "utf-32"),
        ("utf-16-le", "utf-16-le"),
        ("utf-16-be", "utf-16-be"),
        ("cp1252", "cp1252"),
    ],
)
def test_the_encoding_is_found(tmp_path, encoding, found):
    text = "Gebühr: 5 € für Änderungen – “immer”"
    document = read_document(write_document(tmp_path, "a.txt", text.encode(encoding)))
    assert (document.text, document.encoding) == (text, found)


def test_a_guessed_encoding_is_said_with_its_count(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        read_document(write_document(tmp_path, "a.txt", "Gebühr für Ämter".encode("cp1252")))
    assert "not UTF-8 (byte 3); read as Windows-1252, 3 characters beyond ASCII" in caplog.text


@pytest.mark.parametrize(
    ("declared", "encoding", "found"),
    [
        ("iso-8859-1", "cp1252", "cp1252"),
        ("iso-8859-2", "iso-8859-2", "iso8859-2"),
        ("iso-8859-1", "utf-8", "utf-8"),
        ("utf-16", "utf-8", "utf-8"),
        ("shift_jis", "shift_jis", "shift_jis"),
        ("x-unknown", "utf-8", "utf-8"),
    ],
)
def test_a_page_may_declare_its_encoding(declared, encoding, found, caplog):
    text = {"iso-8859-2": "źródło", "shift_jis": "東京"}.get(encoding, "Gebühr")
    content = f'<html><head><meta charset="{declared}"></head><body>{text}</body></html>'.encode(encoding)
    decoded, name, guessed = decode(content, "a.html", is_html=True)
    assert text in decoded and name == found and not guessed and not caplog.text


# HTML


def test_html_gives_what_a_reader_reads(tmp_path):
    pytest.importorskip("bs4")
    page = """<!doctype html><html><head><title> Leave
      policy </title><style>p { color: red }</style><script>var x = "</p>";</script></head><body>
      <nav><a href="/">Home</a></nav><header><a>Our site</a></header>
      <main><header><h1>Leave   policy</h1></header>
      <p>You get <b>25</b>&nbsp;days,<br>or more.</p><!-- nothing --><ul><li>one</li><li>two</li></ul>
      <table><tr><th>Kind</th><th>Days</th></tr><tr><td><p>Sick</p></td><td>10</td></tr></table>
      <pre>a
  b</pre><span hidden>closed</span><div style="display: none">shut</div><button>Click</button></main>
      <footer><a>Imprint</a></footer></body></html>"""
    document = read_document(write_document(tmp_path, "a.html", page))
    assert document.text == (
        "Leave policy\n\nYou get 25\xa0days,\nor more.\n\none\ntwo\n\nKind | Days\nSick | 10\n\na\n  b"
        "\n\nclosed\nshut\nClick"
    )
    assert document.title == "Leave policy"


def test_html_is_known_by_its_content_where_the_name_says_nothing(tmp_path):
    pytest.importorskip("bs4")
    page = "<!DOCTYPE html><body><p>One</p><p>Two</p>"
    assert read_document(write_document(tmp_path, "saved", page)).text == "One\n\nTwo"
    assert read_document(write_document(tmp_path, "saved.md", page)).text == page


def test_deeply_nested_html_is_read(tmp_path):
    pytest.importorskip("bs4")
    page = "<p>top</p>" + "<div>" * 3000 + "deep" + "</div>" * 3000
    assert read_document(write_document(tmp_path, "a.html", page)).text == "top\n\ndeep"


# PDF


def test_pdf_text_has_pages(tmp_path):
    pytest.importorskip("pypdf")
    content = make_pdf(["Rent is due", "on the first."], [], ["Pets are wel-", "come here."], title="House  rules")
    document = read_document(write_document(tmp_path, "rules.pdf", content))
    assert document.text == PAGE_BREAK.join(["Rent is due\non the first.", "", "Pets are welcome here."])
    assert document.title == "House rules"
    assert [page.number for page in document.pages] == [1, 2, 3]
    last = document.pages[-1]
    assert document.text[last.start : last.end] == "Pets are welcome here."
    assert document.page_at(0) == 1 and document.page_at(document.text.index("Pets")) == 3
    assert document.page_at(len(document.text) - 1) == 3


def test_pages_of_a_pdf_come_without_what_a_browser_printed(tmp_path):
    pytest.importorskip("pypdf")
    content = make_pdf(["Fees are due.", "11/21/26, 4:54 PM", "file:///srv/b.html 1/2"], ["Pets may come.", "2 / 2"])
    assert read_document(write_document(tmp_path, "a.pdf", content)).text == "Fees are due.\n\nPets may come."


def test_pdf_is_known_by_its_content(tmp_path):
    pytest.importorskip("pypdf")
    assert read_document(write_document(tmp_path, "download", make_pdf(["Hello"]))).pages == [Page(1, 0, 5)]


def test_a_hyphen_before_a_capital_stays(tmp_path):
    pytest.importorskip("pypdf")
    assert read_document(write_document(tmp_path, "a.pdf", make_pdf(["the EU-", "Law"]))).text == "the EU-\nLaw"


def test_a_pdf_with_a_password_says_so(tmp_path):
    pypdf = pytest.importorskip("pypdf")
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(make_pdf(["secret"])))
    writer.encrypt("pass", algorithm="RC4-128")
    stream = io.BytesIO()
    writer.write(stream)
    path = write_document(tmp_path, "a.pdf", stream.getvalue())
    with pytest.raises(DataError, match=r"a\.pdf: is protected by a password; .*qpdf"):
        read_document(path)


def test_a_scan_says_ocr(tmp_path):
    pytest.importorskip("pypdf")
    with pytest.raises(DataError, match="holds no text; it may be a scan.*ocrmypdf"):
        read_document(write_document(tmp_path, "scan.pdf", make_pdf([], [])))


@pytest.mark.parametrize(
    "content", [make_pdf(["x"])[:60], b"%PDF-1.4\n", b"not a pdf", b"%PDF-1.7\n" + bytes(range(256)) * 9]
)
def test_a_damaged_pdf_says_so(tmp_path, content):
    pytest.importorskip("pypdf")
    with pytest.raises(DataError, match=r"a\.pdf: (not a readable PDF|holds no text)"):
        read_document(write_document(tmp_path, "a.pdf", content))


# Word


def test_word_gives_paragraphs_and_tables_in_their_order(tmp_path):
    document = read_document(write_document(tmp_path, "lease.docx", make_docx()))
    assert document.text == ("Lease\nThe deposit is 500 EUR\n\nItem | Price\nGarage | 80 EUR\n\nSigned in Bern.")
    assert document.title == "Lease" and document.pages == []


def test_word_reads_controls_links_and_insertions_and_no_deletions(tmp_path):
    pytest.importorskip("docx")
    body = (
        "<w:sdt><w:sdtContent><w:p><w:r><w:t>Tenant: </w:t></w:r><w:sdt><w:sdtContent><w:r><w:t>Ada</w:t></w:r>"
        "</w:sdtContent></w:sdt></w:p></w:sdtContent></w:sdt>"
        "<w:p><w:del><w:r><w:delText>old</w:delText></w:r></w:del><w:ins><w:r><w:t>new</w:t></w:r></w:ins>"
        "<w:r><w:tab/><w:t>x</w:t><w:br/><w:t>y</w:t></w:r><w:hyperlink><w:r><w:t>link</w:t></w:r></w:hyperlink></w:p>"
    )
    source, target = io.BytesIO(make_docx()), io.BytesIO()
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for item in old.namelist():
            content = old.read(item)
            if item == "word/document.xml":
                start = content.index(b"<w:body>") + len(b"<w:body>")
                content = content[:start] + body.encode() + content[start:]
            new.writestr(item, content)
    text = read_document(write_document(tmp_path, "a.docx", target.getvalue())).text
    assert text.startswith("Tenant: Ada\nnew\tx\nylink\nLease\n")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.docx", b"PK\x03\x04 cut", "not a readable Word document"),
        ("a.docx", "just text", "not a readable Word document"),
        ("a.doc", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", r"an old \.doc file or a Word file with a password"),
        ("a.rtf", "{\\rtf1 x}", "an RTF file"),
        ("a.txt", b"\x1f\x8b\x08", "gzip-compressed"),
        ("a.txt", "", "is empty"),
        ("a.txt", " \n\t ", "is empty"),
        ("a.html", "<html><script>x</script></html>", "holds no text; it is blank"),
        ("a.bin", bytes(range(256)), "binary data; known are"),
        ("a.txt", b"\xff\xfea", "begins as utf-16 but is damaged"),
    ],
)
def test_files_that_are_no_documents_say_what_they_are(tmp_path, name, content, message):
    pytest.importorskip("docx")
    path = write_document(tmp_path, name, content)
    with pytest.raises(DataError, match=message) as caught:
        read_document(path)
    assert str(caught.value).startswith(str(path))


def test_another_zip_archive_is_no_word_document(tmp_path):
    pytest.importorskip("docx")
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("readings.csv", "1,2")
    with pytest.raises(DataError, match="found another zip archive"):
        read_document(write_document(tmp_path, "a.zip", stream.getvalue()))


def test_a_missing_file_names_the_nearest(tmp_path):
    write_document(tmp_path, "policy.txt", "x")
    with pytest.raises(DataError, match=r'no such file or folder; did you mean ".*policy\.txt"'):
        read_document(tmp_path / "polcy.txt")
    with pytest.raises(DataError, match="is a folder"):
        read_document(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "module", "packages"),
    [
        ("a.html", "<p>x", "bs4", "beautifulsoup4 lxml"),
        ("a.pdf", "%PDF-", "pypdf", "pypdf"),
        ("a.docx", "PK", "docx", "python-docx"),
    ],
)
def test_a_missing_package_says_what_to_install(tmp_path, monkeypatch, name, content, module, packages):
    real = builtins.__import__

    def refuse(wanted, *args, **kwargs):
        if wanted.split(".")[0] == module:
            raise ImportError(f"No module named {wanted!r}")
        return real(wanted, *args, **kwargs)

    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(DataError, match=f"run: pip install {packages}$"):
        read_document(write_document(tmp_path, name, content))


def test_a_document_says_whether_its_encoding_was_guessed(tmp_path):
    pytest.importorskip("bs4")
    old = "<p>Geb\xfchr</p>".encode("cp1252")
    declared = b'<meta charset="iso-8859-1">' + old
    assert read_document(write_document(tmp_path, "a.txt", old)).guessed
    assert read_document(write_document(tmp_path, "a.html", old)).guessed
    assert not read_document(write_document(tmp_path, "b.html", declared)).guessed
    assert not read_document(write_document(tmp_path, "b.txt", "Geb\xfchr")).guessed


def test_a_link_to_nowhere_says_so(tmp_path):
    (tmp_path / "policy.txt").symlink_to(tmp_path / "moved.txt")
    with pytest.raises(DataError, match=r"policy\.txt: a link to .*moved\.txt, which is not there$"):
        read_document(tmp_path / "policy.txt")


def test_help_names_every_kind_that_is_read_but_for_rarer_endings_of_text():
    named = set(KINDS.split())
    assert named <= SUFFIXES
    assert SUFFIXES - named <= TEXT_SUFFIXES | HTML_SUFFIXES
