"""Ask a question-answering model, or compare models.

python qa_predict.py --model DIR --documents DIR "question"
python qa_predict.py --model DIR --interactive --documents DIR
python qa_predict.py --model DIR --data FILE --output preds.json
python qa_predict.py --model DIR --data QUESTIONS --documents DIR [--output answers.csv]
python qa_predict.py --base BASE --tuned DIR [DIR ...] --data FILE --report report.html
python qa_predict.py CONFIG.yaml [--key value ...]
"""

from __future__ import annotations

import sys

from qa_pipeline.errors import run_script


def main(argv: list[str]) -> int:
    """Parses, asks and prints."""
    if not argv:
        print(f"{__doc__}\n--help lists all settings.", file=sys.stderr)
        return 2
    from qa_pipeline.cli import ask, compare  # here, so that a missing package becomes one message
    from qa_pipeline.cli.ask_arguments import parse
    from qa_pipeline.console import run_in_terminal

    arguments = parse(argv)
    command = compare.run if arguments.command == "compare" else ask.run
    return run_in_terminal(lambda: command(arguments))


if __name__ == "__main__":
    sys.exit(run_script(main))
