"""What a journey would use, ask, cost, store and take, as far as can be known before it begins. Asks nobody.

The time of training goes by the pace of this machine, which is measured with a few real steps where the model is at
hand. It writes nothing but a temporary folder.
"""

from __future__ import annotations

import contextlib
import io
import json
import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from qa_pipeline.errors import QAError
from qa_pipeline.generation import api
from qa_pipeline.generation.arguments import Settings
from qa_pipeline.generation.specification.specification import Specification, parse_prompt, read_specification
from qa_pipeline.journey.data_stages import GenerateStage
from qa_pipeline.journey.model_stages import RetrieveModelStage, default_epochs, starts_warm, wanted_training
from qa_pipeline.journey.next_steps import MODEL
from qa_pipeline.journey.result_stages import CARD, METRICS, REPORT
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.skipped import SkippedStage
from qa_pipeline.journey.stage import Stage, StageResult, Work
from qa_pipeline.mock import make_dataset
from qa_pipeline.modeling.paths import EMBEDDED_MODEL
from qa_pipeline.wording import counted, first_line, short

_STEPS, _BATCH = 8, 8
_WINDOWS_A_ROW = 1.2
"""Windows of one row: a passage of up to 400 words has one or two."""
_KEPT = 0.8
"""Share of the most questions of cloze that filters usually leave."""
_EMBEDDED_MILLIONS = 22.7
_BYTES = 4
_SAVED_TIMES = {False: 8, True: 3}
"""Times the weights on the disk, by whether adapters are trained: the model twice (train, model), and, while it trains,
up to two checkpoints with both moments of Adam, which go when it has ended; of adapters the merged model twice."""


@dataclass(frozen=True)
class TrainingPace:
    """How fast this machine trains a model: windows a second, and how that is known."""

    windows: float
    source: str


def forecast_lines(settings: JourneySettings, stages: Sequence[Stage]) -> Iterator[str]:
    """The plan, a stage after the other.

    Raises:
        QAError: the documents cannot be read, or a setting cannot be meant.
    """
    by_name = {stage.name: stage for stage in stages}
    asks = settings["backend"] != "cloze"
    specification = _specification(settings)
    reads = f"1 request to {settings['model']}" if asks and not settings["spec_file"] else "by rules, no request"
    yield _line("parse", f"{reads}; about: {specification.domain or 'all of the documents'}")
    yield from _block(by_name["retrieve_data"], lambda: _data_lines(settings, specification, asks))
    rows, lines = _generation(settings, by_name["generate"])
    yield from _block(by_name["generate"], lambda: lines)
    examples = f"; the questions of {settings['examples']}" if settings["examples"] else ""
    held = f"{settings['validation_fraction']:.0%} validation, {settings['test_fraction']:.0%} test, by document"
    yield _line("process", f"joins all rows{examples}; {held}")
    model, lines = _model(settings, specification, rows, by_name["retrieve_model"])
    yield from _block(by_name["retrieve_model"], lambda: lines)
    yield from _training_lines(settings, by_name, model, rows)


def _training_lines(
    settings: JourneySettings, stages: dict[str, Stage], model: dict[str, Any], rows: int | None
) -> Iterator[str]:
    millions = (model.get("parameters") or _EMBEDDED_MILLIONS * 1e6) / 1e6
    name = str(model["name_or_path"])
    pace = measure_pace(name, millions, settings)
    train_rows = rows and min(rows * (1 - settings["validation_fraction"] - settings["test_fraction"]), _most(settings))
    epochs = settings["num_train_epochs"]
    if "num_train_epochs" not in settings.given and train_rows is not None:
        warm = starts_warm(settings, model, round(train_rows), settings["language"] or "en")[0]
        epochs = default_epochs(round(train_rows), warm)
    seconds = None if train_rows is None else train_rows * epochs * _WINDOWS_A_ROW / pace.windows
    amount = "" if train_rows is None else f"about {train_rows:,.0f} rows, "
    yield _line("train", f"{amount}{epochs:g} epochs of {name}: {_time(seconds)}; {pace.source}")
    if train_rows is not None and (line := _warm_line(settings, model, round(train_rows), pace)):
        yield _line("", line)
    trials = 0 if isinstance(stages["select"], SkippedStage) else settings["num_trials"]
    more = max(0, trials - 1)
    yield _line("select", f"{counted(more, 'training')} more, {_time(seconds and seconds * more)}" if more else "off")
    yield _line("execute", f"answers the test questions; {_time(seconds and seconds / 10)}")
    yield _line("evaluate", f"against the model before training: {settings['metrics_output_path'] or METRICS}")
    yield _line("report", f"{REPORT}, {CARD}, and the model in {MODEL}")
    lora = bool(settings["use_lora"] or model.get("method") not in (None, "full"))
    disk = millions * 1e6 * _BYTES * (_SAVED_TIMES[lora] + more) / 1e9
    yield _line("disk", f"about {disk:.1f} GB in {settings.root}, while it trains")
    yield _line("all", f"{_time(seconds and seconds * (1 + more))} of training")


