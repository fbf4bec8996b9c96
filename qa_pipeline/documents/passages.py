"""From documents, JSONL files and labelled data to passages that questions can be asked about.

Passages are slices of their document, in its order; the same text is never there twice.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from qa_pipeline.data import load_examples
from qa_pipeline.documents.cutting import MAX_WORDS, cut
from qa_pipeline.documents.files import some, source_documents
from qa_pipeline.documents.passage import Passage, passage_id
from qa_pipeline.documents.reading import Document, blocks_of
from qa_pipeline.errors import DataError
from qa_pipeline.text.languages import is_other_language, language_name
from qa_pipeline.text.words import count_words
from qa_pipeline.wording import counted


@dataclass
class PassageReport:
    """What became of the sources.

    Attributes:
        documents, passages: how many there are.
        left_out: passages that are not used, by reason.
        notes: files, rows and documents that are not used, or not as they should be, by name.
    """

    documents: int = 0
    passages: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def leave_out(self, reason: str, count: int = 1) -> None:
        """Counts passages that are not used."""
        self.left_out[reason] = self.left_out.get(reason, 0) + count


def read_passages(
    documents: Sequence[str] = (),
    contexts_from: Sequence[str] = (),
    *,
    min_words: int = 15,
    max_words: int = MAX_WORDS,
    language: str = "en",
    only_language: bool = False,
    leave: str | None = None,
    encoding: str | None = None,
) -> tuple[list[Passage], PassageReport]:
    """Reads all sources.

    Args:
        documents: files and folders; `.jsonl` files hold one document on a line, as a text or as
            `{"text": ..., "id": ..., "title": ...}` (`context`, `content` and `body` are read as text too).
        contexts_from: labelled data in any format that `load_examples` knows; contexts stay as they are.
        min_words, max_words: bounds of a passage; contexts of labelled data are never cut.
        language: code, for cutting sentences.
        only_language: leave out documents that are clearly in another language; else they are only noted.
        leave: a folder that is not read where it lies in one of `documents`.
        encoding: of documents that are text or HTML; None: found out.

    Raises:
        DataError: a source cannot be read, or no passage is left.
    """
    report = PassageReport()
    seen: set[str] = set()
    passages: list[Passage] = []
    read = _from_documents(documents, max_words, language, report.notes, leave, encoding)
    why: dict[str, set[str]] = {}
    for passage in (*read, *_from_data(contexts_from)):
        reasons = why.setdefault(passage.document, set())
        if count_words(passage.text) < min_words:
            report.leave_out("too_short")
            reasons.add("too short")
        elif passage.text in seen:
            report.leave_out("duplicate")
            reasons.add("the same text as another")
        else:
            seen.add(passage.text)
            passages.append(passage)
    used = {passage.document for passage in passages}
    unused = [f"{name} ({' and '.join(sorted(why[name]))})" for name in why if name not in used]
    if unused and passages:
        report.notes.append(f"{counted(len(unused), 'document')} without a passage: {some(unused)}")
    foreign = _in_other_languages(passages, language)
    if foreign:
        report.notes.append(_foreign_note(list(foreign), language, only_language))
    if only_language:
        report.left_out |= {"other_language": sum(foreign.values())} if foreign else {}
        passages = [passage for passage in passages if passage.document not in foreign]
    report.documents, report.passages = len({passage.document for passage in passages}), len(passages)
    if not passages:
        counts = ", ".join(f"{count} {reason}" for reason, count in report.left_out.items()) or "the sources are empty"
        longer = f"; lower min_passage_words (now {min_words}) or give longer documents"
        raise DataError(
            f"no passage to ask about in {', '.join([*documents, *contexts_from])}: {counts}"
            + (longer if "other_language" not in report.left_out else "")
            + "".join(f"\n{note}" for note in report.notes)
        )
    return passages, report


def cut_document(document: Document, max_words: int = MAX_WORDS, language: str = "en") -> list[Passage]:
    r"""Cuts a document into passages, in its order.

    Args:
        document: as `read_document` gives it.
        max_words: what a passage holds at most.
        language: code, for cutting sentences.

    Returns:
        Passages with `text == document.text[start:end]`, not overlapping, that hold all of the text. Each begins at a
        heading, or goes on below it; see `cutting.cut`. Two of the same text have the same id.

    Example:
        >>> from qa_pipeline.documents.reading import Document
        >>> rules = "# Rules\n\n## Fees\n\n" + "Boats pay. " * 40 + "\n\n## Hours\n\n" + "Open at nine. " * 40
        >>> [passage.headings for passage in cut_document(Document(rules, "rules.md"))]
        [('Rules', 'Fees'), ('Rules', 'Hours')]
    """
    text, name, title = document.text, document.source, document.title or ""
    passages = []
    starts = [page.start for page in document.pages]
    spans = cut(
        text, blocks_of(document), max_words, language, line_is_paragraph=document.line_is_paragraph, page_starts=starts
    )
    for found in spans:
        own, page = text[found.start : found.end], document.page_at(found.start)
        passages.append(
            Passage(
                id=passage_id(name, own),
                document=name,
                text=own,
                title=title,
                metadata={"document_start": found.start},
                start=found.start,
                end=found.end,
                page=page,
                headings=found.headings,
                lead=text[slice(*found.lead)] if found.lead else "",
            )
        )
    return passages


def choose_subset(passages: Sequence[Passage], count: int | None, seed: int) -> list[Passage]:
    """`count` passages drawn by (seed, passage id), in their order; a larger count only adds to a smaller one's."""
    if count is None or count >= len(passages):
        return list(passages)
    ranked = sorted(range(len(passages)), key=lambda i: rank(seed, passages[i].id))
    return [passages[i] for i in sorted(ranked[:count])]


