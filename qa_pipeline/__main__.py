"""`qa-pipeline COMMAND`."""

import sys

from qa_pipeline.errors import run_script


def main(argv: list[str]) -> int:
    """Runs one command; imported here, so that a package that is missing is one line."""
    from qa_pipeline.cli import main as cli

    return cli.main(argv)


if __name__ == "__main__":
    sys.exit(run_script(main))