def _warm_line(settings: JourneySettings, model: Mapping[str, Any], rows: int, pace: TrainingPace) -> str:
    """What the plan says of a warm start; "" where there will be none."""
    from qa_pipeline.run import warm_start, warm_weights

    name = str(model["name_or_path"])
    wanted, why = starts_warm(settings, model, rows, settings["language"] or "en")
    if not wanted:
        return ""
    if name in warm_start.SHIPPED:
        return f"warm start: {why}; what it begins with comes with this package and takes no time"
    asked = int(warm_weights.QUESTIONS["rows"])
    seconds = asked * int(warm_weights.TRAINING["num_train_epochs"]) / pace.windows
    return f"warm start: {why}; it first learns from {asked:,} made-up questions, once: {_time(seconds)}"


def measure_pace(model: str, millions: float, settings: JourneySettings) -> TrainingPace:
    """How fast this machine trains a model, by a few steps of it; of one that is not at hand, by those of the embedded.

    Args:
        model: name.
        millions: its parameters.
        settings: of the journey, of which its windows and adapters count.
    """
    try:
        return TrainingPace(_windows_a_second(model, settings), "pace measured on this machine just now")
    except QAError:
        windows = _windows_a_second(EMBEDDED_MODEL, settings) * _EMBEDDED_MILLIONS / max(millions, 1.0)
        return TrainingPace(windows, "estimated from the embedded model's pace here, by the number of parameters")


_OF_THE_PACE = (
    *("max_seq_length", "doc_stride", "max_question_length", "use_lora", "lora_r", "load_in_4bit", "load_in_8bit"),
    *("use_cpu", "bf16", "fp16", "tokenizer_name", "trust_remote_code"),
)


def _windows_a_second(model: str, settings: JourneySettings) -> float:
    from transformers.utils import logging as library_logging

    from qa_pipeline.arguments.training import arguments_from
    from qa_pipeline.run.run import run_qa

    library_logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "train.json"
        made = make_dataset("clinic", 3 * _STEPS * _BATCH, 0.0, 0, validation_fraction=0.1, test_fraction=0.1)
        data.write_text(json.dumps(made["train"]), encoding="utf-8")
        values = {
            **settings.given_part(_OF_THE_PACE),
            "model_name_or_path": model,
            "train_file": str(data),
            "output_dir": str(Path(folder) / "run"),
            "do_train": True,
            "max_steps": _STEPS,
            "per_device_train_batch_size": _BATCH,
            "save_strategy": "no",
            "warm_start": "off",
            "disable_tqdm": True,
        }
        with _quiet():
            results = run_qa(arguments_from(values, "plan"))
        return _STEPS * _BATCH / max(float(results["train_runtime"]), 1e-3)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """What a training prints and warns of is about the made-up rows here, and none of the user's concern."""
    ours = logging.getLogger("qa_pipeline")
    before = ours.level
    ours.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        ours.setLevel(before)


def _specification(settings: JourneySettings) -> Specification:
    if settings["spec_file"]:
        return read_specification(settings["spec_file"])
    specification = parse_prompt(settings["prompt"])
    return replace(specification, domain=settings["domain"]) if settings["domain"] else specification


