"""The comparison as one self-contained HTML page: the verdict, the charts, then every question to look at.

The page needs no network (its content security policy forbids it, and any script but its own). Questions travel once,
as JSON, and are drawn a few at a time as the reader scrolls, so that 5,000 of them open as quickly as 50.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from bisect import bisect_left
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from html import escape
from typing import Any

from qa_pipeline.compare import charts, drawing, page
from qa_pipeline.compare.results import Comparison, Difference, Given, Question, Score
from qa_pipeline.compare.table import KINDS, TITLES, parameters_words
from qa_pipeline.compare.verdict import named, p_words, read_words, verdict
from qa_pipeline.wording import counted, plain

_NOT_IN_A_SCRIPT = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def report_html(comparison: Comparison) -> str:
    """The whole page. Write it as UTF-8."""
    comparison = _without_control(comparison)
    words = verdict(comparison)
    script = f"\n{page.asset('report.js')}\n"
    slots = {
        "title": escape(
            " against ".join(m.label for m in comparison.models)
            if len(comparison.models) == 2
            else f"{len(comparison.models)} models compared"
        ),
        "style": page.asset("report.css"),
        "script": script,
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "symbols": drawing.symbols(),
        "about": escape(_about(comparison)),
        "headline": _html(words.headline, comparison),
        "details": "".join(f"<p>{_html(sentence, comparison)}</p>" for sentence in words.details),
        "cautions": page.cautions([_html(sentence, comparison) for sentence in words.cautions]),
        "figures": "".join(_figure(comparison, place) for place in range(len(comparison.models))),
        "legend": _legend(comparison),
        "scores": _scores(comparison),
        "breakdowns": _breakdowns(comparison),
        "confidence": _confidence(comparison),
        "costs": _costs(comparison),
        "method": _method(comparison),
        "data": embedded_json(page_data(comparison)),
    }
    return page.filled(page.asset("report.html"), slots)


def _without_control(comparison: Comparison) -> Comparison:
    """The same with names that turn no words around, whatever files and models are called."""
    models = [replace(model, label=plain(model.label), name=plain(model.name)) for model in comparison.models]
    places = [
        replace(place, document=plain(place.document), headings=tuple(map(plain, place.headings)))
        for place in comparison.places
    ]
    return replace(comparison, models=models, source=plain(comparison.source), places=places)


def page_data(comparison: Comparison) -> dict[str, Any]:
    """What the page's script reads; positions are UTF-16 units, as JavaScript counts.

    `questions` are lists to keep the page small: ids, question, context, [[start, end] of each reference answer], for
    each model [start, end, confidence, exact, f1], where start and end are null for no answer, and {column: value}.
    Of questions on a folder each answer has its context and the place of the right document behind that, each question
    the texts of its reference answers and the names of its documents; `places` says where each context stands.
    """
    of_folder = comparison.folder is not None
    wide = [[i for i, c in enumerate(text) if ord(c) > 0xFFFF] for text in comparison.contexts]

    def units(context: int, position: int) -> int:
        return position + bisect_left(wide[context], position)

    def span(context: int, start: int | None, end: int | None) -> list[int | None]:
        return [None, None] if start is None or end is None else [units(context, start), units(context, end)]

    def answer(row: Question, given: Given) -> list[Any]:
        context = row.context if given.context is None else given.context
        seen = [*span(context, given.start, given.end), round(given.confidence, 4), round(given.exact)]
        place = [given.context, given.document_place] if of_folder else []
        return [*seen, round(given.f1, 4), *place]

    return {
        **({"places": [[p.document, p.page, list(p.headings)] for p in comparison.places]} if of_folder else {}),
        "labels": [model.label for model in comparison.models],
        "contexts": comparison.contexts,
        "questions": [
            [
                ", ".join([row.id, *row.merged_ids]),
                row.question,
                row.context,
                [span(row.context, start, start + len(text)) for text, start in row.gold if start is not None],
                [answer(row, given) for given in row.answers],
                row.columns,
                *([[text for text, _ in row.gold], [*map(plain, row.documents)]] if of_folder else []),
            ]
            for row in comparison.questions
        ],
    }


def embedded_json(value: Any) -> str:
    """JSON that may stand in a script element: nothing in it can end the element or be taken for markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return _NOT_IN_A_SCRIPT.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _html(sentence: str, comparison: Comparison) -> str:
    """A sentence of the verdict with the models' names in their colours."""
    words = re.sub(r"-(?=\d)", "\N{MINUS SIGN}", sentence)
    words = re.sub(r"p ([=<]) ", "p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", words)
    return named(escape(words), lambda place: _name(comparison, place))


def _name(comparison: Comparison, place: int) -> str:
    return f'<b class="name m{place % drawing.COLOURS}">{page.breakable(comparison.models[place].label)}</b>'


