"""Encodings of text documents: told apart by the text, said when they are guessed, and taken as named."""

from __future__ import annotations

import logging

import pytest

from qa_pipeline.documents.reading import read_document, read_documents
from qa_pipeline.errors import DataError
from qa_pipeline.text.encoding import detect, encoding_fault
from tests.data.made import write_document

CHINESE = "宠物可以在大楼内饲养，但必须事先得到房东的书面同意。押金为两个月的租金。"
JAPANESE = "家賃は毎月一日に支払います。敷金は家賃の二か月分で、契約終了後に返金されます。"
KOREAN = "임대료는 매월 1일에 지불합니다. 보증금은 두 달치 임대료입니다."
RUSSIAN = "Аренда оплачивается первого числа. Залог составляет две месячные платы."
TEXTS = [
    ("gbk", CHINESE, "gb18030"),
    ("gb18030", CHINESE, "gb18030"),
    ("shift_jis", JAPANESE, "cp932"),
    ("euc_jp", JAPANESE, "euc_jp"),
    ("euc_kr", KOREAN, "cp949"),
    ("cp1251", RUSSIAN, "cp1251"),
    ("koi8_r", RUSSIAN, "koi8_r"),
    ("big5", "寵物可以在大樓內飼養，但必須事先得到房東的書面同意。", "big5"),
    ("cp1253", "Τα κατοικίδια επιτρέπονται μόνο με γραπτή συγκατάθεση του ιδιοκτήτη.", "cp1253"),
    ("cp1255", "שכר הדירה משולם בראשון לכל חודש, והפיקדון מוחזר.", "cp1255"),
    ("cp1256", "يدفع الإيجار في اليوم الأول من كل شهر.", "cp1256"),
    ("cp1250", "Czynsz należy płacić pierwszego dnia każdego miesiąca, za zgodą właściciela.", "cp1250"),
]


@pytest.mark.parametrize(("before", "times"), [("", 1), ("The rent is due. " * 50, 1), ("", 3000)])
@pytest.mark.parametrize(("encoding", "text", "found"), TEXTS, ids=[encoding for encoding, _, _ in TEXTS])
def test_the_code_page_of_a_language_is_found(tmp_path, encoding, text, found, before, times):
    text = f"{before}{text}\n" * times
    document = read_document(write_document(tmp_path, "a.txt", text.encode(encoding)))
    assert document.text == text and document.encoding == found and document.guessed


@pytest.mark.parametrize(
    "text",
    [
        *("Gebühr", "café", "Zürich", "naïve", "25° C, 5 µm, ½ cup, £3.50, §4", "MÜLLER GMBH, KÖLN, ÖFFNUNGSZEITEN"),
        "Die Miete ist am ersten Werktag fällig. Die Kaution beträgt zwei Mieten für größere Wohnungen.",
        "Le loyer est payé le premier jour. Les animaux ne sont autorisés qu’avec l’accord écrit du propriétaire.",
        "El alquiler se paga el día uno. ¿Cuánto cuesta el depósito? Años y señores.",
        "Hyran betalas den första i månaden. Husdjur är tillåtna endast med ägarens tillstånd.",
        "É proibido. A caução é de duas mensalidades e não é devolvida sem inspeção.",
        "Æbler og øl på Østerbro",
        "Ísafjörður þýðir ekki það",
        "The café is open — “always”, it’s said, for £5.",
    ],
)
@pytest.mark.parametrize("times", [1, 40])
def test_western_text_is_windows_1252(text, times):
    assert detect("\n".join([text] * times).encode("cp1252")) == "cp1252"


def test_a_guess_is_said_with_the_language(tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        read_document(write_document(tmp_path, "a.txt", RUSSIAN.encode("cp1251")))
    assert "a.txt: not UTF-8 (byte 0); read as Windows-1251 (Cyrillic), " in caplog.text
    assert "name the encoding (--encoding ENCODING)" in caplog.text


def test_an_encoding_that_is_named_is_not_guessed(tmp_path, caplog):
    turkish = "Kira her ayın ilk günü ödenir; şu kadar."
    write_document(tmp_path, "a.txt", turkish.encode("cp1254"))
    write_document(tmp_path, "b.txt", turkish.encode("utf-8-sig"))
    first, second = read_documents(tmp_path, encoding="cp1254")
    assert (first.text, first.encoding, first.guessed) == (turkish, "cp1254", False)
    assert second.text == turkish and not caplog.text


def test_a_file_that_is_not_in_the_named_encoding_says_so(tmp_path):
    path = write_document(tmp_path, "a.txt", "Gebühr".encode("cp1252"))
    with pytest.raises(DataError, match=r"a\.txt: is not utf-8 \(byte 3\); without encoding it is guessed$"):
        read_document(path, encoding="utf-8")


@pytest.mark.parametrize("name", ["klingon", "base64", "rot13", "a\0b", ""])
def test_a_name_that_is_no_encoding_is_a_fault(name):
    assert encoding_fault(name) == (
        f"expected the name of an encoding such as gbk, shift_jis, euc_kr, cp1251 or utf-8, found {name!r}"
    )
    assert encoding_fault("Shift-JIS") is None
