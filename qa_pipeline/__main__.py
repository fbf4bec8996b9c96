"""`python -m qa_pipeline COMMAND`."""

import sys

from qa_pipeline.cli import main
from qa_pipeline.errors import run_script

if __name__ == "__main__":
    sys.exit(run_script(main))
