"""How well quotations are verified, on quotations that are made of real texts so that the right verdict is known.

    python benchmarks/quotations.py --data DIR [--half report] [--misses] [--seed 0]
    python benchmarks/quotations.py --data DIR --speed

DIR holds xquad/xquad.{en,de,zh}.json and policyqa/train.json (SQuAD's format). A quarter of the documents is held out:
its sentences are the invented quotations. Every fourth document that is looked in has its lines broken, with words
hyphenated. Of sentences of the others are made: quotations that are right (verbatim, or edited in a way that leaves
the sense) and wrong ones (invented, another number, negation, name or unit, two sentences mixed, dots over a negation).
Sentences are assigned to one of two halves: `--half look` is what the rules were made with, `--half report` (the
default) was not looked at before they were done.

Printed: of each kind and of each corpus how many have the right verdict (a right one also at the right place);
precision (found and right, of all found) and recall (found at the right place, of all right ones), with 95% Wilson
intervals. Kinds in brackets count in neither, since people may differ on them: what is shown is how many are not found.

--speed: CPU seconds (one core) to index 300 documents and to verify 1,000 quotations in them, one in four invented.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import sys
import time
import unicodedata
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qa_pipeline.documents.reading import Document
from qa_pipeline.quotes import QuoteSources, verify
from qa_pipeline.text.words import sentence_spans

CORPORA = {"en": "en", "de": "de", "zh": "zh", "policy": "en"}
"""Corpus -> language."""
PER_KIND = 14
"""Quotations of each kind and corpus, both halves together, where there are so many."""

NOT = {"en": ("not",), "de": ("nicht",), "zh": ("不", "没有")}
VERBS = {
    "en": r"\b(is|are|was|were|may|will|can|must|shall|should|does|has)\b(?! not)",
    "de": r"\b(ist|sind|war|waren|wird|kann|darf|muss|wurde|wurden)\b(?! nicht)",
    "zh": r"(?<!不)(是|能|会|可以)",
}
LITTLE = {"en": "the a an that also of to", "de": "der die das den dem auch so sehr", "zh": "的 了"}
UNITS = {
    "en": {
        "%": " euros",
        "percent": "dollars",
        "million": "thousand",
        "miles": "kilometres",
        "years": "months",
        "days": "weeks",
    },
    "de": {
        "%": " Euro",
        "Prozent": "Euro",
        "Millionen": "Tausend",
        "Kilometer": "Meilen",
        "Jahre": "Monate",
        "Tage": "Wochen",
    },
    "zh": {"%": "元", "年": "月", "万": "亿", "公里": "英里", "英里": "公里"},
}


@dataclass(frozen=True)
class Made:
    """A quotation, and the right verdict.

    Attributes:
        kind: how it was made.
        right: True: it is in the sources, False: it is not, None: people may differ.
        document, start, end: where the sentence stands that it was made of.
    """

    corpus: str
    kind: str
    quote: str
    right: bool | None
    document: str = ""
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Sentence:
    """A sentence, as it is in the text and without line breaks."""

    corpus: str
    text: str
    document: str
    start: int
    end: int
    following: str = ""


def read_documents(data: Path, corpus: str) -> list[Document]:
    name = "policyqa/train.json" if corpus == "policy" else f"xquad/xquad.{corpus}.json"
    articles = json.loads((data / name).read_text(encoding="utf-8"))["data"]
    documents = []
    for number, article in enumerate(articles):
        texts = list(dict.fromkeys(paragraph["context"] for paragraph in article["paragraphs"]))
        step = 20 if corpus == "policy" else 1  # a paragraph of Wikipedia is a document, a page of a policy has twenty
        for part in range(0, len(texts), step):
            documents.append(Document("\n\n".join(texts[part : part + step]), f"{corpus}/{number}-{part}.txt"))
    return documents


def broken(text: str, language: str) -> str:
    """Lines of some 70 characters, with words hyphenated at their ends."""
    if language == "zh":
        return "\n".join(text[i : i + 30] for i in range(0, len(text), 30))
    lines, line = [], ""
    for word in text.split(" "):
        if len(line) + len(word) > 70:
            room = 70 - len(line) - 1
            if word.isalpha() and word.islower() and len(word) > 7 and 3 <= room <= len(word) - 3:
                lines.append(f"{line} {word[:room]}-")
                line = word[room:]
            else:
                lines.append(line)
                line = word
        else:
            line = f"{line} {word}" if line else word
    return "\n".join([*lines, line])


def sentences_of(document: Document, corpus: str, broken_text: str | None = None) -> list[Sentence]:
    """Sentences of a document, with their places in it, or in its text with broken lines."""
    language = CORPORA[corpus]
    places = range(len(document.text) + 1) if broken_text is None else moved(document.text, broken_text)
    found = []
    spans = sentence_spans(document.text, language)
    for place, (start, end) in enumerate(spans):
        text = document.text[start:end]
        size = len(text) if language == "zh" else 5 * len(text.split())
        after = document.text[slice(*spans[place + 1])] if place + 1 < len(spans) else ""
        if 40 <= size <= 200 and "\n" not in text and "..." not in text and "[" not in text:
            found.append(
                Sentence(corpus, text, document.source, places[start], places[end - 1] + 1, after.replace("\n", " "))
            )
    return found


def moved(text: str, broken_text: str) -> list[int]:
    """Where each character of a text is in its form with broken lines."""
    places, at = [], 0
    for character in text:
        while broken_text[at] != character and not (character == " " and broken_text[at] == "\n"):
            at += 1
        places.append(at)
        at += 1
    return places


# Edits that leave the sense: each takes a sentence and gives a quotation, or None where it has nothing to do.


def in_other_forms(one: Sentence, rng: random.Random) -> str | None:
    changes: list[Callable[[str], str]] = [
        lambda text: unicodedata.normalize("NFD", text),
        lambda text: text.replace("fi", "\ufb01").replace("fl", "\ufb02"),
        lambda text: "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text),
        lambda text: text.replace(" ", "\u00a0\u200b"),
        lambda text: "".join(c + "\u200b" if rng.random() < 0.2 else c for c in text),
    ]
    made = [text for change in changes if (text := change(one.text)) != one.text]
    return rng.choice(made) if made else None


def with_other_marks(one: Sentence, rng: random.Random) -> str | None:
    table = str.maketrans(
        {
            '"': "\u201d",
            "'": "\u2019",
            "\u201c": '"',
            "\u201d": '"',
            "\u2019": "'",
            "\u2013": "-",
            "\u2014": "--",
            "\u201e": '"',
        }
    )
    text = re.sub(r"(?<=\w)-(?=\w)", "\u2010", one.text.translate(table))
    return text if text != one.text else None


def with_other_space(one: Sentence, rng: random.Random) -> str | None:
    if CORPORA[one.corpus] == "zh":
        place = rng.choice([n for n in range(5, len(one.text) - 5) if not one.text[n - 1 : n + 1].isascii()])
        return one.text[:place] + rng.choice(["\n", " "]) + one.text[place:]
    return re.sub(" ", lambda _: rng.choice([" ", " ", "\n", "  ", "\t"]), one.text) + "\n"


def in_other_case(one: Sentence, rng: random.Random) -> str | None:
    text = rng.choice([str.upper, str.lower, lambda text: text[:1].swapcase() + text[1:]])(one.text)
    return text if text != one.text else None


def with_marks_around(one: Sentence, rng: random.Random) -> str | None:
    return rng.choice(["\u201c{}\u201d", '"{}"', "\u201e{}\u201c", "\u00ab{}\u00bb"]).format(
        one.text.strip("\"'\u201c\u201d\u201e")
    )


def with_other_stop(one: Sentence, rng: random.Random) -> str | None:
    cut = _clause(one, rng)
    return None if cut is None else cut.rstrip(",;:，、； ") + ("。" if CORPORA[one.corpus] == "zh" else ".")


def _clause(one: Sentence, rng: random.Random) -> str | None:
    places = [
        m.end() for m in re.finditer(r"[,;:] |[，、；]", one.text) if m.end() >= (12 if one.corpus == "zh" else 25)
    ]
    return one.text[: rng.choice(places)] if places else None


def with_words_left_out(one: Sentence, rng: random.Random) -> str | None:
    if CORPORA[one.corpus] == "zh":
        words, joint = list(one.text), ""
    else:
        words, joint = one.text.split(" "), " "
    least = 8 if joint == "" else 4
    if len(words) < 3 * least:
        return None
    begin = rng.randrange(least, len(words) - 2 * least + 1)
    end = rng.randrange(begin + 1, min(len(words) - least, begin + 10) + 1)
    left = joint.join(words[begin:end])
    if re.search(
        r"(?i)\b(not?|never|none|neither|nor|without|cannot|nicht|kein\w*|nie|ohne|weder)\b|n't|[不没无非未]|\d|[.!?;]",
        left,
    ):
        return None
    dots = rng.choice([" ... ", " [...] ", "\u2026", " (...) ", " \u2026 "])
    return joint.join(words[:begin]) + dots + joint.join(words[end:])


def with_brackets(one: Sentence, rng: random.Random) -> str | None:
    pronouns = {
        "en": r"\b(he|she|they|it|He|She|They|It|we|We|you|You)\b",
        "de": r"\b(er|sie|Er|Sie|es)\b",
        "zh": "(他们|它们|他|它|她|我们)",
    }
    names = {"en": "[the members]", "de": "[die Mitglieder]", "zh": "[这些成员]"}
    language = CORPORA[one.corpus]
    if found := re.search(pronouns[language], one.text):
        return one.text[: found.start()] + names[language] + one.text[found.end() :]
    return f"[{one.text[0].swapcase()}]{one.text[1:]}" if one.text[0].isalpha() and language != "zh" else None


def with_a_typo(one: Sentence, rng: random.Random) -> str | None:
    places = [m.span() for m in re.finditer(r"(?<!\S)[a-zäöüß]{6,}(?=[\s,.;])", one.text)]
    if not places:
        return None
    start, end = rng.choice(places)
    word, at = one.text[start:end], rng.randrange(1, end - start - 2)
    other = rng.choice(
        [
            word[:at] + word[at + 1] + word[at] + word[at + 2 :],
            word[:at] + word[at + 1 :],
            word[:at] + word[at] + word[at:],
        ]
    )
    return None if other == word else one.text[:start] + other + one.text[end:]


def without_a_little_word(one: Sentence, rng: random.Random) -> str | None:
    language = CORPORA[one.corpus]
    if language == "zh":
        places = [m.span() for m in re.finditer("[的了]", one.text)]
    else:
        little = "|".join(LITTLE[language].split())
        places = [m.span() for m in re.finditer(rf"(?<= )(?:{little}) ", one.text)]
    if not places or len(one.text) < 30:
        return None
    start, end = rng.choice(places)
    return one.text[:start] + one.text[end:]


def without_another_word(one: Sentence, rng: random.Random) -> str | None:
    """A word that may or may not matter."""
    if CORPORA[one.corpus] == "zh":
        return None
    places = [m.span() for m in re.finditer(r"(?<= )[a-zäöüß]{4,} ", one.text)]
    if not places:
        return None
    start, end = rng.choice(places)
    return one.text[:start] + one.text[end:]


# Edits that change the sense


def with_another_number(one: Sentence, rng: random.Random) -> str | None:
    places = [m.span() for m in re.finditer(r"\d+", one.text)]
    if not places:
        return None
    start, end = rng.choice(places)
    digits = list(one.text[start:end])
    at = rng.randrange(len(digits))
    digits[at] = rng.choice([d for d in "123456789" if d != digits[at]])
    return one.text[:start] + "".join(digits) + one.text[end:]


def with_another_negation(one: Sentence, rng: random.Random) -> str | None:
    language = CORPORA[one.corpus]
    space = "" if language == "zh" else " "
    negated = [m.span() for word in NOT[language] for m in re.finditer(rf"{space}{word}" if space else word, one.text)]
    negated = [(a, b) for a, b in negated if language == "zh" or not one.text[b : b + 1].isalnum()]
    if negated and rng.random() < 0.5:
        start, end = rng.choice(negated)
        return one.text[:start] + one.text[end:]
    places = [m for m in re.finditer(VERBS[language], one.text)]
    if not places:
        return None
    match = rng.choice(places)
    if language == "zh":
        return one.text[: match.start()] + "不" + one.text[match.start() :]
    return one.text[: match.end()] + f" {NOT[language][0]}" + one.text[match.end() :]


def with_another_name(one: Sentence, rng: random.Random, names: list[str]) -> str | None:
    if CORPORA[one.corpus] == "zh":
        return None
    places = [m.span() for m in re.finditer(r"(?<=[a-zäöü,] )[A-ZÄÖÜ][a-zäöüß]{3,}(?=[\s,.;])", one.text)]
    if not places:
        return None
    start, end = rng.choice(places)
    other = rng.choice([name for name in names if name != one.text[start:end]])
    return one.text[:start] + other + one.text[end:]


def with_a_name_misspelt(one: Sentence, rng: random.Random) -> str | None:
    """Another name, or the same one mistyped: nobody can tell."""
    if CORPORA[one.corpus] != "en":
        return None
    places = [m.span() for m in re.finditer(r"(?<=[a-z,] )[A-Z][a-z]{5,}(?=[\s,.;])", one.text)]
    if not places:
        return None
    start, end = rng.choice(places)
    at = rng.randrange(start + 1, end - 1)
    return one.text[:at] + rng.choice("aeiourstn".replace(one.text[at], "")) + one.text[at + 1 :]


def with_another_unit(one: Sentence, rng: random.Random) -> str | None:
    units = UNITS[CORPORA[one.corpus]]
    found = [(m, unit) for unit in units for m in re.finditer(rf"(?<=\d){unit}|(?<=\d ){unit}(?!\w)", one.text)]
    if not found:
        return None
    match, unit = rng.choice(found)
    return one.text[: match.start()] + units[unit] + one.text[match.end() :]


def mixed(one: Sentence, rng: random.Random, others: list[Sentence]) -> str | None:
    other = rng.choice([s for s in others if s.document != one.document])
    following = one.following if len(one.following) > 40 and rng.random() < 0.5 else other.text
    if CORPORA[one.corpus] == "zh":
        return one.text[: len(one.text) // 2] + following[len(following) // 2 :]
    ours, theirs = one.text.split(" "), following.split(" ")
    return " ".join([*ours[: len(ours) // 2], *theirs[(len(theirs) + 1) // 2 :]])


def with_dots_over_a_negation(one: Sentence, rng: random.Random) -> str | None:
    language = CORPORA[one.corpus]
    if language == "zh":
        match = re.search("[不没未无]", one.text)
        if not match or not 8 <= match.start() <= len(one.text) - 10:
            return None
        return f"{one.text[: match.start()]}……{one.text[match.end() :]}"
    match = re.search(r" (not|never|nicht|nie|kein\w*|no) ", one.text)
    if not match or len(one.text[: match.start()].split()) < 3 or len(one.text[match.end() :].split()) < 3:
        return None
    return f"{one.text[: match.start()]} ... {one.text[match.end() :]}"


def make(data: Path, seed: int) -> tuple[list[Document], list[tuple[str, Made]]]:
    """Documents to look in, and the quotations with their halves."""
    rng = random.Random(seed)
    looked_in: list[Document] = []
    made: list[tuple[str, Made]] = []
    for corpus, language in CORPORA.items():
        documents = read_documents(data, corpus)
        rng.shuffle(documents)
        held_out = documents[: len(documents) // 4]
        sentences: list[Sentence] = []
        for number, document in enumerate(documents[len(held_out) :]):
            lines = document.text.split("\n") if number % 4 == 0 else []
            text = "\n".join(broken(line, language) for line in lines) or None
            looked_in.append(document if text is None else Document(text, document.source))
            sentences += sentences_of(document, corpus, text)
        strange = [one for document in held_out for one in sentences_of(document, corpus)]
        names = sorted({m for one in strange for m in re.findall(r"(?<=[a-z,] )[A-Z][a-z]{3,}", one.text)})
        text = "\n".join(document.text for document in looked_in)
        made += _of_corpus(corpus, sentences, [one for one in strange if one.text[:40] not in text], names, rng)
    return looked_in, made


def _of_corpus(
    corpus: str, sentences: list[Sentence], strange: list[Sentence], names: list[str], rng: random.Random
) -> list[tuple[str, Made]]:
    kinds: list[tuple[str, bool | None, Callable[[Sentence], str | None]]] = [
        ("verbatim", True, lambda one: one.text),
        ("other Unicode forms", True, lambda one: in_other_forms(one, rng)),
        ("other quotes and dashes", True, lambda one: with_other_marks(one, rng)),
        ("other white space", True, lambda one: with_other_space(one, rng)),
        ("hyphenated in the source", True, lambda one: one.text),
        ("other case", True, lambda one: in_other_case(one, rng)),
        ("quotation marks around", True, lambda one: with_marks_around(one, rng)),
        ("another full stop", True, lambda one: with_other_stop(one, rng)),
        ("words left out with dots", True, lambda one: with_words_left_out(one, rng)),
        ("a word in brackets", True, lambda one: with_brackets(one, rng)),
        ("a typing error", True, lambda one: with_a_typo(one, rng)),
        ("a little word dropped", True, lambda one: without_a_little_word(one, rng)),
        ("(another word dropped)", None, lambda one: without_another_word(one, rng)),
        ("(a name misspelt)", None, lambda one: with_a_name_misspelt(one, rng)),
        ("invented", False, lambda one: one.text),
        ("another number", False, lambda one: with_another_number(one, rng)),
        ("another negation", False, lambda one: with_another_negation(one, rng)),
        ("another name", False, lambda one: with_another_name(one, rng, names)),
        ("another unit", False, lambda one: with_another_unit(one, rng)),
        ("two sentences mixed", False, lambda one: mixed(one, rng, sentences)),
        ("dots over a negation", False, lambda one: with_dots_over_a_negation(one, rng)),
    ]
    made: list[tuple[str, Made]] = []
    for kind, right, change in kinds:
        pool = strange if kind == "invented" else _pool(kind, sentences)
        pool = rng.sample(pool, len(pool))
        taken = 0
        for one in pool:
            if taken == PER_KIND:
                break
            quote = change(one)
            if quote is None:
                continue
            half = ("look", "report")[taken % 2]
            made.append((half, Made(corpus, kind, quote, right, one.document, one.start, one.end)))
            taken += 1
    return made


def _pool(kind: str, sentences: list[Sentence]) -> list[Sentence]:
    """Sentences that stand in the text as they are; or those with a line's end in them."""
    if kind == "hyphenated in the source":
        return [one for one in sentences if one.end - one.start != len(one.text) and one.corpus != "zh"]
    return [one for one in sentences if one.start == 0 or one.end - one.start == len(one.text)]


