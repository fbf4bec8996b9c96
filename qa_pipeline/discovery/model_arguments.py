"""The settings of the search for a base model. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from qa_pipeline.arguments.settings import setting


@dataclass
class ModelSearchArguments:
    """Where base models are looked for, which may be used, and whether the best are tried.

    Example:
        >>> ModelSearchArguments().max_model_mb
        3000.0
    """

    _argument_group_name: ClassVar[str] = "base models"

    model_folders: list[str] | None = setting(
        None, "Folders with models of your own that are candidates beside known models and those of the local cache."
    )
    hub_models: bool = setting(True, "Search the Hub too, where the network may be used.")
    max_model_mb: float = setting(3000.0, "Larger models are left out, in megabytes of their weights.", above=0)
    model_licences: list[str] | None = setting(
        None, "Use only models with one of these licences, such as mit or apache-2.0; None: any, or unknown."
    )
    gated_models: bool = setting(True, "Use also models whose terms must be accepted, where HF_TOKEN is set.")
    probe_models: int = setting(
        0,
        "Train this many of the best candidates shortly and take the one with the best validation F1; 0: none.",
        least=0,
    )
    probe_rows: int = setting(400, "Training questions of such a trial.", least=1, requires="probe_models")
    probe_epochs: float = setting(1.0, "Passes over them.", above=0, requires="probe_models")
