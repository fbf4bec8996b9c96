"""How far the labelling is, and lists to go from: passages and labels, a page of them at a time. Never writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from qa_pipeline.documents.passage import Passage
from qa_pipeline.errors import DataError
from qa_pipeline.serve.label.decision import Decision, LabelState
from qa_pipeline.serve.label.project import LabelProject, said_of
from qa_pipeline.wording import in_short

PER_PAGE = 50
BEGINNING = 120
"""Characters of a passage that stand in a list."""
KINDS: dict[str, Callable[[LabelState, Decision], bool]] = {
    "answered": lambda state, said: said.is_label and said.start is not None,
    "unanswerable": lambda state, said: said.is_label and said.start is None,
    "accepted": lambda state, said: said.verdict == "accepted",
    "corrected": lambda state, said: said.verdict == "corrected",
    "own": lambda state, said: said.verdict == "own",
    "rejected": lambda state, said: said.verdict == "rejected",
    "disputed": lambda state, said: bool(state.rivals),
}
"""By what labels can be listed."""


def progress(project: LabelProject) -> dict[str, Any]:
    """How far the labelling is.

    Returns:
        file, model and notes of the project; counts: labels (rows of the file), gone (labels of passages that are no
        longer there), suggested (questions that wait for a decision) and one for each of KINDS; suggestions: passages
        done, total, and the fault that ended them; documents: name, passages, labels, decided and open of each, in
        order; people: name and decisions, most first.

    Raises:
        DataError: the journal cannot be read.
    """
    project.store.refresh()
    counts, people = Counter[str](), Counter[str]()
    labels, decided = Counter[str](), Counter[str]()
    for state, said in _decided(project):
        counts.update(name for name, applies in KINDS.items() if applies(state, said))
        people[said.author] += 1
        document = project.passage(said.passage).document
        decided[document] += 1
        if said.is_label:
            counts["labels"] += 1
            counts["gone"] += said.passage not in project.passages
            labels[document] += 1
    passages = Counter(passage.document for passage in project.passages.values())
    still = Counter[str]()
    for name, suggestions in project.suggester.made().items():
        still[project.passages[name].document] += sum(project.is_open(one.item) for one in suggestions)
    suggester = project.suggester
    return {
        "file": str(project.store.path),
        "model": project.model,
        "notes": project.notes,
        "counts": {name: counts[name] for name in ("labels", "gone", *KINDS)} | {"suggested": still.total()},
        "suggestions": {"done": suggester.done, "total": suggester.total, "fault": suggester.fault},
        "documents": [
            {"name": name, "passages": number, "labels": labels[name], "decided": decided[name], "open": still[name]}
            for name, number in passages.items()
        ],
        "people": [{"name": name, "decisions": number} for name, number in people.most_common()],
    }


def list_passages(
    project: LabelProject, *, document: str | None = None, query: str = "", page: int = 1
) -> dict[str, Any]:
    """Passages in the order of the documents, then those that are gone; those whose text holds `query`.

    Returns:
        total, page and pages; rows: id, document, page, headings, beginning, labels, open, gone, other (who is there).

    Raises:
        DataError: the journal cannot be read.
    """
    project.store.refresh()
    made, leases = project.suggester.made(), project.store.leases()
    labels = Counter(said.passage for _, said in _decided(project) if said.is_label)
    gone = [passage for name, passage in project.store.passages.items() if name not in project.passages]
    wanted = query.casefold()
    found = [
        passage
        for passage in (*project.passages.values(), *gone)
        if document in (None, passage.document) and wanted in f"{passage.document}\n{passage.text}".casefold()
    ]

    def row(passage: Passage) -> dict[str, Any]:
        lease = leases.get(passage.id)
        return {
            "id": passage.id,
            "document": passage.document,
            "page": passage.page,
            "headings": list(passage.headings),
            "beginning": _beginning(passage.text),
            "labels": labels[passage.id],
            "open": sum(project.is_open(one.item) for one in made.get(passage.id, ())),
            "gone": passage.id not in project.passages,
            "other": None if lease is None else lease.person or "somebody",
        }

    return _page(found, page, row)


def list_labels(
    project: LabelProject,
    *,
    document: str | None = None,
    kind: str | None = None,
    person: str | None = None,
    query: str = "",
    page: int = 1,
) -> dict[str, Any]:
    """What was decided, the latest question first.

    Returns:
        total, page and pages; rows: item, passage, document, answer (None: not answered there), disputed, gone, and of
        the decision verdict, question, person and time.

    Raises:
        DataError: there is no such kind, or the journal cannot be read.
    """
    if kind is not None and kind not in KINDS:
        raise DataError(f"kind: expected one of {', '.join(KINDS)}, found {in_short(kind)}")
    project.store.refresh()
    wanted = query.casefold()
    found = []
    for state, said in _decided(project):
        passage = project.passage(said.passage)
        fits = document in (None, passage.document) and person in (None, said.author)
        if not fits or (kind is not None and not KINDS[kind](state, said)):
            continue
        answer = passage.text[said.start : said.end] if said.start is not None else ""
        if wanted in f"{said.question}\n{answer}".casefold():
            found.append((state, said))

    def row(one: tuple[LabelState, Decision]) -> dict[str, Any]:
        state, said = one
        passage = project.passage(said.passage)
        return {
            "item": said.item,
            "passage": passage.id,
            "document": passage.document,
            "answer": None if said.start is None else passage.text[said.start : said.end],
            "disputed": bool(state.rivals),
            "gone": passage.id not in project.passages,
            **said_of(said),
        }

    return _page(found[::-1], page, row)


def _decided(project: LabelProject) -> list[tuple[LabelState, Decision]]:
    states = list(project.store.states.values())
    return [(state, state.current) for state in states if state.current is not None and state.is_decided]


def _page(found: Sequence[Any], page: int, row: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    pages = max(1, -(-len(found) // PER_PAGE))
    page = min(max(page, 1), pages)
    rows = [row(one) for one in found[(page - 1) * PER_PAGE : page * PER_PAGE]]
    return {"total": len(found), "page": page, "pages": pages, "rows": rows}


def _beginning(text: str) -> str:
    line = " ".join(text[: 2 * BEGINNING].split())
    return line if len(line) <= BEGINNING else line[: BEGINNING - 1] + "\N{HORIZONTAL ELLIPSIS}"
