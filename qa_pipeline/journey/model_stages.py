"""The stages that make the model: which one is trained, its training, and the choice of hyper-parameters.

The chosen model ends in `model/` of the journey's folder, whole, so that it loads anywhere. Makes no data.
"""

from __future__ import annotations

import contextlib
import json
import logging
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, QAError
from qa_pipeline.journey.data_stages import hub_of, specification_of
from qa_pipeline.journey.model_folder import HISTORY, model_files, publish_model, slim_checkpoints
from qa_pipeline.journey.next_steps import MODEL
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.stage import Stage, StageResult, Work
from qa_pipeline.wording import counted

_OF_LOOKS = frozenset(
    {
        *("output_dir", "report_to", "disable_tqdm", "logging_dir", "log_level", "log_level_replica", "run_name"),
        *("logging_steps", "logging_strategy", "cache_dir", "token", "overwrite_output_dir", "model_name_or_path"),
        *("dataloader_num_workers", "dataloader_pin_memory", "dataloader_prefetch_factor"),
        *("field_mapping", "on_bad_data", "max_bad_fraction"),
    }
)
"""Settings of a training that change nothing of what it makes; the model is what retrieve_model gives."""
_OF_THE_ESTIMATE = (
    *("use_lora", "load_in_4bit", "load_in_8bit", "lora_r", "train_batch_tokens", "per_device_train_batch_size"),
    *("max_seq_length", "num_train_epochs", "max_train_samples"),
)
"""Settings of the training that decide which models fit into memory and time."""


class RetrieveModelStage(Stage):
    """Ranks base models that fit the language, the licence and this machine, and chooses one."""

    name = "retrieve_model"
    needs = ("parse", "process")
    sources = ("model_name_or_path",)

    def hangs_on(self, settings: JourneySettings) -> Iterable[str]:
        """What the search goes by; a model that is given needs none."""
        if settings["model_name_or_path"]:
            return ("model_name_or_path", "model_revision", "seed")
        from qa_pipeline.discovery.model_arguments import ModelSearchArguments

        names = [one.name for one in fields(ModelSearchArguments)]
        return [*names, "offline", "seed", *_OF_THE_ESTIMATE]

    def run(self, work: Work) -> StageResult:
        """The best model that fits and can be had; a model that is given is taken, and that is said."""
        given = work.settings["model_name_or_path"]
        if given:
            facts = {"candidates": [], "chosen": given, "reason": "given as model_name_or_path; none was searched for"}
        else:
            facts = self._search(work)
        work.say(f"  {facts['chosen']}: {facts['reason']}")
        files = {"models": work.folder / "models.json"}
        with artifacts.writing(work.folder, resumes=True):
            artifacts.write_json(files["models"], facts)
        return StageResult(files, facts)

    def _search(self, work: Work) -> dict[str, Any]:
        from qa_pipeline.discovery.model_arguments import ModelSearchArguments
        from qa_pipeline.discovery.models import find_models

        settings = work.settings
        search = settings.make(ModelSearchArguments)
        hub, plan = hub_of(settings, search.hub_models), wanted_training(settings, _rows_of(work))
        candidates = find_models(specification_of(work), search, hub=hub, plan=plan)
        usable = [one for one in candidates if one.fits and (one.at_hand or not settings["offline"])]
        if not usable:
            raise ConfigError("retrieve_model", "no model fits; give one as model_name_or_path")
        probed = self._probe(work, usable, search.probe_models)
        chosen = probed or usable[0]
        listed = [one.to_dict() for one in candidates]
        return {"candidates": listed, "chosen": chosen.name_or_path, "reason": chosen.reason}

    def _probe(self, work: Work, usable: list[Any], count: int) -> Any:
        """The best of the first few after a short training, where that was asked for and can be measured."""
        train, validation = work.file("process", "train"), work.file("process", "validation")
        if not count or train is None or validation is None:
            return None
        from qa_pipeline.discovery.probing import probe_models

        settings = work.settings
        ranked = probe_models(
            usable,
            count,
            train,
            validation,
            work.folder / "probes",
            seed=settings["seed"],
            rows=settings["probe_rows"],
            epochs=settings["probe_epochs"],
            values=settings.given_part(("max_seq_length", "doc_stride", "max_question_length", "use_cpu", "bf16")),
        )
        return ranked[0] if ranked else None


