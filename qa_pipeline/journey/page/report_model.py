"""The sections of the journey's page on its model: why this base, how it learned, which settings were tried.

Each takes the facts of one stage and gives markup. Scores in here are those of the validation questions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qa_pipeline.compare import drawing, page
from qa_pipeline.compare.page_parts import bullets, facts_list, get, opened, rows_of, tag, words
from qa_pipeline.compare.table import parameters_words
from qa_pipeline.journey.page.curves import CurvePoint, TrialPoint, learning_curve, trials_chart
from qa_pipeline.journey.page.report_data import candidate, listed
from qa_pipeline.journey.page.report_parts import seconds_words
from qa_pipeline.text.languages import language_name
from qa_pipeline.wording import counted

_SHOWN = 5
_SETTINGS = (
    *("learning_rate", "num_train_epochs", "max_steps", "train_batch_tokens", "per_device_train_batch_size"),
    *("use_lora", "lora_r", "lora_alpha", "lora_dropout", "max_seq_length", "doc_stride", "max_answer_length"),
    *("version_2_with_negative", "negative_window_ratio", "warmup_steps", "seed"),
)
"""Settings of a training that are worth showing."""


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
        "Warm start": get(facts, "warm_start", "words"),
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
        TrialPoint(int(row["number"]), float(f1), _role(row, chosen))
        for row in trials
        if _has_numbers(row, "number") and (f1 := _trial_f1(row)) is not None
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
            "" if (f1 := _trial_f1(row)) is None else f"{f1:.1f}",
            str(row.get("state") or "").lower(),
            *(_value(get(row, "settings", key)) for key in keys),
        ]
        for row in trials
    ]
    table = page.table(["trial", "F1", "ended", *keys], rows)
    failed = bullets(f"Trial {row.get('number')}: {row['error']}" for row in trials if get(row, "error"))
    return f'{why}<div class="pairs">{chart}{table}</div>{failed}'


def _trial_f1(row: Mapping[str, Any]) -> float | None:
    """The F1 of a trial; of one that was ended early the best that it had reached."""
    epochs = get(row, "epochs")
    reached = [value for value in epochs if isinstance(value, int | float)] if isinstance(epochs, list) else []
    f1 = row.get("f1")
    return float(f1) if isinstance(f1, int | float) else max(reached, default=None)


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
