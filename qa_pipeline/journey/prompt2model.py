"""From a prompt to a model: `Prompt2Model(settings).run()` is what `qa-pipeline prompt2model` does.

Joins settings, stages and the record of a folder. What a stage does stands in its own module.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline.errors import ConfigError
from qa_pipeline.generation.arguments import BackendArguments
from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.journey.arguments import journey_settings
from qa_pipeline.journey.data_stages import GenerateStage, ParseStage, ProcessStage, RetrieveDataStage
from qa_pipeline.journey.engine import StageRunner, log_line
from qa_pipeline.journey.model_stages import RetrieveModelStage, SelectStage, TrainStage
from qa_pipeline.journey.next_steps import MODEL, next_steps
from qa_pipeline.journey.record import WORK, JourneyRecord
from qa_pipeline.journey.result_stages import EvaluateStage, ExecuteStage, ReportStage
from qa_pipeline.journey.settings import JourneySettings
from qa_pipeline.journey.skipped import INSTEAD
from qa_pipeline.journey.stage import STAGES, Stage, StageResult

COMPLETIONS = "completions.sqlite"
"""File in the journey's work folder where the language model's completions are kept, for all stages."""
BUILTIN: tuple[type[Stage], ...] = (
    *(ParseStage, RetrieveDataStage, GenerateStage, ProcessStage, RetrieveModelStage),
    *(TrainStage, SelectStage, ExecuteStage, EvaluateStage, ReportStage),
)


@dataclass(frozen=True)
class JourneyResult:
    """What a journey ended in.

    Attributes:
        folder: of the journey.
        stages: what each stage that ran, or was current, gave.
        model: the folder of the chosen model; None where the journey ended before there was one.
    """

    folder: Path
    stages: Mapping[str, StageResult]
    model: Path | None

    @property
    def metrics(self) -> Mapping[str, Any]:
        """What the metrics file holds; empty where nothing was evaluated."""
        result = self.stages.get("evaluate")
        return result.facts.get("metrics", {}) if result else {}

    @property
    def files(self) -> dict[str, Path]:
        """The artifacts of all stages, as "stage/name"."""
        return {f"{stage}/{name}": path for stage, one in self.stages.items() for name, path in one.files.items()}

    def next_steps(self, documents: Sequence[str] = ()) -> dict[str, str]:
        """What one may do next, and the command for it."""
        return next_steps(self.folder, {name: one.facts for name, one in self.stages.items()}, documents)


class Prompt2Model:
    """The journey from a prompt to a model.

    A run that was killed goes on where it was when the same call comes again, and asks nothing twice; a run whose
    settings, documents or artifacts changed makes again what hangs on the change.

    Args:
        settings: by name, as `qa-pipeline prompt2model --help` lists them; or settings that were checked.
        stages: in place of the built-in ones, by name.
        say: takes lines that say how far the journey is; None: they are logged.
        command: the words of a command line that this is, for messages that say how it goes on.
        ask: gives the language model, in place of the one that the settings name.

    Raises:
        ConfigError: with every fault of the settings.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> settings = {"prompt": "60 questions about a clinic's hours and fees", "offline": True}
        >>> journey = Prompt2Model({**settings, "output_dir": folder, "until": "generate", "skip": "retrieve_data"})
        >>> journey.run().stages["generate"].facts["rows"]
        60
    """

    def __init__(
        self,
        settings: Mapping[str, Any] | JourneySettings,
        stages: Mapping[str, Stage] | None = None,
        *,
        say: Callable[[str], None] | None = None,
        command: str | None = None,
        ask: Callable[[], Backend | None] | None = None,
    ):
        self.settings = settings if isinstance(settings, JourneySettings) else journey_settings(settings)
        self.stages = _stages(self.settings, stages or {})
        self.say = say or log_line
        self.command = command
        self.ask = ask or self._ask
        self._backend: Backend | None = None

    def run(self) -> JourneyResult:
        """Runs the stages that have to run.

        Raises:
            ConfigError, DataError, ModelError, BackendError: something that the user can mend; says which stage it was
                and how the journey goes on.
        """
        settings, root = self.settings, self.settings.root
        record = JourneyRecord(root)
        record.claim()
        try:
            with offline(settings["offline"]):
                results = self.engine(record).run(settings["until"], settings["from_stage"])
        finally:
            record.release()
        return JourneyResult(root, results, root / MODEL if "select" in results else None)

    def engine(self, record: JourneyRecord) -> StageRunner:
        """The engine over a record."""
        go_on = "the same call goes on"
        if self.command:
            go_on = f"this goes on:\n  {self.command}"
        return StageRunner(record, self.stages, self.settings, self.say, self.ask, go_on)

    def _ask(self) -> Backend | None:
        """The language model, set up once; None where none was configured."""
        if self.settings["backend"] == "cloze":
            return None
        if self._backend is None:
            from qa_pipeline.generation.questions.llm.setup import make_backend

            arguments = self.settings.make(BackendArguments, load_in_4bit=self.settings["backend_load_in_4bit"])
            self._backend = make_backend(arguments, self.settings.root / WORK / COMPLETIONS)
        return self._backend


def _stages(settings: JourneySettings, given: Mapping[str, Stage]) -> list[Stage]:
    """The stages in their order: those that are given, what stands for those that are left out, and the built-in ones.

    Raises:
        ConfigError: a stage that is given, or left out, is none, or both at once.
    """
    skipped = settings["skip"] or ()
    problems = [f'unknown stage "{name}"; stages are {", ".join(STAGES)}' for name in given if name not in STAGES]
    problems += [f"{name}: its name is {stage.name}" for name, stage in given.items() if stage.name != name]
    problems += [f"{name}: is left out by skip, and a stage for it is given" for name in given if name in skipped]
    for name, stage in given.items():
        later = [one for one in stage.needs if name in STAGES and one not in STAGES[: STAGES.index(name)]]
        problems += [f"{name}: needs {one}, which is no stage before it" for one in later]
    if problems:
        raise ConfigError("stages", problems)
    builtin = {one.name: one for one in BUILTIN}
    return [given.get(name) or (INSTEAD[name]() if name in skipped else builtin[name]()) for name in STAGES]


_OFFLINE = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "TRANSFORMERS_OFFLINE")


@contextlib.contextmanager
def offline(wanted: bool) -> Iterator[None]:
    """In the block, the libraries that could ask the Hub do not; those that are not imported yet see it then."""
    if not wanted:
        yield
        return
    before = {name: os.environ.get(name) for name in _OFFLINE}
    go_offline()
    hub = sys.modules.get("huggingface_hub.constants")
    data = sys.modules.get("datasets.config")
    flags = [(module, name) for module, name in ((hub, "HF_HUB_OFFLINE"), (data, "HF_HUB_OFFLINE")) if module]
    were = [(module, name, getattr(module, name, False)) for module, name in flags]
    for module, name in flags:
        setattr(module, name, True)
    try:
        yield
    finally:
        for module, name, value in were:
            setattr(module, name, value)
        for name, old in before.items():
            if old is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = old


def go_offline() -> None:
    """Tells libraries that are imported from now on to ask no Hub."""
    os.environ.update(dict.fromkeys(_OFFLINE, "1"))
