"""Word: footnotes, endnotes, headers, footers and boxes are text; what would fill the memory is refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from qa_pipeline.documents.reading import read_document
from qa_pipeline.errors import DataError
from tests.data.made import write_document

docx = pytest.importorskip("docx")

_NAMESPACE = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
_RELATIONS = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def changed(change, extra: dict[str, str] | None = None) -> bytes:
    """A small document after `change(document)`, its parts replaced or added to by `extra`."""
    document = docx.Document()
    document.add_paragraph("The deposit is 500 EUR.")
    change(document)
    source, target = io.BytesIO(), io.BytesIO()
    document.save(source)
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            content = old.read(name).decode("utf-8") if name.endswith((".xml", ".rels")) else None
            if content is None:
                new.writestr(name, old.read(name))
                continue
            for place, added in (extra or {}).items():
                file, _, before = place.partition("::")
                if file == name:
                    content = content.replace(before, added + before, 1)
            new.writestr(name, content)
        for name, content in (extra or {}).items():
            if "::" not in name:
                new.writestr(name, content)
    return target.getvalue()


def read(tmp_path, content: bytes) -> str:
    return read_document(write_document(tmp_path, "a.docx", content)).text


def paragraph(text: str, inside: str = "") -> str:
    return f"<w:p><w:r><w:t>{text}</w:t></w:r>{inside}</w:p>"


def test_headers_come_first_and_footers_last_without_page_numbers(tmp_path):
    def change(document):
        section = document.sections[0]
        section.different_first_page_header_footer = True
        section.header.paragraphs[0].text = section.first_page_header.paragraphs[0].text = "Lease 2025-17"
        section.footer.paragraphs[0].text = "Page 1 of 3"
        section.footer.add_paragraph("Call 555 0123")

    assert read(tmp_path, changed(change)) == "Lease 2025-17\nThe deposit is 500 EUR.\nCall 555 0123"


@pytest.mark.parametrize("kind", ["footnote", "endnote"])
def test_a_note_follows_its_paragraph(tmp_path, kind):
    reference = f'<w:r><w:{kind}Reference w:id="2"/></w:r>'
    notes = (
        f'<w:{kind}s {_NAMESPACE}><w:{kind} w:type="separator" w:id="-1">{paragraph("---")}</w:{kind}>'
        f'<w:{kind} w:id="2">{paragraph("Plus interest of 2 percent.", reference)}</w:{kind}></w:{kind}s>'
    )
    typed = f"application/vnd.openxmlformats-officedocument.wordprocessingml.{kind}s+xml"
    content = changed(
        lambda document: document.add_paragraph("Signed in Bern."),
        {
            "word/document.xml::</w:p>": reference,
            f"word/{kind}s.xml": notes,
            "[Content_Types].xml::</Types>": f'<Override PartName="/word/{kind}s.xml" ContentType="{typed}"/>',
            "word/_rels/document.xml.rels::</Relationships>": (
                f'<Relationship Id="rId99" Type="{_RELATIONS}/{kind}s" Target="{kind}s.xml"/>'
            ),
        },
    )
    assert read(tmp_path, content) == "The deposit is 500 EUR.\nPlus interest of 2 percent.\nSigned in Bern."


def test_the_paragraphs_of_a_box_are_lines_after_its_paragraph_and_come_once(tmp_path):
    box = f"<w:txbxContent>{paragraph('Open at 9.')}{paragraph('Closed on Monday.')}</w:txbxContent>"
    compatible = 'xmlns:mc="http://schemas.openxmlformats.org/markup-compatibility/2006"'
    drawn = (
        f'<w:r><mc:AlternateContent {compatible}><mc:Choice Requires="wps"><w:drawing>{box}</w:drawing></mc:Choice>'
        f"<mc:Fallback><w:pict>{box}</w:pict></mc:Fallback></mc:AlternateContent></w:r>"
    )
    content = changed(lambda document: document.add_paragraph("End."), {"word/document.xml::</w:p>": drawn})
    assert read(tmp_path, content) == "The deposit is 500 EUR.\nOpen at 9.\nClosed on Monday.\nEnd."


def test_a_formula_is_text_and_the_reading_of_a_sign_is_not(tmp_path):
    math = 'xmlns:m="http://schemas.openxmlformats.org/officeDocument/2006/math"'
    inside = (
        f"<m:oMath {math}><m:r><m:t> x=2</m:t></m:r></m:oMath><w:r><w:ruby><w:rt><w:r><w:t>kana</w:t></w:r></w:rt>"
        "<w:rubyBase><w:r><w:t> kanji</w:t></w:r></w:rubyBase></w:ruby></w:r>"
    )
    assert read(tmp_path, changed(lambda _: None, {"word/document.xml::</w:p>": inside})) == (
        "The deposit is 500 EUR. x=2 kanji"
    )


def test_a_document_that_unfolds_to_more_than_a_document_is_refused(tmp_path):
    content = changed(lambda _: None, {"word/document.xml::</w:p>": f"<w:r><w:t>{'a' * 30_000_000}</w:t></w:r>"})
    assert len(content) < 100_000
    with pytest.raises(DataError, match=r"a\.docx: unfolds to 29 MiB, more than a document does; .*save it as text"):
        read(tmp_path, content)
