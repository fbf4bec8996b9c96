"""Make mock SQuAD 2.0 data from built-in domains, for quick starts and tests.

python mock_dataset.py --output_dir DIR [--domain NAME] [--num_examples N] [--unanswerable_fraction F] [--seed S]
"""

from __future__ import annotations

import sys

from qa_pipeline.cli import mock
from qa_pipeline.errors import run_script


def main(argv: list[str]) -> int:
    """Makes the data and prints what it holds."""
    return mock.main(argv, program="python mock_dataset.py")


if __name__ == "__main__":
    sys.exit(run_script(main))
