"""Words that stand in an answer's place without being a part of the text: "nan", "N/A", "no answer", "yes", "False".

Whether "none" or "no" is such a mark or an answer like any other is seen from the whole source: a word that is used
where the text does not have it is a mark. Never changes a row.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import Enum

from qa_pipeline.data.example import LooseAnswer, LooseExample
from qa_pipeline.data.offsets import PLAIN, Counting
from qa_pipeline.text.edges import is_whole


class Mark(Enum):
    """What a mark says."""

    NO_ANSWER = "no answer"
    YES_OR_NO = "yes or no"


def _words(listed: str) -> frozenset[str]:
    return frozenset(word.strip() for word in listed.replace("\n", ";").split(";") if word.strip())


# What programs write for a missing value. None of them is a word.
_MISSING = frozenset(
    {"nan", "null", "nil", "n/a", "n.a", "na", "#n/a", "#na", "nat", "pd.na", "undefined", "(null)", "\\n"}
)
# What people and language models write, in the languages of the usual tools.
_NONE = _words(
    """
    none; no answer; no_answer; noanswer; unanswerable; not answerable; unanswered; answernotfound; cannotanswer
    can't answer; cannot answer; cannot be answered; not found; answer not found; no answer found; not available
    not applicable; not given; not_given; not mentioned; not stated; not specified; not in text; not in the text
    not in context; not in the context; no information; unknown; unspecified; no data; no value
    keine antwort; keine; keine angabe; k.a; nicht vorhanden; nicht beantwortbar; nicht angegeben; unbekannt
    sans réponse; aucune réponse; pas de réponse; aucune; non précisé; non renseigné; inconnu; s.o
    sin respuesta; ninguna; ninguno; no aplica; no especificado; no contestable; desconocido; nulo
    sem resposta; nenhuma; nenhum; não respondível; não se aplica; desconhecido
    nessuna risposta; senza risposta; nessuna; nessuno; non disponibile; sconosciuto
    geen antwoord; geen; onbekend; n.v.t; nvt; inget svar; inget; intet svar; ingen; ei vastausta; ei tiedossa
    brak odpowiedzi; brak; nie dotyczy; bez odpovědi; žádná odpověď; nincs válasz; niciun răspuns
    cevap yok; yanıt yok; yok; нет ответа; без ответа; ответа нет; неизвестно; отсутствует; немає відповіді
    δεν υπάρχει απάντηση; χωρίς απάντηση; לא נמצא; אין תשובה; لا يوجد; لا توجد إجابة; لا إجابة; غير معروف
    कोई उत्तर नहीं; उत्तर नहीं; अज्ञात; không có câu trả lời; không có; tidak ada jawaban; tidak ada
    无; 无答案; 没有答案; 无法回答; 不可回答; 未知; 無; 無答案; 沒有答案; 未提及; 无回答
    なし; 回答なし; 答えなし; 該当なし; 不明; 回答不可; 없음; 답 없음; 답변 없음; 정답 없음; 해당 없음; 모름
    ไม่มี; ไม่มีคำตอบ; ไม่ทราบ
    """
)
_YES_NO = _words(
    """
    yes; no; true; false; y; n; ja; nein; oui; non; vrai; faux; sí; si; sì; falso; verdadero; vero; sim; não; nee; nej
    wahr; falsch; waar; onwaar; tak; nie; ano; ne; igen; nem; evet; hayır; doğru; yanlış; да; нет; так; ні; ναι; όχι
    כן; לא; نعم; لا; हाँ; हां; नहीं; có; không; ya; tidak; 是; 否; 不是; はい; いいえ; 예; 네; 아니요; 아니오; ใช่; ไม่ใช่
    """
)
_MANY_CONTEXTS = 5
_TRUTH = frozenset({"yes", "no", "true", "false"})
_EDGES = " \t\r\n\u00a0.!\"'`\u2018\u2019\u201c\u201d()[]<>{}*"
_NO_WORD = re.compile(r"[-\u2010-\u2015\u2212_.?!*/\\#~=\s]+")

Marks = dict[str, Mark]
"""The words, as `word_of` writes them, that are marks in a source."""


def word_of(text: str) -> str:
    """The text as it is compared: lower case, without quotation marks, brackets and full stops around it."""
    return " ".join(text.casefold().strip(_EDGES).split())


def is_missing(text: str) -> bool:
    """True for what programs write where a question or a text is missing: "nan", "None", "N/A", "-"."""
    return len(text) < 40 and (
        word_of(text) in _MISSING or word_of(text) == "none" or _NO_WORD.fullmatch(text.strip()) is not None
    )


def is_not_given(category: str) -> bool:
    """True for the answer category by which annotation tools say that there is no answer, as Haystack's NOT_GIVEN."""
    return re.sub(r"[\W_]+", "", category).lower() in ("notgiven", "noanswer", "unanswerable", "impossible")


