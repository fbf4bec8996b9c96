"""Train, evaluate and predict with an extractive question-answering model.

python run_qa.py CONFIG.json [--key value ...]
python run_qa.py --model_name_or_path MODEL --train_file FILE --do_train --output_dir DIR ...
accelerate launch run_qa.py CONFIG.json
"""

from __future__ import annotations

import sys

from qa_pipeline.errors import run_script


def main(argv: list[str]) -> int:
    """Parses, runs and prints."""
    from qa_pipeline.arguments.help import SHORT, print_help_if_asked

    if not argv:
        print(SHORT, file=sys.stderr)
        return 2
    print_help_if_asked(argv)  # before anything that imports torch

    from qa_pipeline.arguments import parse_arguments
    from qa_pipeline.console import log_to_console, results_table
    from qa_pipeline.wording import plain

    arguments = parse_arguments(argv)
    log_to_console(arguments.training)

    from qa_pipeline.run.run import run_qa

    results = run_qa(arguments)
    if arguments.training.process_index == 0:
        print(plain(results_table(results, arguments.training.output_dir)))
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
