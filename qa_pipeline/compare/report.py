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
from qa_pipeline.compare.results import Comparison, Difference, Score
from qa_pipeline.compare.table import KINDS, TITLES, parameters_words
from qa_pipeline.compare.verdict import named, p_words, verdict
from qa_pipeline.wording import plain

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
    return replace(comparison, models=models, source=plain(comparison.source))


def page_data(comparison: Comparison) -> dict[str, Any]:
    """What the page's script reads; positions are UTF-16 units, as JavaScript counts.

    `questions` are lists to keep the page small: ids, question, context, [[start, end] of each reference answer], for
    each model [start, end, confidence, exact, f1], where start and end are null for no answer, and {column: value}.
    """
    wide = [[i for i, c in enumerate(text) if ord(c) > 0xFFFF] for text in comparison.contexts]

    def units(context: int, position: int) -> int:
        return position + bisect_left(wide[context], position)

    def span(context: int, start: int | None, end: int | None) -> list[int | None]:
        return [None, None] if start is None or end is None else [units(context, start), units(context, end)]

    return {
        "labels": [model.label for model in comparison.models],
        "contexts": comparison.contexts,
        "questions": [
            [
                ", ".join([row.id, *row.merged_ids]),
                row.question,
                row.context,
                [span(row.context, start, start + len(text)) for text, start in row.gold],
                [
                    [*span(row.context, a.start, a.end), round(a.confidence, 4), round(a.exact), round(a.f1, 4)]
                    for a in row.answers
                ],
                row.columns,
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
    return f"{comparison.num_questions:,} questions{source}, {date}"


def _figure(comparison: Comparison, place: int) -> str:
    model = comparison.models[place]
    full = f' title="{escape(model.name)}"' if model.name != model.label else ""
    return (
        f'<div class="figure m{place % drawing.COLOURS}"><h3{full}>{drawing.key(place)}{escape(model.label)}</h3>'
        f"<dl><div><dt>exactly right</dt><dd>{model.exact_match.value:.1f}<small>%</small></dd></div>"
        f"<div><dt>F1</dt><dd>{model.f1.value:.1f}<small>%</small></dd></div></dl></div>"
    )


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
    return page.panels(means) + page.panels(differences) + page.folded(scores + by_pair)


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
        f"answers.{timed} Data fingerprint <code>{escape(comparison.fingerprint)}</code>.</p>"
        f'<ul class="plain">{names}</ul>'
    )


def _why(comparison: Comparison) -> str:
    if comparison.resampled == "question":
        return ""
    return f", each with all of its questions, because questions about one {comparison.resampled} are not independent"


def _interval(score: Score) -> str:
    return f"{score.value:.1f} ({score.low:.1f} to {score.high:.1f})"


def _difference(found: Difference) -> tuple[str, str]:
    return f"{found.difference:+.1f} ({found.low:+.1f} to {found.high:+.1f})", p_words(found.p_value)