def is_yes_or_no(text: str) -> bool:
    """True for yes, no, true, false and their like in other languages."""
    return word_of(text) in _YES_NO


def marks_in(rows: Sequence[LooseExample], counting: Counting = PLAIN) -> Marks:
    """The words that `rows` use as marks.

    A word is one where an answer has it that does not stand in its text as a whole word. A source that uses one of yes,
    no, true and false so does not point at the others either.

    Args:
        rows: all rows of a source, or its first.
        counting: how its offsets count.
    """
    seen: dict[str, Mark] = {}
    absent: set[str] = set()
    for row in rows:
        for answer in row.answers:
            kind = None if answer.text is None else _kind(answer.text)
            if kind is not None and answer.text is not None:
                word = word_of(answer.text)
                seen[word] = kind
                if not _stands(row.context, answer, counting):
                    absent.add(word)
    if absent & _TRUTH:
        absent |= _TRUTH
    return {word: kind for word, kind in seen.items() if word in absent}


def suspects_in(rows: Sequence[LooseExample]) -> frozenset[str]:
    """Answers that may be a word for "no answer" which nobody knows: appended to many texts, and the answer there."""
    contexts: dict[str, set[str]] = {}
    elsewhere: set[str] = set()
    for row in rows:
        for answer in row.answers:
            text = (answer.text or "").strip()
            if text and row.context.endswith(text):
                contexts.setdefault(text, set()).add(row.context)
            elif text:
                elsewhere.add(text)
    return frozenset(text for text, seen in contexts.items() if len(seen) >= _MANY_CONTEXTS and text not in elsewhere)


def mark_of(context: str, answer: LooseAnswer, marks: Marks, counting: Counting = PLAIN) -> Mark | None:
    """What the answer says if it is a mark; a word that stands exactly where the source points is an answer."""
    if answer.text is None or not marks:
        return None
    mark = marks.get(word_of(answer.text))
    return None if mark is None or _points_at(context, answer, counting) else mark


def _kind(text: str) -> Mark | None:
    if len(text) > 60:
        return None
    word = word_of(text)
    if word in _NONE or word in _MISSING or (text.strip() and _NO_WORD.fullmatch(text.strip())):
        return Mark.NO_ANSWER
    return Mark.YES_OR_NO if word in _YES_NO else None


def _points_at(context: str, answer: LooseAnswer, counting: Counting) -> bool:
    text, start = (answer.text or "").strip(), answer.start
    if start is None or start < 0 or not counting.trusted:
        return False
    place = counting.start(context, start)
    return place is not None and context.startswith(text, place)


def _stands(context: str, answer: LooseAnswer, counting: Counting) -> bool:
    if _points_at(context, answer, counting):
        return True
    text = (answer.text or "").strip()
    if not any(character.isalnum() for character in text) or (answer.start is not None and answer.start < 0):
        return False
    place = context.find(text)
    while place >= 0 and not is_whole(context, place, place + len(text)):
        place = context.find(text, place + 1)
    return place >= 0