class TrainStage(Stage):
    """Trains the model on the data set with the settings as they are: `train/`, a run folder."""

    name = "train"
    version = 2  # 1 mixed questions of built-in domains into the rows; now a warm start may come before them
    needs = ("parse", "process", "retrieve_model")

    def hangs_on(self, settings: JourneySettings) -> Iterable[str]:
        """All settings of a training but those of its looks."""
        return [name for name in settings.training_keys if name not in _OF_LOOKS]

    def run(self, work: Work) -> StageResult:
        """Goes on from the newest checkpoint of a run that was killed."""
        from qa_pipeline.arguments.training import arguments_from
        from qa_pipeline.run.run import run_qa

        values = training_values(work)
        folder = work.folder
        keeper = _history_keeper(folder / HISTORY, work.say)
        results = run_qa(arguments_from(values | {"output_dir": str(folder)}, "stage train"), callbacks=[keeper])
        warnings = results.pop("warnings", [])
        facts = {
            "results": results,
            "warnings": warnings,
            "history": _history(folder / HISTORY),
            "settings": _shown_settings(values),
            "folder": folder.relative_to(work.root).as_posix(),
            "warm_start": _warm_start(folder),
        }
        if facts["warm_start"]["used"]:
            work.say(f"  warm start: {facts['warm_start']['words']}")
        scored = f"validation F1 {results['eval_f1']:.1f}" if "eval_f1" in results else "no validation questions"
        work.say(f"  {counted(results.get('train_steps', 0), 'step')}, {scored}")
        for warning in warnings:
            work.say(f"  warning: {warning}")
        return StageResult(model_files(folder), facts)


class SelectStage(Stage):
    """Tries other hyper-parameters on the validation questions and puts the best model into `model/`."""

    name = "select"
    needs = ("parse", "process", "retrieve_model", "train")

    def hangs_on(self, settings: JourneySettings) -> Iterable[str]:
        """The settings of the tuning; those of the training count through the train stage."""
        from qa_pipeline.tuning.arguments import TuningArguments

        return [one.name for one in fields(TuningArguments) if one.name not in ("tuning_workers", "release_trials")]

    def run(self, work: Work) -> StageResult:
        """The train stage's run is trial 0, so that nothing is trained twice."""
        slim_checkpoints(work.root / work.facts("train")["folder"])
        why = self._why_not(work)
        run_folder = work.root / work.facts("train")["folder"]
        settings = work.facts("train")["settings"]
        facts: dict[str, Any] = {"trials": [], "chosen": 0, "settings": settings, "why": why}
        if why is None:
            run_folder, facts = self._tune(work, run_folder)
        work.say(f"  {facts['why']}")
        return StageResult(publish_model(run_folder, work.root / MODEL), facts)

    def _why_not(self, work: Work) -> str | None:
        """Why nothing is tried; None: it is."""
        if work.settings["num_trials"] == 0:
            return "num_trials is 0: the model of the train stage is the chosen one"
        if work.file("process", "validation") is None:
            return "there are no validation questions to choose by: the model of the train stage is the chosen one"
        return None

    def _tune(self, work: Work, default_run: Path) -> tuple[Path, dict[str, Any]]:
        from qa_pipeline.tuning.api import tune
        from qa_pipeline.tuning.arguments import TuningArguments

        tuning = work.settings.make(TuningArguments)
        with _heard("qa_pipeline.tuning", work.say):
            result = tune(training_values(work), tuning, work.folder / "study", default_run=default_run)
        first, best = result.trials[0], result.best
        stays = keeps_default(first.f1, best.f1, best.f1_interval)
        why = f"trial {best.number} of {len(result.trials)} has the best validation F1, {best.f1:.1f}"
        if best.number != 0 and first.f1 is not None:
            why += f"; the settings as they are have {first.f1:.1f}"
            why += ", which is within one standard error, so that they stay" if stays else ""
        facts: dict[str, Any] = {"trials": [asdict(trial) for trial in result.trials], "why": why}
        if stays:
            shown = _shown_settings(training_values(work))
            return default_run, facts | {"chosen": 0, "settings": shown}
        return result.model, facts | {"chosen": best.number, "settings": _shown_settings(result.best_settings)}


