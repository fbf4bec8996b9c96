"""The sections of the journey's page on what the model scores: base against tuned, parts of the data, examples.

Each takes facts and gives markup. Beside every score stands who made the test questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_pipeline.compare import charts, drawing, page
from qa_pipeline.compare.page_parts import bullets, facts_list, get, rows_of, words
from qa_pipeline.compare.results import Difference, Score
from qa_pipeline.compare.table import KINDS, TITLES, parameters_words
from qa_pipeline.compare.verdict import p_words
from qa_pipeline.journey.page.report_parts import gold_marks, made_by_tag, passage, said_mark
from qa_pipeline.journey.results.evaluation import LABELS
from qa_pipeline.wording import counted, plain

_BREAKDOWNS = ("answerable", "question_word", "answer_length", "kind", "source", "context_length")
_OWN_TITLES = {"kind": "how the question was made", "source": "source"}


def results_section(metrics: Mapping[str, Any], execution: Mapping[str, Any]) -> str:
    """Base against tuned: verdict, intervals, breakdowns, confidence, speed, and the ablation."""
    made_by = str(get(metrics, "test", "made_by", default="none"))
    if not get(metrics, "measured", default=False):
        reason = words(get(metrics, "why_not", default="there were no test questions"))
        return f"<p><b>Not measured.</b> {reason}</p>" + ablation_part(get(metrics, "ablation"), made_by)
    sentences = [words(sentence) for sentence in get(metrics, "verdict", default=())]
    verdict = "".join(f"<p>{sentence}</p>" for sentence in sentences)
    cautions = page.cautions([words(text) for text in get(metrics, "cautions", default=())])
    who = made_by_tag(made_by)
    questions = get(metrics, "test", "questions", default=0)
    return (
        f'<p class="lead">{counted(questions, "test question")} {who}. '
        "Dots are what was measured; the lines through them are 95% intervals.</p>"
        f'<div class="words">{verdict}{cautions}</div>'
        + _people_part(metrics)
        + page.panels(_score_panels(metrics, who))
        + _scores_table(metrics, who)
        + f'<h3 class="sub">By kind of question {who}</h3>'
        + _breakdowns(metrics)
        + f'<h3 class="sub">Confidence and speed {who}</h3>'
        + _confidence(metrics, execution)
        + ablation_part(get(metrics, "ablation"), made_by)
    )


def _score(row: Mapping[str, Any]) -> Score:
    return Score(row["value"], row["low"], row["high"])


def _both(metrics: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [metrics[label] for label in LABELS]


def _score_panels(metrics: Mapping[str, Any], who: str) -> list[str]:
    models, difference = _both(metrics), metrics["difference"]
    differences = [Difference(**difference[measure]) for measure in ("exact_match", "f1")]
    return [
        page.panel(
            "Exactly right",
            charts.scores_chart(LABELS, [_score(m["exact_match"]) for m in models], "exact match, %"),
            who,
        ),
        page.panel(
            "Overlap with the reference", charts.scores_chart(LABELS, [_score(m["f1"]) for m in models], "F1, %"), who
        ),
        page.panel(
            "Tuned less base",
            charts.differences_chart(["exact match", "F1"], [1, 1], differences, "points"),
            "An interval across 0 means: cannot be told.",
        ),
    ]


def _people_part(metrics: Mapping[str, Any]) -> str:
    """The people's questions alone, where the test has others too."""
    people = get(metrics, "people")
    if not people:
        return ""
    title = f'<h3 class="sub">The {counted(people["questions"], "question")} of people alone</h3>'
    drawn = [
        page.panel(name, charts.scores_chart(LABELS, [_score(people[label][key]) for label in LABELS], f"{axis}, %"))
        for name, key, axis in (("Exactly right", "exact_match", "exact match"), ("Overlap", "f1", "F1"))
    ]
    return f'{title}{page.panels(drawn)}<h3 class="sub">All test questions</h3>'


def _scores_table(metrics: Mapping[str, Any], who: str) -> str:
    rows, difference = [], metrics["difference"]
    for label, model in zip(LABELS, _both(metrics), strict=True):
        rows.append(
            [
                f"{label} ({_last(model['name'])})",
                _interval(model["exact_match"]),
                _interval(model["f1"]),
                f"{model['answered']:,}",
            ]
        )
    rows.append(
        [
            "difference",
            *(f"{_points(difference[m])}, {p_words(difference[m]['p_value'])}" for m in ("exact_match", "f1")),
            "",
        ]
    )
    return page.folded(f"<p>{who}</p>" + page.table(["", "exact match", "F1", "answered"], rows))


