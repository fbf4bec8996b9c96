"""`qa-pipeline generate` and `merge`: parses, calls `generation.api`, prints."""

from __future__ import annotations

import argparse
from pathlib import Path

from qa_pipeline.arguments.help import help_text
from qa_pipeline.errors import ConfigError
from qa_pipeline.generation import api
from qa_pipeline.generation.arguments import GROUPS, parse_generation_arguments
from qa_pipeline.generation.outputs import GeneratedDataset
from qa_pipeline.generation.questions.llm.prompts import prompts_text
from qa_pipeline.generation.report import table
from qa_pipeline.generation.shards import join_launch, wait_for_shards
from qa_pipeline.wording import plain

USAGE = "qa-pipeline generate [CONFIG.yaml] [--key value ...]"


def generate_command(argv: list[str]) -> int:
    """`generate [CONFIG.yaml] [--key value ...]`.

    Raises:
        QAError: something that the user can mend.
    """
    if "-h" in argv or "--help" in argv:
        print(help_text(GROUPS, usage=USAGE, description="Makes SQuAD data from documents or from a prompt."), end="")
        return 0
    settings = parse_generation_arguments(argv)
    general = settings.generation
    if general.list_prompts:
        print(prompts_text())
        return 0
    launch = join_launch(settings)
    job = api.prepare(settings) if general.plan else api.start(settings)
    if job.specification is not None and launch.rank == 0:
        print(job.specification.to_yaml(), end="")
    if general.plan:
        print(plain(api.plan(job)))
        return 0
    if general.shard is None:
        _print_result(api.generate_dataset(job))
        return 0
    path = api.generate_shard(job)
    if launch.processes == 1:
        print(f"{path}\njoin all shards with: qa-pipeline merge SHARDS... --output_dir FOLDER")
    elif launch.rank == 0:
        shards = wait_for_shards(launch, job)
        _print_result(api.merge_shards(shards, job.folder, anew=general.overwrite_output_dir))
    return 0


def merge_command(argv: list[str]) -> int:
    """`merge SHARDS... --output_dir FOLDER`: joins all shards of a generation into one data set.

    Raises:
        QAError: something that the user can mend.
    """
    parser = argparse.ArgumentParser(prog="qa-pipeline merge", description="Joins all shards of one generation.")
    parser.add_argument("shards", nargs="+", metavar="SHARDS", help="shard files, or folders that hold them")
    parser.add_argument("--output_dir", required=True, help="folder for the data, its report and its card")
    parser.add_argument("--num_examples", type=int, help="rows over all splits, if not as the shards say")
    arguments = parser.parse_args(argv)
    if arguments.num_examples is not None and arguments.num_examples < 1:
        raise ConfigError("command line", f"--num_examples: expected at least 1, found {arguments.num_examples}")
    _print_result(api.merge(arguments.shards, Path(arguments.output_dir), arguments.num_examples))
    return 0


def _print_result(made: GeneratedDataset) -> None:
    print(plain(table(made.report)))
    print(f"written to {made.folder}")
