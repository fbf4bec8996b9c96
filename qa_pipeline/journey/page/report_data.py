"""The sections of the journey's page on its data: the prompt as it was read, data found, data made, the splits.

Each takes the facts of one stage and gives markup. What a stage did not note is left out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_pipeline.compare import drawing, page
from qa_pipeline.compare.page_parts import Markup, bullets, facts_list, get, opened, rows_of, tag, words
from qa_pipeline.journey.page.curves import shares_chart
from qa_pipeline.journey.page.report_parts import gold_marks, made_by_tag, passage
from qa_pipeline.journey.results.evaluation import MADE_BY
from qa_pipeline.text.languages import language_name
from qa_pipeline.wording import counted, plain

_SHOWN = 6
"""Candidates that are shown at once; the others open on a click."""
_MOST_SAMPLES = 4
_MOST_REASONS = 8
KINDS = {
    "labelled": ("labelled by people", 1),
    "retrieved": ("retrieved", 3),
    "generated": ("generated", 2),
    "other": ("of another kind", 0),
}
"""Kind of rows -> in words, and the colour that it has in charts."""


def prompt_section(facts: Mapping[str, Any]) -> str:
    """The specification that the prompt was read as."""
    found = get(facts, "specification", default={})
    wanted = get(found, "unanswerable_fraction")
    shown = {
        "Task": get(found, "task"),
        "Subject": get(found, "domain") or "not named",
        "Language": _language(get(found, "language")),
        "Kinds of answers": ", ".join(get(found, "answer_types", default=())) or "all",
        "Questions wanted": _number(get(found, "num_examples")) or "as many as the data gives",
        "Without an answer": f"{wanted:.0%} of them" if wanted is not None else _yes_or_no(get(found, "unanswerable")),
    }
    questions = bullets(get(found, "sample_questions", default=()))
    notes = bullets(get(found, "notes", default=()))
    examples = "".join(_sample(row) for row in rows_of(found, "examples")[:3])
    return (
        facts_list(shown)
        + (f'<h3 class="sub">Questions that the prompt gives</h3>{questions}' if questions else "")
        + (f'<h3 class="sub">Examples that the prompt gives</h3><ol class="cards">{examples}</ol>' if examples else "")
        + (f'<h3 class="sub">What could not be used</h3>{notes}' if notes else "")
    )


def found_section(facts: Mapping[str, Any], samples: Sequence[Mapping[str, Any]] = ()) -> str:
    """The data sets that were found: used, usable, refused, each with its reason; and rows of those that were used."""
    used = {str(row.get("id")): row for row in rows_of(facts, "used")}
    refused = {str(row.get("id")): row for row in rows_of(facts, "refused")}
    candidates = rows_of(facts, "candidates")
    known = {str(row.get("id")) for row in candidates}
    candidates = [row for row in (*used.values(), *refused.values()) if str(row.get("id")) not in known] + candidates
    first = [row for row in candidates if str(row.get("id")) in used]
    others = [row for row in candidates if str(row.get("id")) not in used]
    rows = get(facts, "rows", default=0)
    taken = (
        f"{counted(rows, 'row')} of {counted(len(used), 'data set')} went into the training data."
        if used
        else ("None of them was used.")
    )
    looked = f"<p>{counted(len(candidates), 'data set')} considered. {taken}</p>"
    items = [_dataset(row, used.get(str(row.get("id"))), refused.get(str(row.get("id")))) for row in first + others]
    most = max(_SHOWN, len(first))
    return looked + listed(items[:most]) + opened(f"{len(items) - most} more", listed(items[most:])) + _samples(samples)


def listed(items: Sequence[str]) -> str:
    """Candidates one below the other."""
    return f'<ul class="candidates">{"".join(items)}</ul>' if items else ""


def _dataset(row: Mapping[str, Any], used: Mapping[str, Any] | None, refused: Mapping[str, Any] | None) -> str:
    why_not = get(refused, "reason") or get(refused, "why_not") or get(row, "why_not")
    if used is not None:
        mark = tag(f"used: {counted(get(used, 'rows', default=0), 'row')}", "yes")
    elif why_not or get(row, "usable", default=True) is False:
        mark = tag("refused", "no")
    else:
        mark = tag("not used")
    reason = str(get(row, "reason") or get(used, "reason") or "")
    refusal = f"Refused: {why_not}" if why_not and str(why_not) not in reason else None
    where = [
        f"from the {row['source']}" if get(row, "source") else None,
        "gated" if get(row, "gated") else None,
        f"weight {weight:g}" if (weight := get(used, "weight")) is not None else None,
    ]
    line = _known(row, used is not None) + where
    name = str(get(row, "name") or get(row, "id", default=""))
    return candidate(name, mark, [reason, refusal], line, is_used=used is not None)


def _known(row: Mapping[str, Any], used: bool) -> list[str | None]:
    """Rows, size, licence and languages of a data set; nothing where its reason says them."""
    rows, size = get(row, "num_rows"), get(row, "size_mb")
    if rows is None and not used and isinstance(row.get("rows"), int):
        rows = row["rows"]
    if isinstance(rows, int) and f"{counted(rows, 'row')}, " in str(get(row, "reason")):
        return []
    languages = get(row, "languages", default=()) or [get(row, "language")]
    return [
        counted(rows, "row") if isinstance(rows, int) else "rows not known",
        f"{size:,.1f} MB" if isinstance(size, int | float) else "size not known",
        f"licence {row['licence']}" if get(row, "licence") else "licence not known",
        ", ".join(filter(None, map(_language, languages))) or "language not known",
    ]


def candidate(name: str, mark: str, sentences: Sequence[Any], line: Sequence[str | None], *, is_used: bool) -> str:
    """One candidate: its name with a mark, sentences about it, and a line of facts.

    Args:
        name: as text.
        mark: markup.
        sentences: texts; None is left out.
        line: texts; None is left out.
        is_used: it is shown as chosen.
    """
    said = "".join(f"<p>{words(text[:1].upper() + text[1:])}</p>" for text in map(str, filter(None, sentences)))
    facts = " \N{MIDDLE DOT} ".join(words(fact) for fact in line if fact)
    return (
        f'<li class="candidate{" used" * is_used}"><h4>{page.breakable(plain(name))} {mark}</h4>{said}'
        f'<p class="line">{facts}</p></li>'
    )


def made_section(facts: Mapping[str, Any], samples: Sequence[Mapping[str, Any]]) -> str:
    """What was generated, what was refused and why, and a few rows."""
    report = get(facts, "report", default={})
    counts = get(report, "facts", default={})
    shown = {
        "Made by": _backend(
            get(facts, "backend") or get(report, "settings", "backend"), get(report, "settings", "model")
        ),
        "Documents": _number(get(counts, "documents")),
        "Passages asked about": _number(get(counts, "passages_asked")),
        "Questions drafted": _number(get(report, "drafts")),
        "Accepted": _number(get(report, "accepted")),
        "In the data set": _number(get(facts, "rows") or get(report, "rows")),
        "Ended early": get(report, "stopped_early"),
    }
    refused = {**get(report, "rejected", default={}), **get(report, "left_out", default={})}
    meanings = get(report, "meanings", default={})
    chart = _reasons(refused, meanings, "What was refused", "Drafts that the filters refused, and rows left out.")
    notes = page.cautions([words(text) for text in get(report, "warnings", default=())])
    pair = f'<div class="pairs"><div>{facts_list(shown)}</div>{chart}</div>' if chart else facts_list(shown)
    return pair + notes + _samples(samples)


def _reasons(counts: Mapping[str, int], meanings: Mapping[str, str], title: str, note: str) -> str:
    """A chart of why rows went, and what the reasons mean."""
    if not counts:
        return ""
    ordered = dict(sorted(counts.items(), key=lambda pair: -pair[1])[:_MOST_REASONS])
    named = {reason.replace("_", " "): float(count) for reason, count in ordered.items()}
    figures = {reason.replace("_", " "): f"{count:,}" for reason, count in ordered.items()}
    said = f"{title}: " + "; ".join(f"{name} {figure}" for name, figure in figures.items())
    explained = bullets(f"{reason.replace('_', ' ')}: {meanings[reason]}" for reason in ordered if reason in meanings)
    return page.panel(words(title), drawing.bars_chart(named, figures, said, place=0), note).replace(
        "</figure>", f"{opened('What the words mean', explained)}</figure>"
    )


def dataset_section(facts: Mapping[str, Any], samples: Sequence[Mapping[str, Any]] = ()) -> str:
    """The splits, who made the test questions, what was removed between sources and splits; and rows of people."""
    splits = {name: split for name, split in get(facts, "splits", default={}).items() if isinstance(split, Mapping)}
    report, made_by = get(facts, "report", default={}), get(facts, "test_made_by", default="none")
    by_kind = {name: _kinds(split, get(report, "splits", name, default={})) for name, split in splits.items()}
    places = {kind: place for kind, (_, place) in KINDS.items()}
    present = [kind for kind in KINDS if any(parts.get(kind) for parts in by_kind.values())]
    legend = "".join(f"<li>{drawing.key(places[kind])}{words(KINDS[kind][0])}</li>" for kind in present)
    said = "; ".join(f"{name} {sum(parts.values())} questions" for name, parts in by_kind.items())
    chart = (
        page.panel(
            "Questions in each split",
            f'<ul class="legend">{legend}</ul>' + shares_chart(by_kind, places, f"Questions in each split: {said}"),
        )
        if by_kind
        else ""
    )
    removed = _reasons(
        get(report, "removed", default={}),
        get(report, "meanings", default={}),
        "What was removed",
        "Repeats, and rows that share a text or a question with a held-out split.",
    )
    table = (
        page.folded(
            page.table(
                ["", "questions", "without answer", "texts", "documents", "sources"],
                [
                    [
                        name,
                        *(_number(split.get(key)) or "0" for key in ("rows", "unanswerable", "contexts")),
                        _number(split.get("documents") or get(report, "splits", name, "documents")) or "not counted",
                        ", ".join(
                            f"{source} {count:,}" for source, count in get(split, "by_source", default={}).items()
                        ),
                    ]
                    for name, split in splits.items()
                ],
            )
        )
        if splits
        else ""
    )
    changed = _changes(get(report, "review") or get(report, "changes"))
    licences = get(report, "licences", default={})
    who = facts_list(
        {
            "The test questions": Markup(f"{made_by_tag(made_by)} {words(MADE_BY.get(made_by, made_by))}"),
            "Split by": get(report, "split_by"),
            "Licences": ", ".join(f"{name} ({count:,} rows)" for name, count in licences.items()),
            "Changed by a person": changed,
        }
    )
    notes = page.cautions([words(text) for text in get(report, "warnings", default=())])
    return who + page.panels([one for one in (chart, removed) if one]) + table + notes + _samples(samples)


def _kinds(split: Mapping[str, Any], reported: Mapping[str, Any]) -> dict[str, int]:
    """Rows of a split by kind; by what the report says where the split itself does not."""
    found = get(split, "by_kind") or get(reported, "by_kind") or {"other": get(split, "rows", default=0)}
    known: dict[str, int] = {}
    for kind, count in found.items():
        name = kind if kind in KINDS else "other"
        known[name] = known.get(name, 0) + count
    return {kind: known[kind] for kind in KINDS if kind in known}


def _changes(changes: Any) -> str | None:
    if not isinstance(changes, Mapping):
        return None
    counts = [f"{count:,} {name.replace('_', ' ')}" for name, count in changes.items() if isinstance(count, int)]
    return ", ".join(counts) or None


def _samples(rows: Sequence[Mapping[str, Any]]) -> str:
    """A few rows, the answers marked in their passages."""
    first = {str(row.get("context")): row for row in reversed(rows)}  # of each passage one, as long as there are others
    apart = [row for row in rows if first[str(row.get("context"))] is row]
    others = [row for row in rows if first[str(row.get("context"))] is not row]
    cards = "".join(_sample(row) for row in (apart + others)[:_MOST_SAMPLES])
    return f'<h3 class="sub">Samples, with the answer marked</h3><ol class="cards two">{cards}</ol>' if cards else ""


def _sample(row: Mapping[str, Any]) -> str:
    """A question with its passage, the answer marked in it."""
    where = get(row, "source") or get(row, "metadata", "source")
    kind = get(row, "metadata", "kind")
    shown = [tag(KINDS[kind][0])] if kind in KINDS else []
    shown += [f'<span class="id">{words(where)}</span>'] if where and where != kind else []
    answers = get(row, "answers", default={})
    texts = list(dict.fromkeys(get(answers, "text", default=()))) if isinstance(answers, Mapping) else []
    answer = " \N{MIDDLE DOT} ".join(map(words, texts)) or "no answer in this text"
    return (
        f'<li class="card"><div class="meta">{"".join(shown)}</div><h3 dir="auto">{words(row.get("question", ""))}</h3>'
        f'<dl class="answers"><div><dt>Answer</dt><dd class="text{"" if texts else " none"}" dir="auto">{answer}</dd>'
        f"</div></dl>{passage(str(row.get('context', '')), gold_marks(answers))}</li>"
    )


def _backend(backend: Any, model: Any) -> str | None:
    if backend in (None, "", "cloze"):
        return "rules (cloze); no language model was asked" if backend else None
    return f"a language model: {model} through {backend}" if model else f"a language model through {backend}"


def _language(code: Any) -> str | None:
    return language_name(str(code)) if code else None


def _yes_or_no(value: Any) -> str | None:
    return None if value is None else "wanted" if value else "not wanted"


def _number(value: Any) -> str | None:
    return f"{value:,.0f}" if isinstance(value, int | float) else None