def _last(name: Any) -> str:
    return plain(str(name)).replace("\\", "/").rstrip("/").split("/")[-1]


def _interval(row: Mapping[str, Any]) -> str:
    return f"{row['value']:.1f} ({row['low']:.1f} to {row['high']:.1f})"


def _points(row: Mapping[str, Any]) -> str:
    return f"{row['difference']:+.1f} ({row['low']:+.1f} to {row['high']:+.1f})"


def _breakdowns(metrics: Mapping[str, Any]) -> str:
    found = get(metrics, "breakdowns", default={})
    panels, tables = [], []
    for name in sorted(found, key=lambda name: _BREAKDOWNS.index(name) if name in _BREAKDOWNS else len(_BREAKDOWNS)):
        groups = found[name]
        if len(groups) < 2:
            continue
        title = TITLES.get(name) or _OWN_TITLES.get(name) or plain(name)
        shown = {
            KINDS.get(group, plain(group)): {"total": row["questions"], "f1": [row[label]["f1"] for label in LABELS]}
            for group, row in groups.items()
        }
        panels.append(page.panel(f"By {words(title)}", charts.breakdown_chart(LABELS, title, shown)))
        header = [title, "questions", *(f"{label}, {measure}" for label in LABELS for measure in ("exact", "F1"))]
        rows = [
            [KINDS.get(group, plain(group)), f"{row['questions']:,}"]
            + [f"{row[label][measure]:.1f}" for label in LABELS for measure in ("exact_match", "f1")]
            for group, row in groups.items()
        ]
        tables.append(page.table(header, rows))
    if not panels:
        return "<p>All questions are of one kind.</p>"
    legend = "".join(f"<li>{drawing.key(place)}{label}</li>" for place, label in enumerate(LABELS))
    note = "F1. Faint rows have fewer than 30 questions and are mostly chance."
    return (
        f'<p class="lead">{note}</p><ul class="legend">{legend}</ul>{page.panels(panels)}{page.folded("".join(tables))}'
    )


def _confidence(metrics: Mapping[str, Any], execution: Mapping[str, Any]) -> str:
    models = _both(metrics)
    curves = [get(model, "calibration", "reliability", default=[]) for model in models]
    chart = page.panel(
        "Does the confidence mean what it says?",
        charts.reliability_chart(LABELS, curves, [model["calibration"]["ece"] for model in models]),
        "On the dashed line, answers given with 80% confidence are exactly right 80% of the time.",
    )
    tuned = models[1]
    size, speed, calibration = tuned["size"], tuned["speed"], tuned["calibration"]
    answered = f"{tuned['answered']:,} of {get(metrics, 'test', 'questions', default=0):,}, the others with “no answer”"
    facts = {
        "Calibration error": f"{calibration['ece']:.3f}; 0 is perfect",
        "Temperature": f"{calibration['temperature']:.2f}{_fitted(execution, calibration)}",
        "Answered": "all; it never says that there is no answer"
        if calibration["null_score_diff_threshold"] is None
        else answered,
        "Size": f"{parameters_words(size['parameters'])} parameters, {size['megabytes']:,.0f} MB in memory",
        "Speed": f"{speed['questions_per_second']:,.0f} questions a second in batches on {speed['device']}",
        "A single answer": _latency(speed),
    }
    return f'<div class="pairs">{chart}<div>{facts_list(facts)}</div></div>'


def _fitted(execution: Mapping[str, Any], calibration: Mapping[str, Any]) -> str:
    """What the temperature was fitted on."""
    if calibration["fitted_here"]:
        return "; its own was fitted on these very questions and is not used here"
    if get(execution, "calibration", "fitted_on") == "validation":
        return ", fitted on the validation questions only"
    return ", none was fitted" if calibration["temperature"] == 1 else ""


def _latency(speed: Mapping[str, Any]) -> str | None:
    if speed.get("latency_p50_ms") is None:
        return None
    return f"within {speed['latency_p50_ms']:,.0f} ms half of the time, {speed['latency_p95_ms']:,.0f} ms in 95 of 100"