# Measuring


def is_right(one: Made, sources: QuoteSources) -> tuple[bool, bool]:
    """(found, with the right verdict); a quotation that is right must be found at its place."""
    check = verify(one.quote, sources)
    if one.right is not True:
        return check.is_found, not check.is_found
    texts = {document.source: document.text for document in sources.documents}
    there = check.document == one.document and one.start - 3 <= (check.start or 0) and (check.end or 0) <= one.end + 3
    said, meant = flat(check.found), flat(texts[one.document][one.start : one.end])
    copy = check.is_found and said in meant and len(said) > 0.8 * len(meant)  # the same words in another document
    return check.is_found, check.is_found and (there or copy)


def flat(text: str) -> str:
    return re.sub(r"[\s-]", "", text)


def wilson(right: int, total: int) -> str:
    if not total:
        return "-"
    share, z = right / total, 1.96
    middle = (share + z * z / (2 * total)) / (1 + z * z / total)
    half = z * ((share * (1 - share) + z * z / (4 * total)) / total) ** 0.5 / (1 + z * z / total)
    return f"{100 * share:.1f}% ({right} of {total}; {100 * (middle - half):.1f} to {100 * (middle + half):.1f})"


def measure(documents: list[Document], made: list[tuple[str, Made]], half: str, misses: bool) -> dict[str, object]:
    sources = QuoteSources(documents)
    kinds: dict[str, Counter[str]] = {}
    corpora: dict[str, Counter[str]] = {name: Counter() for name in (*CORPORA, "all")}
    begin = time.perf_counter()
    for its_half, one in made:
        if half not in (its_half, "both"):
            continue
        found, right = is_right(one, sources)
        kinds.setdefault(one.kind, Counter()).update(
            {one.corpus: right, "all": right, f"n {one.corpus}": 1, "n all": 1}
        )
        if misses and not right and one.right is not None:
            check = verify(one.quote, sources)
            differs = [str(each) for each in (check.nearest.differs if check.nearest else check.edits)]
            print(f"- {one.corpus}, {one.kind}: {one.quote!r}\n    {check.status} {check.repair} {differs}")
        for name in (one.corpus, "all") if one.right is not None else ():
            corpora[name].update(
                {
                    "found": found,
                    "found right": found and right,
                    "right": bool(one.right),
                    "recalled": bool(one.right) and right,
                }
            )
    seconds = time.perf_counter() - begin
    print(f"{'right verdicts':<28}" + "".join(f"{name:>10}" for name in (*CORPORA, "all")))
    for kind, counts in kinds.items():
        cells = [f"{counts[name]}/{counts[f'n {name}']}" if counts[f"n {name}"] else "" for name in (*CORPORA, "all")]
        print(f"{kind:<28}" + "".join(f"{cell:>10}" for cell in cells))
    for name, counts in corpora.items():
        precision = wilson(counts["found right"], counts["found"])
        print(f"{name}: precision {precision}, recall {wilson(counts['recalled'], counts['right'])}")
    total = sum(counts["n all"] for counts in kinds.values())
    print(f"{total} quotations, {len(documents)} documents, half: {half}, {seconds:.1f} s")
    return {
        "half": half,
        "quotations": total,
        "by_corpus": {name: dict(counts) for name, counts in corpora.items()},
        "by_kind": {kind: [counts["all"], counts["n all"]] for kind, counts in kinds.items()},
    }


