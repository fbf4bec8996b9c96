"""Looks at a journey without making it: what is done (`status`), what it would take (`plan`), a few rows (`preview`).

Each gives a text for the terminal. Status and plan write nothing and ask nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from qa_pipeline.data import Example, load_examples
from qa_pipeline.journey.forecast import candidate_line, forecast_lines
from qa_pipeline.journey.prompt2model import JourneyResult, Prompt2Model
from qa_pipeline.journey.record import BEGUN, STOPPED, JourneyRecord
from qa_pipeline.wording import short

PREVIEW = "preview"
_FEW = {"subset": 8, "num_examples": 24, "max_retrieved_rows": 24, "probe_models": 0}
"""Settings of a preview, where they are more."""
_SHOWN = 3


def status(journey: Prompt2Model) -> str:
    """What is done in the folder, and, where the prompt is given too, what the same command would do.

    Raises:
        ConfigError: the folder's record is damaged.
    """
    record = JourneyRecord(journey.settings.root)
    if not record.there:
        return f"{record.root}: no journey was begun here"
    engine = journey.engine(record)
    knows_settings = bool(journey.settings["prompt"] or journey.settings["spec_file"])
    lines = [f"journey in {record.root}: {short(str(record.settings.get('prompt', '')), 80)}"]
    again: str | None = None
    for stage in engine.stages:
        one = record.stages.get(stage.name)
        state = "not made yet" if one is None else one.status
        if one is not None and one.status == BEGUN:
            state = "begun; the same command goes on"
        elif one is not None and one.status == STOPPED:
            state = f"ended early: {short(str(one.why), 80)}"
        elif one is not None:
            state += f" in {one.seconds:,.1f} s"
        if edited := engine.edited(stage):
            state += f"; edited since: {', '.join(path.name for path in edited)}"
        if knows_settings and one is not None:
            why = engine.why_again(stage)
            if why or again:
                state += f"; would run again: {short('; '.join(why), 120) or f'{again} runs again'}"
                again = again or stage.name
        lines.append(f"  {stage.name:<16}{state}")
    return "\n".join(lines)


def plan(journey: Prompt2Model) -> str:
    """What each stage would use, ask, cost and take, as far as can be known beforehand.

    Raises:
        QAError: the documents cannot be read, or a setting cannot be meant.
    """
    return "\n".join(forecast_lines(journey.settings, journey.stages))


def preview(journey: Prompt2Model) -> str:
    """Runs the stages up to the choice of a model on a few passages and rows, in a folder of its own, and shows rows.

    What is asked of a language model is kept, so that the whole journey does not ask it again.

    Raises:
        QAError: as the journey itself.
    """
    settings = journey.settings
    record = JourneyRecord(settings.root)
    record.claim()
    if not record.there:
        record.write()  # so that the folder is known as a journey's
    few = {name: min(most, settings[name]) if settings[name] is not None else most for name, most in _FEW.items()}
    folder = settings.root / PREVIEW
    small = settings.with_values(**few, output_dir=str(folder), until="retrieve_model", from_stage=None)
    stages = {stage.name: stage for stage in journey.stages if stage.name not in (settings["skip"] or ())}
    try:
        result = Prompt2Model(small, stages, say=journey.say, command=journey.command, ask=journey.ask).run()
    finally:
        record.release()
    return "\n".join(["", *_preview_lines(result), f"whole files: {folder}"])


def _preview_lines(result: JourneyResult) -> Iterator[str]:
    facts = {name: one.facts for name, one in result.stages.items()}
    yield "data sets, best first:"
    for one in facts["retrieve_data"].get("candidates", ())[:_SHOWN]:
        yield f"  {candidate_line(one)}"
    for stage, title in (("retrieve_data", "rows found"), ("generate", "rows made"), ("process", "rows to train on")):
        name = "rows" if stage == "retrieve_data" else "train"
        path = result.stages[stage].files.get(name)
        yield f"{title}:" if path else f"{title}: none"
        for row in _first_rows(path):
            yield f"  {_row_line(row)}"
    yield "models, best first:"
    for one in facts["retrieve_model"].get("candidates", ())[:_SHOWN]:
        yield f"  {candidate_line(one)}"
    yield f"would be trained: {facts['retrieve_model']['chosen']}"


def _first_rows(path: Any) -> list[Example]:
    return [] if path is None else load_examples(path, max_samples=_SHOWN)[0]


def _row_line(row: Example) -> str:
    answer = row["answers"]["text"][0] if row["answers"]["text"] else "(no answer in the text)"
    return f"{short(row['question'], 90)} -> {short(answer, 60)}"


LOOKS: dict[str, Callable[[Prompt2Model], str]] = {"status": status, "plan": plan, PREVIEW: preview}
"""By the name of their setting."""