def keeps_default(first: float | None, best: float | None, interval: Sequence[float] | None) -> bool:
    """Whether the settings as they are stay, since the best of the trials is not clearly better.

    The best of several scores on the same questions flatters itself, so the one-standard-error rule decides (Breiman
    and others 1984, Classification and Regression Trees, section 3.4.3).

    Args:
        first: validation F1 of trial 0.
        best: the highest of all trials.
        interval: 95% of the best one's, low and high; None where there is none.

    >>> keeps_default(36.8, 37.2, [31.0, 43.4]), keeps_default(21.6, 44.7, [32.0, 57.0])
    (True, False)
    """
    if first is None or best is None:
        return False
    error = (interval[1] - interval[0]) / (2 * 1.96) if interval else 0.0
    return first >= best - error


class _Sayer(logging.Handler):
    """Says what is logged."""

    def __init__(self, say: Callable[[str], None]):
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Says one message."""
        self._say(f"  {record.getMessage()}")


@contextlib.contextmanager
def _heard(name: str, say: Callable[[str], None]) -> Iterator[None]:
    """In the block, what a room logs of its progress is said to the user."""
    logger, handler = logging.getLogger(name), _Sayer(say)
    level, through = logger.level, logger.propagate
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
        logger.propagate = through


def training_values(work: Work) -> dict[str, Any]:
    """The settings of the training: the user's, the data set's files, and what follows from data and model."""
    settings, inputs = work.settings, work.facts("process")["splits"]
    values = settings.given_part(name for name in settings.training_keys if name not in _NOT_HANDED_ON)
    chosen = str(work.facts("retrieve_model")["chosen"])
    values |= {
        "model_name_or_path": chosen,
        "train_file": str(work.file("process", "train")),
        "do_train": True,
        "seed": settings["seed"],
    }
    values.setdefault("disable_tqdm", not sys.stderr.isatty())  # a bar is for a terminal, and noise in a log
    if inputs["train"]["unanswerable"]:
        values.setdefault("version_2_with_negative", True)
    if not (language := language_of(work)).startswith("en"):
        values.setdefault("answer_normalization", "multilingual")
        values.setdefault("answer_language", language)
    if (validation := work.file("process", "validation")) is not None:
        values |= {"validation_file": str(validation), "do_eval": True}
        if not {"eval_strategy", "save_strategy", "load_best_model_at_end", "eval_steps"} & settings.given:
            from qa_pipeline.tuning.search_space import PER_EPOCH

            values |= PER_EPOCH
    candidate = _of_name(work.facts("retrieve_model").get("candidates", ()), chosen)
    if "use_lora" not in settings.given:
        values |= {name: True for name in _SWITCHES[candidate.get("method") or "full"]}
    if values.get("use_lora"):
        values.setdefault("merge_adapter", True)
    warm = starts_warm(settings, candidate or {"name_or_path": chosen}, _rows_of(work), language)[0]
    if "num_train_epochs" not in settings.given:
        values["num_train_epochs"] = default_epochs(_rows_of(work), warm)
    if "learning_rate" not in settings.given:
        values["learning_rate"] = default_learning_rate(candidate.get("parameters"), bool(values.get("use_lora")), warm)
    return values


_NOT_HANDED_ON = frozenset({"output_dir", "overwrite_output_dir", "field_mapping", "on_bad_data", "max_bad_fraction"})


def language_of(work: Work) -> str:
    """The language of the journey's data, a code."""
    return str(specification_of(work).language or work.settings["language"] or "en")


def _of_name(candidates: Iterable[Mapping[str, Any]], name: str) -> Mapping[str, Any]:
    return next((one for one in candidates if one.get("name_or_path") == name), {})


_SWITCHES: dict[str, tuple[str, ...]] = {
    "full": (),
    "lora": ("use_lora",),
    "8bit": ("use_lora", "load_in_8bit"),
    "4bit": ("use_lora", "load_in_4bit"),
}
"""What is set for a model that fits into the memory only so."""


def wanted_training(settings: JourneySettings, rows: int) -> Any:
    """The training that a model is looked for: its method where the user said one, and how much it reads."""
    from qa_pipeline.discovery.memory import TrainingPlan

    method: Any = next((name for name in ("4bit", "8bit") if settings[f"load_in_{name}"]), None)
    if method is None and "use_lora" in settings.given:
        method = "lora" if settings["use_lora"] else "full"
    batch = settings["train_batch_tokens"] or settings["per_device_train_batch_size"] * settings["max_seq_length"]
    epochs = settings["num_train_epochs"] if "num_train_epochs" in settings.given else default_epochs(rows)
    read = round(rows * epochs * TOKENS_A_ROW) or 1
    return TrainingPlan(method, int(batch), read, settings["lora_r"])


