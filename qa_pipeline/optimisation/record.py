"""What a search has done, on disk as it is done, so that a killed one goes on where it was. Never evaluates anything.

One JSON value on a line, only ever appended: first what the work hangs on, then evaluations and proposals as they are
finished. One process at a time writes.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.generation.journal import differences
from qa_pipeline.optimisation.evaluations import PromptCandidate, PromptEvaluation


class SearchRecord:
    """Evaluations and proposals of one folder, which are not made twice.

    Args:
        path: the file; made with its folder.
        identity: what they hang on, as JSON can hold it.
        anew: forget what the file holds.

    Raises:
        ConfigError: the file is of other work, or another process has it.
        DataError: the file is damaged other than by being cut off, or cannot be read or written.
    """

    def __init__(self, path: str | Path, identity: Mapping[str, Any], anew: bool = False):
        self.path = Path(path)
        self._values: dict[str, Any] = {}
        self._lines = artifacts.Lines(self.path)
        self._lock = FileLock(self.path.with_suffix(".lock"))
        with artifacts.writing(self.path, resumes=True):
            self.path.parent.mkdir(parents=True, exist_ok=True)
            busy = f"another process is at work in {self.path.parent.parent}; wait for it, or choose another folder"
            artifacts.hold(self._lock, "output_dir", busy)
            if anew:
                self.path.unlink(missing_ok=True)
        try:
            self._open(json.loads(json.dumps(identity)))
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> SearchRecord:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __len__(self) -> int:
        """How many values are there."""
        return len(self._values)

    def close(self) -> None:
        """Lets others work on it."""
        try:
            with artifacts.writing(self.path, resumes=True):
                self._lines.close()
        finally:
            self._lock.release()

    def evaluation(self, part: str, name: str, rung: int, make: Callable[[], PromptEvaluation]) -> PromptEvaluation:
        """The evaluation of a prompt on a rung; made where it is not there.

        Args:
            part: of the work, such as "search".
            name: hash of the prompt.
            rung: see `evaluations.RUNG_NAMES`.
            make: makes it.
        """
        value = self.value(f"{part}/{name}/{rung}", lambda: make().to_json())
        return PromptEvaluation.from_json(value)

    def value(self, name: str, make: Callable[[], Any]) -> Any:
        """A value by its name, as JSON gives it back; made and kept where it is not there."""
        if name not in self._values:
            value = json.loads(json.dumps(make()))
            with artifacts.writing(self.path, resumes=True):
                self._lines.append({"name": name, "value": value}, sync=True)
            self._values[name] = value
        return self._values[name]

    def _open(self, identity: Any) -> None:
        size = 0
        try:
            for number, line in enumerate(self._lines, 1):
                self._take(line, number, identity)
                size += len(line)
            with artifacts.writing(self.path, resumes=True):
                self._lines.open(size)
                if not size:
                    self._lines.append({"identity": identity}, sync=True)
        except OSError as error:
            raise DataError(f"{self.path}: {error.strerror or error}") from error

    def _take(self, line: bytes, number: int, identity: Any) -> None:
        try:
            value = json.loads(line)
            if number > 1:
                self._values[value["name"]] = value["value"]
                return
            changed = differences(value["identity"], identity)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DataError(
                f"{self.path}, line {number}: damaged ({type(error).__name__}: {error}); overwrite_output_dir begins "
                "anew, and what is in the file of completions is not asked again"
            ) from error
        if changed:
            advice = f"{self.path} belongs to other settings; choose another folder, or overwrite_output_dir"
            raise ConfigError("output_dir", [advice, *changed])


def candidate_to_json(candidate: PromptCandidate) -> dict[str, Any]:
    """All of it, as JSON can hold it."""
    factors = dataclasses.asdict(candidate.factors) if candidate.factors is not None else None
    return {"recipe": dataclasses.asdict(candidate.recipe), "factors": factors, "round": candidate.round}


def candidate_from_json(value: Mapping[str, Any]) -> PromptCandidate:
    """The candidate again. Raises KeyError or TypeError where the value is none."""
    from qa_pipeline.generation.questions.llm.recipes import Factors, Recipe

    factors = Factors(**value["factors"]) if value["factors"] is not None else None
    return PromptCandidate(Recipe(**value["recipe"]), factors, value["round"])