def _about(comparison: Comparison) -> str:
    source = f" of {comparison.source}" if comparison.source else ""
    day = datetime.fromisoformat(comparison.created)
    date = f"{day.day} {day:%B %Y}".replace(" ", "\N{NO-BREAK SPACE}")
    on = f" on {counted(comparison.folder.documents, 'document')}" if comparison.folder is not None else ""
    return f"{comparison.num_questions:,} questions{source}{on}, {date}"


def _figure(comparison: Comparison, place: int) -> str:
    model = comparison.models[place]
    full = f' title="{escape(model.name)}"' if model.name != model.label else ""
    return (
        f'<div class="figure m{place % drawing.COLOURS}"><h3{full}>{drawing.key(place)}{escape(model.label)}</h3>'
        f"<dl>{_share('exactly right', model.exact_match)}{_share('F1', model.f1)}"
        + "".join(_share("right document", score) for score in [*model.right_document.values()][:1])
        + "</dl></div>"
    )


def _share(name: str, score: Score) -> str:
    return f"<div><dt>{name}</dt><dd>{score.value:.1f}<small>%</small></dd></div>"


def _legend(comparison: Comparison) -> str:
    items = "".join(
        f"<li>{drawing.key(place)}{escape(model.label)}</li>" for place, model in enumerate(comparison.models)
    )
    return f'<ul class="legend" aria-label="Models">{items}</ul>'


def _scores(comparison: Comparison) -> str:
    models, pairs, labels = comparison.models, comparison.pairs, [model.label for model in comparison.models]
    names = [f"{labels[pair.model]} \N{MINUS SIGN} {labels[pair.against]}" for pair in pairs]
    places = [pair.model for pair in pairs]
    means = [
        page.panel("Exactly right", charts.scores_chart(labels, [m.exact_match for m in models], "exact match, %")),
        page.panel("Overlap with the reference", charts.scores_chart(labels, [m.f1 for m in models], "F1, %")),
    ]
    differences = [
        page.panel(
            "Difference in exact answers",
            charts.differences_chart(names, places, [p.exact_match for p in pairs], "exact match, points"),
            "An interval across 0 means: cannot be told.",
        ),
        page.panel(
            "Difference in overlap",
            charts.differences_chart(names, places, [p.f1 for p in pairs], "F1, points"),
            "An interval across 0 means: cannot be told.",
        ),
        page.panel("Question by question", charts.outcomes_chart(comparison), "Which of the two has the higher F1."),
    ]
    kinds = [kind for kind in KINDS if all(kind in model.kinds for model in models)]
    scores = page.table(
        ["", "exact match", "F1", *(f"{name} {KINDS[kind]}" for kind in kinds for name in ("exact", "F1")), "answered"],
        [
            [m.label, _interval(m.exact_match), _interval(m.f1)]
            + [f"{m.kinds[kind][measure]:.1f}" for kind in kinds for measure in ("exact_match", "f1")]
            + [f"{m.answered:,}"]
            for m in models
        ],
    )
    by_pair = page.table(
        ["", "exact match", "", "F1", "", "won", "lost", "tied", "changed"],
        [
            [name, *_difference(p.exact_match), *_difference(p.f1)]
            + [f"{count:,}" for count in (p.wins, p.losses, p.ties, p.changed)]
            for name, p in zip(names, pairs, strict=True)
        ],
    )
    return page.panels(means) + page.panels(differences) + page.folded(scores + by_pair) + _documents(comparison)


def _documents(comparison: Comparison) -> str:
    """Whether the right document was found, by the models and by the search; nothing where there are no documents."""
    folder, models = comparison.folder, comparison.models
    if folder is None or not folder.scored_on:
        return ""
    labels = [model.label for model in models]
    panels = []
    for most, title in (("1", "Right document first"), ("3", "Right document among three")):
        scores = [model.right_document[most] for model in models]
        alone = f"The search alone: {_interval(folder.search[most])}." if folder.search else ""
        panels.append(page.panel(title, charts.scores_chart(labels, scores, "of the questions, %"), alone))
    rows = [[model.label, *map(_interval, model.right_document.values())] for model in models]
    if folder.search:
        rows.append(["the search alone", *map(_interval, folder.search.values())])
    pairs = [
        [
            f"{labels[pair.model]} \N{MINUS SIGN} {labels[pair.against]}",
            *(cell for found in pair.right_document.values() for cell in _difference(found)),
        ]
        for pair in comparison.pairs
    ]
    tables = page.table(["", "first", "among three"], rows) + page.table(["", "first", "", "among three", ""], pairs)
    lead = (
        f"Of the {counted(folder.scored_on, 'question')} that name the document of their answer: is it the first of "
        "the documents that the answers are from, or one of the first three?"
    )
    return f'<h3 class="part">Documents</h3><p class="lead">{lead}</p>{page.panels(panels)}{page.folded(tables)}'


