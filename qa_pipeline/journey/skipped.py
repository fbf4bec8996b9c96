"""What stands in the place of a stage that is left out: a stage as small as can be, which says so in its facts."""

from __future__ import annotations

from typing import Any, ClassVar

from qa_pipeline.journey.model_folder import publish_model, slim_checkpoints
from qa_pipeline.journey.next_steps import MODEL
from qa_pipeline.journey.stage import Stage, StageResult, Work
from qa_pipeline.modeling.paths import EMBEDDED_MODEL


class SkippedStage(Stage):
    """Gives nothing but the facts of nothing, and that it was left out."""

    nothing: ClassVar[dict[str, Any]] = {}

    def run(self, work: Work) -> StageResult:
        """Says that the stage was left out."""
        work.say("  left out, as asked for")
        return StageResult({}, {**self.nothing, "skipped": True, "why": "left out, as asked for"})


class NoRetrievedData(SkippedStage):
    """No data set is looked for."""

    name = "retrieve_data"
    nothing = {"candidates": [], "used": [], "refused": [], "rows": 0}


class NoGeneratedData(SkippedStage):
    """No question is made."""

    name = "generate"
    nothing = {"rows": 0, "backend": "none", "report": {}}


class GivenModel(SkippedStage):
    """No model is looked for: the given one is trained, or the embedded one."""

    name = "retrieve_model"
    settings = ("model_name_or_path", "model_revision")
    sources = ("model_name_or_path",)

    def run(self, work: Work) -> StageResult:
        """Names the model."""
        given = work.settings["model_name_or_path"]
        reason = "given as model_name_or_path" if given else "the embedded model; the search was left out"
        work.say(f"  {given or EMBEDDED_MODEL}: {reason}")
        return StageResult({}, {"candidates": [], "chosen": given or EMBEDDED_MODEL, "reason": reason, "skipped": True})


class TrainedModel(SkippedStage):
    """No hyper-parameters are tried: the model of the train stage is the chosen one."""

    name = "select"
    needs = ("train",)

    def run(self, work: Work) -> StageResult:
        """Puts that model into its place."""
        why = "left out, as asked for: the model of the train stage is the chosen one"
        work.say(f"  {why}")
        train = work.facts("train")
        slim_checkpoints(work.root / train["folder"])
        model = publish_model(work.root / train["folder"], work.root / MODEL)
        facts = {"trials": [], "chosen": 0, "settings": train["settings"], "why": why, "skipped": True}
        return StageResult(model, facts)


class NoAnswers(SkippedStage):
    """The test questions are not answered."""

    name = "execute"
    nothing = {"rows": 0}


class NoScores(SkippedStage):
    """Nothing is measured."""

    name = "evaluate"
    nothing = {"metrics": {}}


class NoReport(SkippedStage):
    """No report is written."""

    name = "report"


INSTEAD: dict[str, type[Stage]] = {
    one.name: one for one in (NoRetrievedData, NoGeneratedData, GivenModel, TrainedModel, NoAnswers, NoScores, NoReport)
}
"""By the name of the stage that is left out."""
