"""`qa-pipeline mock`, which is mock_dataset.py: reads arguments, makes the data and writes one file a split."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import NoReturn

from qa_pipeline.arguments.config_files import nearest
from qa_pipeline.errors import ConfigError
from qa_pipeline.mock.builtin import described_domains, find_domain
from qa_pipeline.mock.dataset import DEFAULT_EXAMPLES, DEFAULT_UNANSWERABLE, argument_problems, make_dataset
from qa_pipeline.mock.domain_file import read_domain
from qa_pipeline.mock.writing import write_dataset
from qa_pipeline.wording import counted, plain

COMMAND_LINE = "command line"
NUMBERS: dict[str, int | float] = {
    "num_examples": DEFAULT_EXAMPLES,
    "unanswerable_fraction": DEFAULT_UNANSWERABLE,
    "seed": 0,
}


def main(argv: list[str], program: str = "qa-pipeline mock") -> int:
    """Writes train.json, validation.json and test.json and prints what they hold.

    Args:
        argv: the words after the command.
        program: what the command was called by, for the usage line.

    Raises:
        ConfigError: wrong arguments, or the folder cannot be written or holds files of another origin.
    """
    arguments = parse(argv, program)
    folder = Path(arguments.output_dir)
    dataset = make_dataset(arguments.domain, arguments.num_examples, arguments.unanswerable_fraction, arguments.seed)
    for path in write_dataset(dataset, folder):
        paragraphs = [paragraph for document in dataset[path.stem]["data"] for paragraph in document["paragraphs"]]
        questions = [question for paragraph in paragraphs for question in paragraph["qas"]]
        counts = ((dataset[path.stem]["data"], "document"), (paragraphs, "context"), (questions, "question"))
        shown = ", ".join(counted(len(rows), noun) for rows, noun in counts)
        print(f"{path}: {shown}, {sum(question['is_impossible'] for question in questions)} unanswerable")
    return 0


def parse(argv: list[str], program: str = "qa-pipeline mock") -> argparse.Namespace:
    """Reads the command line; `domain` is then a name, a domain of the user's own, or None for all that are built in.

    Raises:
        ConfigError: names every fault at once, each with its flag and the nearest valid name.
    """
    parser = _parser(program, described_domains() if {"-h", "--help"} & set(argv) else "")
    arguments, unknown = parser.parse_known_args(argv)
    problems = [_unknown_flag(flag, parser) for flag in unknown if flag.startswith("--")]
    problems += [f'unexpected argument "{text}"' for text in unknown if not text.startswith("--") and not problems]
    for name, default in NUMBERS.items():
        text = getattr(arguments, name)
        try:
            setattr(arguments, name, type(default)(text))
        except ValueError:
            wanted = "a whole number" if isinstance(default, int) else "a number"
            problems.append(f'{name}: must be {wanted}, found "{text}"')
            setattr(arguments, name, default)  # so that the other arguments are still checked
    problems += _choose_domain(arguments)
    problems += argument_problems(arguments.domain, arguments.num_examples, arguments.unanswerable_fraction)
    if problems:
        raise ConfigError(COMMAND_LINE, problems)
    return arguments


def _choose_domain(arguments: argparse.Namespace) -> list[str]:
    """Sets `domain` where a prompt or a file says which; returns what is wrong with that."""
    ways = [name for name in ("domain", "prompt", "domain_file") if getattr(arguments, name) is not None]
    if len(ways) > 1:
        return [f"{' and '.join(ways)}: each says which domain; give one of them"]
    if arguments.prompt is not None:
        arguments.domain = find_domain(arguments.prompt)
        if arguments.domain is None:
            return [
                f'prompt: no built-in domain is clearly about "{arguments.prompt}"; give --domain NAME, or a domain of '
                f"your own as --domain_file FILE. Built in: {described_domains()}"
            ]
        print(f'"{plain(arguments.prompt)}" is about the built-in domain {arguments.domain}')
    if arguments.domain_file is not None:
        try:
            arguments.domain = read_domain(arguments.domain_file)
        except ConfigError as error:
            return [f"domain_file: {error.source}: {problem}" for problem in error.problems]
    return []


def _parser(program: str, domains: str) -> argparse.ArgumentParser:
    parser = _Parser(
        prog=program,
        description="Writes mock SQuAD 2.0 data: train.json, validation.json and test.json.",
        epilog=f"domains: {domains}",
        allow_abbrev=False,
    )
    parser.add_argument("--output_dir", required=True, help="folder for the three files; made if missing")
    parser.add_argument("--domain", metavar="NAME", help="one of the domains below; without it all in equal parts")
    parser.add_argument("--prompt", metavar="TEXT", help='words that say which domain, such as "train times"')
    parser.add_argument("--domain_file", metavar="FILE", help="a domain of your own in YAML or JSON: docs/domains.md")
    parser.add_argument(
        "--num_examples",
        default=DEFAULT_EXAMPLES,
        metavar="N",
        help="questions over all splits, 80%% train and 10%% each validation and test (default: %(default)s)",
    )
    parser.add_argument(
        "--unanswerable_fraction",
        default=DEFAULT_UNANSWERABLE,
        metavar="F",
        help="share of questions that their context does not answer, 0 to 1 (default: %(default)s)",
    )
    parser.add_argument("--seed", default=0, help="the same seed gives the same bytes (default: %(default)s)")
    return parser


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise ConfigError(COMMAND_LINE, f"{message}; --help lists the arguments")


def _unknown_flag(flag: str, parser: argparse.ArgumentParser) -> str:
    name = flag.split("=")[0]
    near = nearest(name, [option for action in parser._actions for option in action.option_strings], cutoff=0.4)
    return f"{name} is unknown" + (f"; did you mean {near}?" if near else "")