def _breakdowns(comparison: Comparison) -> str:
    panels, tables = [], []
    labels = [model.label for model in comparison.models]
    for name, groups in comparison.breakdowns.items():
        if len(groups) < 2:
            continue
        title = plain(TITLES.get(name, name))
        shown = {page.group_words(name, group): row for group, row in groups.items()}
        panels.append(page.panel(f"By {escape(title)}", charts.breakdown_chart(labels, title, shown)))
        header = [title, "questions"]
        header += [f"{m.label}, {measure}" for m in comparison.models for measure in ("exact", "F1")]
        rows = [
            [group, f"{row['total']:,}"]
            + [f"{row[measure][i]:.1f}" for i in range(len(comparison.models)) for measure in ("exact_match", "f1")]
            for group, row in shown.items()
        ]
        tables.append(page.table(header, rows))
    if not panels:
        return "<p>All questions are of one kind.</p>"
    return page.panels(panels) + page.folded("".join(tables))


def _confidence(comparison: Comparison) -> str:
    models, labels = comparison.models, [model.label for model in comparison.models]
    panels = [
        page.panel(
            "Does it mean what it says?",
            charts.reliability_chart(labels, [m.reliability for m in models], [m.ece for m in models]),
            "On the dashed line, answers given with 80% confidence are exactly right 80% of the time.",
        ),
        page.panel(
            "Does it know when it does not know?",
            charts.risk_chart(comparison),
            "The lower, the better: wrong answers left when only the surest ones are given.",
        ),
    ]
    rows = [
        [
            model.label,
            f"{model.ece:.3f}",
            f"{model.aurc:.3f}",
            f"{model.temperature:.2f}",
            "always answers" if model.null_score_diff_threshold is None else f"{model.null_score_diff_threshold:+.2f}",
        ]
        for model in comparison.models
    ]
    header = ["", "calibration error (ECE)", "area under risk-coverage", "temperature", "no-answer threshold"]
    return page.panels(panels) + page.folded(page.table(header, rows))


def _costs(comparison: Comparison) -> str:
    models = comparison.models
    rows = [
        ["parameters", *(parameters_words(model.num_parameters) for model in models)],
        ["weights in memory", *(f"{model.size_mb:,.0f} MB" for model in models)],
        ["questions a second, in batches", *(f"{model.questions_per_second:,.1f}" for model in models)],
        ["a single answer, half of the time within", *(_milliseconds(model.latency_p50_ms) for model in models)],
        ["a single answer, 95% of the time within", *(_milliseconds(model.latency_p95_ms) for model in models)],
        ["device", *(model.device for model in models)],
    ]
    return page.table(["", *(model.label for model in models)], rows)


def _milliseconds(value: float | None) -> str:
    return "not timed" if value is None else f"{value:,.1f} ms"


def _method(comparison: Comparison) -> str:
    timed = (
        f" Single answers were timed on {comparison.latency_questions} questions, one by one; in both timings the "
        "models took turns."
        if comparison.latency_questions
        else ""
    )
    names = "".join(
        f"<li>{drawing.key(place)}{escape(model.label)}: <code>{escape(model.name)}</code></li>"
        for place, model in enumerate(comparison.models)
    )
    return (
        f"<p>Intervals cover 95% and come from {comparison.bootstrap_samples:,} bootstrap resamples (seed "
        f"{comparison.seed}) of the {comparison.num_resampled:,} {comparison.resampled}s{_why(comparison)}; "
        "differences are drawn in pairs and their p-values are two-sided. "
        f"Answers are compared with the “{escape(comparison.normalization)}” normalisation and against the best "
        "reference answer. Confidence is read as the chance of an exact match, in bins of equal numbers of "
        f"answers.{timed}{_how_found(comparison)} Data fingerprint <code>{escape(comparison.fingerprint)}</code>.</p>"
        f'<ul class="plain">{names}</ul>'
    )


def _how_found(comparison: Comparison) -> str:
    if comparison.folder is None:
        return ""
    return (
        f" All models were asked on the same documents: {escape(read_words(comparison.folder))}. A document counts "
        "once, however many answers are from it, and a copy of the right one is right; “no answer” takes a place as "
        "a document does."
    )


def _why(comparison: Comparison) -> str:
    if comparison.resampled == "question":
        return ""
    return f", each with all of its questions, because questions about one {comparison.resampled} are not independent"


def _interval(score: Score) -> str:
    return f"{score.value:.1f} ({score.low:.1f} to {score.high:.1f})"


def _difference(found: Difference) -> tuple[str, str]:
    return f"{found.difference:+.1f} ({found.low:+.1f} to {found.high:+.1f})", p_words(found.p_value)