def choose_shard(passages: Sequence[Passage], number: int, of: int) -> list[Passage]:
    """Shard `number` (from 1) of `of`: whole documents, spread so that shards have about as many passages each."""
    sizes: dict[str, int] = {}
    for passage in passages:
        sizes[passage.document] = sizes.get(passage.document, 0) + 1
    loads = [0] * of
    home: dict[str, int] = {}
    for document in sorted(sizes, key=lambda name: (-sizes[name], rank(0, name))):
        lightest = min(range(of), key=lambda shard: (loads[shard], shard))
        home[document] = lightest
        loads[lightest] += sizes[document]
    return [passage for passage in passages if home[passage.document] == number - 1]


def rank(seed: int, name: str) -> str:
    """A stable random key: the same for a seed and a name, whatever else there is."""
    return hashlib.sha256(f"{seed}\0{name}".encode("utf-8", "surrogatepass")).hexdigest()


def _from_documents(
    sources: Sequence[str], max_words: int, language: str, notes: list[str], leave: str | None, encoding: str | None
) -> Iterator[Passage]:
    if not sources:
        return
    for document in source_documents(sources, notes, leave, encoding):
        yield from cut_document(document, max_words, language)


def _in_other_languages(passages: Sequence[Passage], language: str) -> dict[str, int]:
    """Documents that are clearly not in the language, with their passages counted."""
    texts: dict[str, list[str]] = {}
    for passage in passages:
        texts.setdefault(passage.document, []).append(passage.text)
    return {name: len(parts) for name, parts in texts.items() if is_other_language("\n".join(parts), language)}


def _foreign_note(names: Sequence[str], language: str, left_out: bool) -> str:
    count = counted(len(names), "document")
    if left_out:
        return (
            f"{count} left out, not in {language_name(language)}: {some(names)}; a language model (--backend openai, "
            "vllm or transformers, with --language) can ask about them"
        )
    return f"{count} not in {language_name(language)}, it seems: {some(names)}; --language says which one to ask in"


def _from_data(sources: Sequence[str]) -> Iterator[Passage]:
    """The contexts of labelled data, each once; its document is its title where the data has titles."""
    for source in sources:
        examples, _ = load_examples(source, require_answers=False, max_bad_fraction=1.0)
        seen: set[str] = set()
        for example in examples:
            text = example["context"]
            if text in seen:
                continue
            seen.add(text)
            title = example.get("title", "")
            given = example.get("metadata", {}).get("document")
            document = str(given or title or f"{Path(source).name}:{passage_id('', text)}")
            yield Passage(passage_id(document, text), document, text, title, {})
