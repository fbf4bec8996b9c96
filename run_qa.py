"""Train, evaluate and predict with an extractive question-answering model.

python run_qa.py CONFIG.json [--key value ...]
python run_qa.py --model_name_or_path MODEL --train_file FILE --do_train --output_dir DIR ...
accelerate launch run_qa.py CONFIG.json
"""

from __future__ import annotations

import sys

from qa_pipeline.cli import train
from qa_pipeline.errors import run_script


def main(argv: list[str]) -> int:
    """Trains, evaluates and predicts as the settings say."""
    return train.main(argv, program="python run_qa.py")


if __name__ == "__main__":
    sys.exit(run_script(main))
