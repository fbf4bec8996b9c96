"""The comparison as one self-contained HTML page: the verdict, the charts, then every question to look at.

The page needs no network (its content security policy forbids it, and any script but its own). Questions travel once,
as JSON, and are drawn a few at a time as the reader scrolls, so that 5,000 of them open as quickly as 50.
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from html import escape
from importlib import resources
from typing import Any

from qa_pipeline.compare import charts
from qa_pipeline.compare.results import COLUMN, Comparison, Difference, Score
from qa_pipeline.compare.table import KINDS, TITLES, parameters_words
from qa_pipeline.compare.verdict import named, p_words, verdict
from qa_pipeline.wording import plain

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_NOT_IN_A_SCRIPT = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def report_html(comparison: Comparison) -> str:
    """The whole page. Write it as UTF-8."""
    comparison = _without_control(comparison)
    words = verdict(comparison)
    script = f"\n{_asset('report.js')}\n"
    slots = {
        "title": escape(
            " against ".join(m.label for m in comparison.models)
            if len(comparison.models) == 2
            else f"{len(comparison.models)} models compared"
        ),
        "style": _asset("report.css"),
        "script": script,
        "script_hash": b64encode(sha256(script.encode()).digest()).decode(),
        "symbols": charts.symbols(),
        "about": escape(_about(comparison)),
        "headline": _html(words.headline, comparison),
        "details": "".join(f"<p>{_html(sentence, comparison)}</p>" for sentence in words.details),
        "cautions": _cautions([_html(sentence, comparison) for sentence in words.cautions]),
        "figures": "".join(_figure(comparison, place) for place in range(len(comparison.models))),
        "legend": _legend(comparison),
        "scores": _scores(comparison),
        "breakdowns": _breakdowns(comparison),
        "confidence": _confidence(comparison),
        "costs": _costs(comparison),
        "method": _method(comparison),
        "data": embedded_json(page_data(comparison)),
    }
    return _SLOT.sub(lambda match: slots[match[1]], _asset("report.html"))


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


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


def _html(sentence: str, comparison: Comparison) -> str:
    """A sentence of the verdict with the models' names in their colours."""
    words = re.sub(r"-(?=\d)", "\N{MINUS SIGN}", sentence)
    words = re.sub(r"p ([=<]) ", "p\N{NO-BREAK SPACE}\\1\N{NO-BREAK SPACE}", words)
    return named(escape(words), lambda place: _name(comparison, place))


def _name(comparison: Comparison, place: int) -> str:
    return f'<b class="name m{place % charts.COLOURS}">{_breakable(comparison.models[place].label)}</b>'


def _about(comparison: Comparison) -> str:
    source = f" of {comparison.source}" if comparison.source else ""
    day = datetime.fromisoformat(comparison.created)
    date = f"{day.day} {day:%B %Y}".replace(" ", "\N{NO-BREAK SPACE}")
    return f"{comparison.num_questions:,} questions{source}, {date}"


def _cautions(sentences: Sequence[str]) -> str:
    if not sentences:
        return ""
    items = "".join(f"<li>{sentence}</li>" for sentence in sentences)
    title = "Before you rely on this"
    return f'<aside class="cautions" aria-label="{title}"><h2>{title}</h2><ul>{items}</ul></aside>'


def _figure(comparison: Comparison, place: int) -> str:
    model = comparison.models[place]
    full = f' title="{escape(model.name)}"' if model.name != model.label else ""
    return (
        f'<div class="figure m{place % charts.COLOURS}"><h3{full}>{charts.key(place)}{escape(model.label)}</h3>'
        f"<dl><div><dt>exactly right</dt><dd>{model.exact_match.value:.1f}<small>%</small></dd></div>"
        f"<div><dt>F1</dt><dd>{model.f1.value:.1f}<small>%</small></dd></div></dl></div>"
    )


def _legend(comparison: Comparison) -> str:
    items = "".join(
        f"<li>{charts.key(place)}{escape(model.label)}</li>" for place, model in enumerate(comparison.models)
    )
    return f'<ul class="legend" aria-label="Models">{items}</ul>'


def _panel(title: str, chart: str, note: str = "") -> str:
    note = f"<p>{note}</p>" if note else ""
    return f'<figure class="panel"><figcaption><h3>{title}</h3>{note}</figcaption>{chart}</figure>'


