"""Builds the warm start of the embedded model, which is shipped with the package, by the recipe of the code.

    OMP_NUM_THREADS=1 python tools/build_warm_start.py [--output qa_pipeline/warm_starts/all_minilm_l6_v2] [--work DIR]

Five to ten minutes on one core. The seed, the questions and the settings are those of `qa_pipeline.run.warm_weights`;
on the same processor, with the same versions and one thread, the same bytes come out. `recipe.json` in the folder says
what the adapter was made from; a test compares it with the recipe of the code. The card, README.md, is kept as it is.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from qa_pipeline.arguments import DataArguments, LoRAArguments, ModelArguments  # noqa: E402
from qa_pipeline.modeling.paths import EMBEDDED_MODEL  # noqa: E402
from qa_pipeline.run import warm_weights  # noqa: E402


def recipe() -> dict[str, Any]:
    """The recipe of the shipped adapter."""
    model = ModelArguments(model_name_or_path=EMBEDDED_MODEL)
    return warm_weights.recipe_of(model, DataArguments(), LoRAArguments())


def main(argv: list[str] | None = None) -> int:
    """Trains and writes the folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=ROOT / "qa_pipeline" / "warm_starts" / "all_minilm_l6_v2")
    parser.add_argument("--work", type=Path, help="folder of the training, so that a killed one goes on")
    arguments = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    work = arguments.work or Path(tempfile.mkdtemp(prefix="warm-start-"))
    values = recipe()
    model = {"model_name_or_path": EMBEDDED_MODEL, "use_cpu": True}
    made = warm_weights.train_warm(values, model, work / "made", work)
    warm_weights.take_over(made, arguments.output)
    print(f"{arguments.output}: fingerprint {warm_weights.fingerprint(values)}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