TOKENS_A_ROW = 300
"""Of the windows of one row, on average: a question and most of its passage of up to 400 words."""


def _rows_of(work: Work) -> int:
    rows = int(work.facts("process")["splits"]["train"]["rows"])
    return min(rows, work.settings["max_train_samples"] or rows)


def starts_warm(settings: JourneySettings, model: Mapping[str, Any], rows: int, language: str) -> tuple[bool, str]:
    """Whether the training of a model will have a warm start, and why, as far as can be known before.

    Args:
        settings: of the journey.
        model: "name_or_path", and "answers_questions" where that is known.
        rows: training questions.
        language: their code.
    """
    from qa_pipeline.arguments import ModelArguments
    from qa_pipeline.modeling.untrained import is_untrained
    from qa_pipeline.run import warm_start

    name, known = str(model["name_or_path"]), model.get("answers_questions")
    try:
        untrained = is_untrained(settings.make(ModelArguments, model_name_or_path=name)) if known is None else not known
    except QAError:  # it is not at hand: its configuration says so when it is
        return False, "not known yet"
    english = language.startswith("en")
    return warm_start.choose(settings["warm_start"], untrained=untrained, rows=rows, english=english, model=name)


def default_epochs(rows: int, warm: bool = False) -> float:
    """Passes over the data: 3, as was measured for thousands of generated questions, and up to 10 over fewer.

    A new head needs some hundred steps, which 3 passes over 200 rows are not; the best epoch on the validation
    questions is kept. After a warm start it is 5, as was measured (docs/experiments.md).

    >>> default_epochs(4000), default_epochs(600), default_epochs(100), default_epochs(100, warm=True)
    (3.0, 5.0, 10.0, 5.0)
    """
    return 5.0 if warm else float(min(10, max(3, round(3000 / max(rows, 1)))))


def default_learning_rate(parameters: float | None, lora: bool, warm: bool = False) -> float:
    """A learning rate by the size of the model.

    Up to 60 million parameters it is what was measured for MiniLM (docs/measured.md); above, what the papers of BERT
    (arXiv 1810.04805, 2e-5 to 5e-5 for all weights) and LoRA (arXiv 2106.09685, about 5e-4) use. After a warm start
    it is a third of that, so that what was learned there is kept: measured for all weights of MiniLM alone.

    >>> default_learning_rate(22.7e6, lora=False), default_learning_rate(110e6, lora=False)
    (0.0003, 3e-05)
    >>> default_learning_rate(22.7e6, lora=False, warm=True)
    0.0001
    """
    small = parameters is None or parameters <= 60e6
    rate = (1e-3 if small else 5e-4) if lora else 3e-4 if small else 3e-5
    return round(rate / 3, 8) if warm else rate


def _shown_settings(values: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as they may be shown: without secrets and without the places of files."""
    from qa_pipeline.arguments.config_files import SECRET_KEYS

    return {name: value for name, value in values.items() if name not in SECRET_KEYS}


def _warm_start(folder: Path) -> dict[str, Any]:
    """Whether the run of a folder had a warm start, and in words which, or why not."""
    from qa_pipeline.run.publishing import warm_words

    record = json.loads((folder / artifacts.RUN).read_text(encoding="utf-8"))
    facts = record.get("warm_start") or {"used": False, "why": "not known"}
    return {"used": facts["used"], "words": warm_words(facts) if facts["used"] else f"none: {facts['why']}"}


def _history_keeper(path: Path, say: Callable[[str], None]) -> Any:
    """A callback of the Trainer that says how far a training is, and keeps its course where it ends."""
    from transformers import TrainerCallback

    class HistoryKeeper(TrainerCallback):
        """Writes losses and validation scores into a file."""

        def on_evaluate(self, args: Any, state: Any, control: Any, metrics: Any = None, **kwargs: Any) -> None:
            if metrics and "eval_f1" in metrics:
                say(f"  epoch {state.epoch:g} of {state.num_train_epochs}: validation F1 {metrics['eval_f1']:.1f}")

        def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            numbers = [{k: v for k, v in line.items() if isinstance(v, int | float)} for line in state.log_history]
            artifacts.write_json(path, numbers)

    return HistoryKeeper()


def _history(path: Path) -> list[dict[str, Any]]:
    history: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else []
    return history
