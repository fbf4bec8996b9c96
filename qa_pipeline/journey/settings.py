"""The settings of a journey once they are checked: one flat mapping that stages take their part of. Reads no file."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from qa_pipeline.arguments.config_files import HIDDEN, SECRET_KEYS
from qa_pipeline.generation.backends.endpoint import known_keys, redact

Group = TypeVar("Group")


@dataclass(frozen=True)
class JourneySettings:
    """All settings of one journey.

    Attributes:
        values: every setting, by key.
        defaults: their defaults.
        given: the keys that the user gave.
        training_keys: the keys of a training's settings.
        source: where they came from, for messages.
    """

    values: Mapping[str, Any]
    defaults: Mapping[str, Any]
    given: frozenset[str]
    training_keys: tuple[str, ...] = ()
    source: str = "Prompt2Model"

    def __getitem__(self, key: str) -> Any:
        return self.values[key]

    @property
    def root(self) -> Path:
        """The journey's folder."""
        return Path(str(self.values["output_dir"]))

    def part(self, names: Iterable[str]) -> dict[str, Any]:
        """Those settings that are not at their defaults, as JSON gives them back, without secrets."""
        chosen = {
            name: self.values[name]
            for name in names
            if name in self.values and self.values[name] != self.defaults.get(name) and name not in SECRET_KEYS
        }
        if "extra_body" in chosen or "base_url" in chosen:
            keys = known_keys(self.values["base_url"] or "", self.values["api_key_env"], self.values["extra_body"])
            chosen = redact(chosen, keys)
        as_json: dict[str, Any] = json.loads(json.dumps(chosen, sort_keys=True, default=str))
        return as_json

    def public(self) -> dict[str, Any]:
        """All that are not at their defaults; a secret that was given is "<hidden>"."""
        hidden = {name: HIDDEN for name in sorted(SECRET_KEYS & self.given) if self.values[name] is not None}
        return self.part(sorted(self.values)) | hidden

    def given_part(self, names: Iterable[str]) -> dict[str, Any]:
        """The values of those that were given or are not at their defaults, secrets among them."""
        return {
            name: self.values[name]
            for name in names
            if name in self.given or self.values[name] != self.defaults.get(name)
        }

    def make(self, group: type[Group], **changes: Any) -> Group:
        """One dataclass of settings with its part of the values, some of them changed."""
        names = [one.name for one in dataclasses.fields(group) if one.init]  # type: ignore[arg-type]
        return group(**({name: self.values[name] for name in names} | changes))

    def with_values(self, **changes: Any) -> JourneySettings:
        """The same with other values of some settings."""
        return dataclasses.replace(self, values={**self.values, **changes}, given=self.given | changes.keys())