def speed(documents: list[Document], made: list[tuple[str, Made]], seed: int) -> dict[str, float]:
    rng = random.Random(seed)
    chosen = rng.sample(documents, min(300, len(documents)))
    names = {document.source for document in chosen}
    right = [one.quote for _, one in made if one.right and one.document in names]
    wrong = [one.quote for _, one in made if one.right is False]
    quotes = rng.choices(right, k=750) + rng.choices(wrong, k=250)
    begin = time.process_time()
    sources = QuoteSources(chosen)
    indexed = time.process_time()
    verify(quotes, sources)
    end = time.process_time()
    size = sum(len(document.text) for document in chosen)
    print(f"{len(chosen)} documents, {size:,} characters: indexed in {indexed - begin:.2f} s")
    print(f"{len(quotes):,} quotations (250 wrong): {end - indexed:.2f} s")
    return {"index_seconds": indexed - begin, "verify_seconds": end - indexed}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder with xquad/ and policyqa/")
    parser.add_argument("--half", choices=("look", "report", "both"), default="report")
    parser.add_argument("--misses", action="store_true", help="print each wrong verdict")
    parser.add_argument("--speed", action="store_true", help="measure seconds instead")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    documents, made = make(arguments.data, arguments.seed)
    if arguments.speed:
        print(json.dumps(speed(documents, made, arguments.seed)))
    else:
        print(json.dumps(measure(documents, made, arguments.half, arguments.misses)))


if __name__ == "__main__":
    main()