def _panels(panels: Sequence[str]) -> str:
    by = "twos" if len(panels) % 3 == 1 else "threes"  # no panel alone in the last row
    return f'<div class="panels {by}">{"".join(panels)}</div>'


def _scores(comparison: Comparison) -> str:
    means = [
        _panel("Exactly right", charts.scores_chart(comparison, "exact_match", "exact match, %")),
        _panel("Overlap with the reference", charts.scores_chart(comparison, "f1", "F1, %")),
    ]
    differences = [
        _panel(
            "Difference in exact answers",
            charts.differences_chart(comparison, "exact_match", "exact match, points"),
            "An interval across 0 means: cannot be told.",
        ),
        _panel(
            "Difference in overlap",
            charts.differences_chart(comparison, "f1", "F1, points"),
            "An interval across 0 means: cannot be told.",
        ),
        _panel("Question by question", charts.outcomes_chart(comparison), "Which of the two has the higher F1."),
    ]
    labels = [model.label for model in comparison.models]
    kinds = [kind for kind in KINDS if all(kind in model.kinds for model in comparison.models)]
    scores = _table(
        ["", "exact match", "F1", *(f"{name} {KINDS[kind]}" for kind in kinds for name in ("exact", "F1")), "answered"],
        [
            [m.label, _interval(m.exact_match), _interval(m.f1)]
            + [f"{m.kinds[kind][measure]:.1f}" for kind in kinds for measure in ("exact_match", "f1")]
            + [f"{m.answered:,}"]
            for m in comparison.models
        ],
    )
    pairs = _table(
        ["", "exact match", "", "F1", "", "won", "lost", "tied", "changed"],
        [
            [f"{labels[p.model]} \N{MINUS SIGN} {labels[p.against]}", *_difference(p.exact_match), *_difference(p.f1)]
            + [f"{count:,}" for count in (p.wins, p.losses, p.ties, p.changed)]
            for p in comparison.pairs
        ],
    )
    return _panels(means) + _panels(differences) + _numbers(scores + pairs)


def _breakdowns(comparison: Comparison) -> str:
    panels, tables = [], []
    for name, groups in comparison.breakdowns.items():
        if len(groups) < 2:
            continue
        title = plain(TITLES.get(name, name))
        shown = {_group(name, group): row for group, row in groups.items()}
        panels.append(_panel(f"By {escape(title)}", charts.breakdown_chart(comparison, title, shown)))
        header = [title, "questions"]
        header += [f"{m.label}, {measure}" for m in comparison.models for measure in ("exact", "F1")]
        rows = [
            [group, f"{row['total']:,}"]
            + [f"{row[measure][i]:.1f}" for i in range(len(comparison.models)) for measure in ("exact_match", "f1")]
            for group, row in shown.items()
        ]
        tables.append(_table(header, rows))
    if not panels:
        return "<p>All questions are of one kind.</p>"
    return _panels(panels) + _numbers("".join(tables))


def _group(breakdown: str, group: str) -> str:
    """A group in words; a value of a column as it is, without what turns words around."""
    if breakdown.startswith(COLUMN):
        return plain(group)
    return KINDS.get(group, group).replace("-", "\N{EN DASH}")


def _confidence(comparison: Comparison) -> str:
    panels = [
        _panel(
            "Does it mean what it says?",
            charts.reliability_chart(comparison),
            "On the dashed line, answers given with 80% confidence are exactly right 80% of the time.",
        ),
        _panel(
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
    return _panels(panels) + _numbers(_table(header, rows))


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
    return _table(["", *(model.label for model in models)], rows)


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
        f"<li>{charts.key(place)}{escape(model.label)}: <code>{escape(model.name)}</code></li>"
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


def _numbers(tables: str) -> str:
    return f'<details class="numbers"><summary>The numbers</summary>{tables}</details>'


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{_breakable(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{_breakable(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f'<div class="scroll" tabindex="0"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def _breakable(label: str) -> str:
    """A label that a narrow table may cut after a stroke, a dot or a hyphen, and nowhere else."""
    return re.sub(r"([/_.-])(?=\w)", r"\1<wbr>", escape(label))


def _interval(score: Score) -> str:
    return f"{score.value:.1f} ({score.low:.1f} to {score.high:.1f})"


def _difference(found: Difference) -> tuple[str, str]:
    return f"{found.difference:+.1f} ({found.low:+.1f} to {found.high:+.1f})", p_words(found.p_value)
