"""`qa-pipeline prompt2model`: parses, runs the journey, prints where everything is. Asks nothing on the terminal."""

from __future__ import annotations

import contextlib
import logging
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from qa_pipeline.console import show_plain_lines
from qa_pipeline.wording import plain

PROGRAM = "qa-pipeline prompt2model"


def main(argv: list[str]) -> int:
    """`prompt2model [CONFIG.yaml] [--key value ...]`.

    Raises:
        QAError: something that the user can mend.
    """
    from qa_pipeline.journey.arguments import help_of_journey, is_offline, parse_journey_arguments

    if not argv or {"-h", "--help"} & {*argv}:
        print(help_of_journey(), end="", file=sys.stdout if argv else sys.stderr)
        return 0 if argv else 2
    logging.basicConfig(level=logging.WARNING, format="%(message)s", stream=sys.stderr)
    show_plain_lines()

    from qa_pipeline.journey import prompt2model

    if is_offline(argv):
        prompt2model.go_offline()  # before the libraries that could ask the Hub are imported
    from transformers.utils import logging as transformers_logging

    settings = parse_journey_arguments(argv)
    transformers_logging.disable_progress_bar()  # of saving; that of training stays
    out = sys.stdout
    journey = prompt2model.Prompt2Model(
        settings, say=lambda line: print(plain(line), file=out, flush=True), command=go_on_command(argv)
    )
    for mode in ("status", "plan", "preview"):
        if settings[mode]:
            from qa_pipeline.journey.looks import LOOKS

            print(plain(LOOKS[mode](journey)))
            return 0
    with contextlib.redirect_stdout(sys.stderr):  # what libraries print of their trainings
        result = journey.run()
    print(f"\nfiles of {result.folder}")
    for name, text in file_lines(result.files):
        print(plain(f"  {name:<32}{text}"))
    for what, command in result.next_steps(settings["documents"] or ()).items():
        print(plain(f"\n{what}:\n  {command}"))
    return 0


_MOST_OF_FOLDER = 4


def file_lines(files: Mapping[str, Path]) -> Iterator[tuple[str, str]]:
    """Name and place of each file; of many in one folder, such as those of a model, only the folder.

    >>> parts = {f"select/part{i}": Path(f"model/part{i}") for i in range(9)}
    >>> list(file_lines({"parse/specification": Path("spec.yaml"), **parts}))
    [('parse/specification', 'spec.yaml'), ('select', 'model (9 files)')]
    """
    groups: dict[tuple[str, Path], list[tuple[str, Path]]] = {}
    for name, path in files.items():
        groups.setdefault((name.partition("/")[0], path.parent), []).append((name, path))
    for (stage, folder), members in groups.items():
        if len(members) > _MOST_OF_FOLDER:
            yield stage, f"{folder} ({len(members)} files)"
        else:
            yield from ((name, str(path)) for name, path in members)


def go_on_command(argv: list[str]) -> str:
    """The same command without what makes stages anew.

    >>> go_on_command(["c.yaml", "--from", "train", "--output_dir", "my runs"])
    "qa-pipeline prompt2model c.yaml --output_dir 'my runs'"
    """
    words: list[str] = []
    rest = list(argv)
    while rest:
        word = rest.pop(0)
        if word.partition("=")[0] in ("--from", "--from_stage"):
            if "=" not in word and rest and not rest[0].startswith("-"):
                rest.pop(0)
            continue
        words.append(word)
    return shlex.join([*PROGRAM.split(), *words])
