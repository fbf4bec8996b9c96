"""The settings of the search for data sets. Reads nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from qa_pipeline.arguments.config_files import found
from qa_pipeline.arguments.settings import setting


@dataclass
class DatasetSearchArguments:
    """Where data sets are looked for, which may be used, and how much of them."""

    _argument_group_name: ClassVar[str] = "data sets"

    dataset_folders: list[str] | None = setting(
        None, "Folders or files with labelled data, in any known format, that are candidates beside known data sets."
    )
    hub_datasets: bool = setting(True, "Search the Hub too, where the network may be used.")
    num_datasets: int = setting(2, "Most data sets that rows are taken from; 0: none.", least=0)
    max_retrieved_rows: int = setting(2000, "Rows taken from data sets, in all.", least=1)
    dataset_weights: dict[str, Any] | str | None = setting(
        None,
        'Use these data sets and no others, in these shares, as JSON: {"rajpurkar/squad": 1, "my_folder": 3}. '
        "None: those that fit best, in equal shares.",
    )
    general_datasets: bool = setting(
        False, "Where none fits the subject, use general ones (questions about an encyclopedia) in place of none."
    )
    dataset_licences: list[str] | None = setting(
        None, "Use only data sets with one of these licences, such as mit or cc-by-4.0; None: any, or unknown."
    )
    max_dataset_mb: float = setting(300.0, "Larger data sets are not downloaded, in megabytes.", above=0)
    gated_datasets: bool = setting(True, "Use also data sets whose terms must be accepted, where HF_TOKEN is set.")
    rerank_datasets: bool = setting(
        True, "Let the language model, where one is configured, describe the wanted data and order the best candidates."
    )
    dataset_ranking: Literal["both", "words", "meaning"] = setting(
        "both", "Order data sets by their words (BM25), by their meaning (embeddings), or by both."
    )


def weight_problems(weights: Any) -> list[str]:
    """What is wrong with `dataset_weights`, one line for each fault."""
    if weights is None:
        return []
    if not isinstance(weights, dict) or not weights:
        return [f'dataset_weights: expected an object such as {{"rajpurkar/squad": 1}}, found {found(weights)}']
    return [
        f"dataset_weights: {name}: expected a number above 0, found {found(weight)}"
        for name, weight in weights.items()
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 < weight < float("inf")
    ]