def _data_lines(settings: JourneySettings, specification: Specification, asks: bool) -> list[str]:
    """Where data sets are looked for, and the first that fit of those that are known without the network."""
    from qa_pipeline.discovery.arguments import DatasetSearchArguments
    from qa_pipeline.discovery.datasets import find_datasets

    search = settings.make(DatasetSearchArguments)
    hub = "not the Hub (offline)" if settings["offline"] or not search.hub_datasets else "the Hub, at most 60 requests"
    places = [*(search.dataset_folders or ()), "the embedded catalogue", hub]
    ranked = "; re-ranked by the language model" if asks and search.rerank_datasets else ""
    lines = [f"looks at {', '.join(places)}{ranked}; at most {search.max_retrieved_rows:,} rows"]
    for one in find_datasets(specification, search, hub=None)[:3]:
        lines.append(candidate_line(one.to_dict()))
    return lines


def candidate_line(facts: Mapping[str, Any]) -> str:
    """A data set or a model that was found on one line: why it is not used, or why it is, and what is known of it."""
    name = facts.get("name_or_path") or facts.get("id")
    refused = f"not used: {facts['why_not']} " if facts.get("why_not") else ""
    return short(f"{name}: {refused}{facts.get('reason') or ''}", 220)


def _generation(settings: JourneySettings, stage: Stage) -> tuple[int | None, list[str]]:
    """Rows that are likely, where that is known, and the plan of the generation."""
    if not isinstance(stage, GenerateStage):
        return None, ["by a stage of your own"]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "prompt_spec.yaml"
        _specification(settings).save(path)
        inputs = {"parse": StageResult({"specification": path})}
        work = Work(Path(folder) / "generate", Path(folder), settings, inputs, lambda line: None)
        generation: Settings = stage.generation(work)
        general = generation.generation
        general.plan, general.output_dir = True, None
        try:
            job = api.prepare(generation)
        except QAError as error:
            if general.documents or general.contexts_from:
                raise
            return None, [f"nothing can be made: {first_line(error)}"]
        lines = api.plan(job).splitlines()
        wanted = general.num_examples
        most = round(len(job.passages) * general.questions_per_context * _KEPT) or None
        return (wanted if most is None or (wanted and wanted < most) else most), lines


def _model(
    settings: JourneySettings, specification: Specification, rows: int | None, stage: Stage
) -> tuple[dict[str, Any], list[str]]:
    """What is known of the model that would be trained, and lines on it."""
    given = settings["model_name_or_path"]
    if given or not isinstance(stage, RetrieveModelStage):
        name = given or EMBEDDED_MODEL
        return {"name_or_path": name}, [f"{name}; none is searched for"]
    from qa_pipeline.discovery.model_arguments import ModelSearchArguments
    from qa_pipeline.discovery.models import find_models

    search = settings.make(ModelSearchArguments)
    plan = wanted_training(settings, rows or 1000)
    found = [one for one in find_models(specification, search, hub=None, plan=plan) if one.fits]
    ready = [one for one in found if one.at_hand]
    chosen = ready[0] if settings["offline"] and ready else (found or ready)[0]
    lines = [f"{one.name_or_path}: {short(one.reason, 100)}" for one in found[:3]]
    known: dict[str, Any] = chosen.to_dict()
    return known, [*lines, f"would be trained: {chosen.name_or_path}"]


def _block(stage: Stage, lines: Any) -> Iterator[str]:
    """The lines of one stage under its name; of one that is left out, that."""
    if isinstance(stage, SkippedStage):
        yield _line(stage.name, "left out, as asked for")
        return
    for number, line in enumerate(lines()):
        yield _line("" if number else stage.name, line)


def _line(name: str, text: str) -> str:
    return f"{name:<16}{text}"


def _most(settings: JourneySettings) -> float:
    return settings["max_train_samples"] or float("inf")


def _time(seconds: float | None) -> str:
    if seconds is None:
        return "time not known, since the number of rows is not"
    return f"about {seconds:.0f} s" if seconds < 90 else f"about {seconds / 60:.0f} min"