def ablation_part(ablation: Mapping[str, Any] | None, made_by: str) -> str:
    """What each kind of training data is worth."""
    if not ablation:
        return ""
    cells = rows_of(ablation, "cells")
    measured = [row for row in cells if get(row, "f1")]
    who = made_by_tag(made_by)
    chart = (
        page.panels(
            [
                page.panel(
                    title,
                    charts.scores_chart(
                        [row["title"] for row in measured], [_score(row[key]) for row in measured], axis
                    ),
                    who,
                )
                for title, key, axis in (("F1", "f1", "F1, %"), ("Exactly right", "exact_match", "exact match, %"))
            ]
        )
        if measured
        else ""
    )
    missing = bullets(f"{row['title']}: {row['why_not']}" for row in cells if get(row, "why_not"))
    table = page.folded(
        page.table(
            ["trained on", "questions", "exact match", "F1", "seconds"],
            [
                [
                    row["title"],
                    "" if row.get("rows") is None else f"{row['rows']:,}",
                    *(_interval(row[key]) for key in ("exact_match", "f1")),
                    "" if row.get("seconds") is None else f"{row['seconds']:,.0f}",
                ]
                for row in measured
            ],
        )
    )
    return (
        f'<h3 class="sub">What each kind of training data is worth {who}</h3>'
        "<p>The same training on parts of the data, asked the same test questions.</p>"
        + bullets(get(ablation, "sentences", default=()))
        + chart
        + (table if measured else "")
        + (f'<h3 class="sub">Not made</h3>{missing}' if missing else "")
    )


def examples_section(examples: Sequence[Mapping[str, Any]], made_by: str) -> str:
    """Test questions that the trained model answers right and wrong, in their texts."""
    shown = {outcome: [row for row in examples if row.get("outcome") == outcome] for outcome in ("right", "wrong")}
    legend = (
        '<p class="lead">In the texts: <mark class="gold">reference answer</mark>, '
        '<mark class="said m1">tuned</mark>, <mark class="said m0">base</mark>. ' + made_by_tag(made_by) + "</p>"
    )
    parts = []
    titles = {"right": "Exactly right", "wrong": "Wrong or not exact, the surest mistakes first"}
    for outcome, rows in shown.items():
        cards = "".join(_example(row) for row in rows)
        how = "exactly right" if outcome == "right" else "wrong"
        nothing = f'<p class="absent">None of the test questions is answered {how}.</p>'
        content = f'<ol class="cards two">{cards}</ol>' if rows else nothing
        parts.append(f'<h3 class="sub">{titles[outcome]}</h3>{content}')
    return legend + "".join(parts)


def _example(row: Mapping[str, Any]) -> str:
    outcome = "right" if row.get("outcome") == "right" else "wrong"
    gold = row.get("gold") or []
    reference = " \N{MIDDLE DOT} ".join(words(text) for text in dict.fromkeys(one["text"] for one in gold))
    boxes = (
        f'<div><dt>Reference</dt><dd class="text{"" if gold else " none"}" dir="auto">'
        f"{reference or 'no answer in this text'}</dd></div>"
        + _answer_box(row.get("tuned"), 1, "tuned")
        + _answer_box(row.get("base"), 0, "base")
    )
    marks = gold_marks(gold) + said_mark(row.get("base"), 0, "base") + said_mark(row.get("tuned"), 1, "tuned")
    source = f'<span class="id">{words(row["source"])}</span>' if row.get("source") else ""
    badge = f'<span class="badge {outcome}">{"Right" if outcome == "right" else "Wrong"}</span>'
    return (
        f'<li class="card {outcome}"><div class="meta">{badge}{source}</div>'
        f'<h3 dir="auto">{words(row.get("question", ""))}</h3><dl class="answers">{boxes}</dl>'
        f"{passage(str(row.get('context', '')), marks)}</li>"
    )


def _answer_box(given: Mapping[str, Any] | None, place: int, label: str) -> str:
    if not given:
        return ""
    text, sure, f1 = given.get("text") or "", float(given.get("confidence") or 0.0), float(given.get("f1") or 0.0)
    found = "exactly right" if given.get("exact") else f"F1 {100 * f1:.0f}" if f1 else "wrong"
    return (
        f'<div class="m{place}"><dt>{drawing.key(place)}{label}</dt>'
        f'<dd class="text{"" if text else " none"}" dir="auto">{words(text) or "no answer"}</dd>'
        f'<dd class="score">{sure:.0%} sure \N{MIDDLE DOT} {found}</dd></div>'
    )
