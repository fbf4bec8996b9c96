"""The sections of the journey's page on its model: why this base, how it learned, settings tried, what it scores.

Each takes facts and gives markup. Beside every score stands who made the test questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_pipeline.compare import charts, drawing, page
from qa_pipeline.compare.results import Difference, Score
from qa_pipeline.compare.table import KINDS, TITLES, parameters_words
from qa_pipeline.compare.verdict import p_words
from qa_pipeline.journey.curves import CurvePoint, TrialPoint, learning_curve, trials_chart
from qa_pipeline.journey.evaluation import LABELS
from qa_pipeline.journey.report_data import candidate, listed
from qa_pipeline.journey.report_parts import (
    bullets,
    facts_list,
    get,
    gold_marks,
    made_by_tag,
    opened,
    passage,
    rows_of,
    said_mark,
    seconds_words,
    tag,
    words,
)
from qa_pipeline.text.languages import language_name
from qa_pipeline.wording import counted, plain

_SHOWN = 5
_SETTINGS = (
    *("learning_rate", "num_train_epochs", "max_steps", "train_batch_tokens", "per_device_train_batch_size"),
    *("use_lora", "lora_r", "lora_alpha", "lora_dropout", "max_seq_length", "doc_stride", "max_answer_length"),
    *("version_2_with_negative", "negative_window_ratio", "warmup_steps", "seed"),
)
"""Settings of a training that are worth showing."""
_BREAKDOWNS = ("answerable", "question_word", "answer_length", "kind", "source", "context_length")
_OWN_TITLES = {"kind": "how the question was made", "source": "source"}


def base_section(facts: Mapping[str, Any]) -> str:
    """The base models that were looked at, and why this one."""
    chosen = str(get(facts, "chosen", default=""))
    reason = get(facts, "reason")
    candidates = rows_of(facts, "candidates")
    first = [row for row in candidates if _is(row, chosen)]
    others = [row for row in candidates if not _is(row, chosen)]
    items = [_model_candidate(row, True) for row in first] + [_model_candidate(row, False) for row in others]
    if not first and chosen:
        items.insert(0, candidate(chosen, tag("chosen", "yes"), [reason], [], is_used=True))
    lead = f"<p>{counted(len(candidates), 'model')} considered.</p>" if candidates else ""
    why = f"<p><b>Why this one:</b> {words(reason)}</p>" if reason and first else ""
    return lead + why + listed(items[:_SHOWN]) + opened(f"{len(items) - _SHOWN} more", listed(items[_SHOWN:]))


def _is(row: Mapping[str, Any], chosen: str) -> bool:
    return bool(chosen) and chosen in {str(row.get(key)) for key in ("name_or_path", "id", "name")}


def _model_candidate(row: Mapping[str, Any], chosen: bool) -> str:
    fits = get(row, "fits", default=get(row, "usable", default=True))
    mark = tag("chosen", "yes") if chosen else tag("fits" if fits else "does not fit", "" if fits else "no")
    millions, size, languages = get(row, "parameters_millions"), get(row, "size_mb"), get(row, "languages", default=())
    if millions is None and isinstance(get(row, "parameters"), int | float):
        millions = row["parameters"] / 1e6
    line = [
        f"{parameters_words(round(millions * 1e6))} parameters" if millions is not None else None,
        f"{size:,.0f} MB" if isinstance(size, int | float) else None,
        f"licence {row['licence']}" if get(row, "licence") else "licence not known",
        ", ".join(language_name(str(code)) for code in languages[:4])
        + (f" and {len(languages) - 4} more languages" if len(languages) > 4 else ""),
        _published(get(row, "squad")),
        "at hand" if get(row, "at_hand") else "to be downloaded" if "at_hand" in row else None,
    ]
    name = str(get(row, "id") or get(row, "name_or_path") or get(row, "name", default=""))
    return candidate(
        name,
        mark,
        [get(row, "reason"), f"Does not fit: {row['why_not']}" if get(row, "why_not") else None],
        line,
        is_used=chosen,
    )


def _published(squad: Any) -> str | None:
    for version, title in (("v2", "SQuAD 2.0"), ("v1", "SQuAD 1.1")):
        if (f1 := get(squad, version, "f1")) is not None:
            return f"{title} F1 {f1:g}, published"
    return None


def training_section(facts: Mapping[str, Any]) -> str:
    """Learning curves, and the settings."""
    history = rows_of(facts, "history")
    results, settings = get(facts, "results", default={}), get(facts, "settings", default={})
    panels = [_curve(history, *one) for one in _CURVES]
    shown = {name: settings[name] for name in _SETTINGS if settings.get(name) not in (None, "")}
    facts_of = {
        "Trained for": seconds_words(get(results, "train_runtime")) if get(results, "train_runtime") else None,
        "Validation": _validation(results),
        "Temperature": f"{results['eval_temperature']:.2f}, fitted on the validation questions"
        if get(results, "eval_temperature") and get(results, "eval_ece_calibrated") is not None
        else None,
        "No-answer threshold": get(results, "eval_threshold_reason"),
    }
    drawn = [panel for panel in panels if panel]
    curves = page.panels(drawn) if drawn else '<p class="absent">No course of the training was noted.</p>'
    table = page.table(["setting", "value"], [[name, str(value)] for name, value in shown.items()]) if shown else ""
    warnings = page.cautions([words(text) for text in get(facts, "warnings", default=())])
    return facts_list(facts_of) + curves + opened("The settings", table) + warnings


def _validation(results: Mapping[str, Any]) -> str | None:
    f1, exact = get(results, "eval_f1"), get(results, "eval_exact_match")
    if f1 is None:
        return None
    bounds = get(results, "eval_f1_interval")
    interval = f" ({bounds[0]:.1f} to {bounds[1]:.1f})" if bounds else ""
    silent = "" if exact is None else f"exact match {exact:.1f}, "
    return f"{silent}F1 {f1:.1f}{interval}, on the questions that chose the epoch and the temperature"


_CURVES = (
    ("loss", "Training loss", "loss", 2, False),
    ("eval_loss", "Validation loss", "loss", 3, False),
    ("eval_f1", "Validation F1", "F1, %", 1, True),
    ("eval_exact_match", "Validation exact match", "exact match, %", 5, True),
)
"""What the history may hold: key, title, axis, colour, whether it is percent."""


def _curve(history: Sequence[Mapping[str, Any]], key: str, title: str, up: str, place: int, percent: bool) -> str:
    by_epoch = {float(row["epoch"]): float(row[key]) for row in history if _has_numbers(row, "epoch", key)}
    if len(by_epoch) < 2:
        return ""
    is_measured = key.startswith("eval_")
    points = [CurvePoint(epoch, value, is_measured) for epoch, value in sorted(by_epoch.items())]
    best = (
        max(by_epoch.items(), key=lambda pair: pair[1]) if percent else min(by_epoch.items(), key=lambda pair: pair[1])
    )
    note = f"{'best' if is_measured else 'lowest'}: {best[1]:.{1 if percent else 2}f} after epoch {best[0]:.3g}"
    said = f"{title} by epoch: " + ", ".join(f"{point.y:.2f} at {point.x:.1f}" for point in points)
    return page.panel(title, learning_curve(points, up, "epoch", place, said, is_percent=percent), note)


def _has_numbers(row: Mapping[str, Any], *keys: str) -> bool:
    return all(isinstance(row.get(key), int | float) for key in keys)


def trials_section(facts: Mapping[str, Any]) -> str:
    """The settings that were tried, and the choice."""
    trials, chosen = rows_of(facts, "trials"), get(facts, "chosen")
    why = f"<p>{words(facts['why'])}</p>" if get(facts, "why") else ""
    points = [
        TrialPoint(int(row["number"]), float(row["f1"]), _role(row, chosen))
        for row in trials
        if _has_numbers(row, "number", "f1")
    ]
    if not trials:
        return why or '<p class="absent">No other settings were tried.</p>'
    said = "Validation F1 of each trial: " + "; ".join(
        f"trial {one.number} {one.value:.1f}, {one.role}" for one in points
    )
    legend = "".join(
        f"<li>{drawing.key(place)}{text}</li>"
        for place, text in ((2, "default settings"), (1, "chosen"), (0, "other trials; faint: ended early"))
    )
    chart = (
        page.panel(
            "Validation F1 of each trial",
            f'<ul class="legend">{legend}</ul>{trials_chart(points, said)}',
            "The dashed line is the default settings. The test questions were asked in none of these.",
        )
        if points
        else ""
    )
    keys = list(dict.fromkeys(key for row in trials for key in get(row, "settings", default={})))
    rows = [
        [
            str(row.get("number")) + _mark_of(row, chosen),
            "" if row.get("f1") is None else f"{row['f1']:.1f}",
            str(row.get("state") or "").lower(),
            *(_value(get(row, "settings", key)) for key in keys),
        ]
        for row in trials
    ]
    table = page.table(["trial", "F1", "ended", *keys], rows)
    return f'{why}<div class="pairs">{chart}{table}</div>'


def _role(row: Mapping[str, Any], chosen: Any) -> str:
    if row.get("number") == chosen:
        return "chosen"
    if row.get("number") == 0:
        return "default"
    return "pruned" if "prune" in str(row.get("state") or "").lower() else "other"


def _mark_of(row: Mapping[str, Any], chosen: Any) -> str:
    marks = ["default"] * (row.get("number") == 0) + ["chosen"] * (row.get("number") == chosen)
    return f" ({', '.join(marks)})" if marks else ""


def _value(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else "" if value is None else str(value)


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
