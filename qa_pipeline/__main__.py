"""`qa-pipeline COMMAND`, and `python -m qa_pipeline COMMAND`, which is the same."""

import sys

from qa_pipeline.errors import run_script


def main(argv: list[str]) -> int:
    """Runs one command; imported here, so that a package that is missing is one line."""
    from qa_pipeline.cli import main as cli

    return cli.main(argv)


def script() -> int:
    """The console script: runs the command of the command line and gives its exit code."""
    return run_script(main)


if __name__ == "__main__":
    sys.exit(script())
