"""The few ways in which a user's input can be wrong.

Everything a user can mend ends in one of these. The scripts print the message alone and exit with code 2; `--debug`
shows the traceback. A message says where, what was expected, what was found and how to mend it.
"""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from qa_pipeline.wording import plain


class QAError(Exception):
    """Base of every error that a user can mend.

    Example:
        >>> try:
        ...     raise DataError("labels.csv, row 3: the answer is not in the context")
        ... except QAError as error:
        ...     print(f"{type(error).__name__}: {error}")
        DataError: labels.csv, row 3: the answer is not in the context
    """


class ConfigError(QAError):
    """Arguments or a configuration file are wrong.

    Args:
        source: file name, or "command line".
        problems: one readable line for each fault; all faults of one configuration are reported together.

    Example:
        >>> print(ConfigError("config.yaml", ["lora_r: needs use_lora", "num_train_epochs: expected a number"]))
        2 problems in config.yaml:
          - lora_r: needs use_lora
          - num_train_epochs: expected a number
    """

    def __init__(self, source: str, problems: str | Sequence[str]):
        self.source = source
        self.problems = [problems] if isinstance(problems, str) else list(problems)
        if len(self.problems) == 1:
            message = f"{source}: {self.problems[0]}"
        else:
            message = f"{len(self.problems)} problems in {source}:\n" + "\n".join(f"  - {p}" for p in self.problems)
        super().__init__(message)


class DataError(QAError):
    """A data file cannot be read, or its rows cannot be used.

    Example:
        >>> from qa_pipeline import load_examples
        >>> try:
        ...     load_examples("missing.csv")
        ... except DataError as error:
        ...     print("missing.csv" in str(error))
        True
    """


class ModelError(QAError):
    """A model, tokenizer or adapter cannot be loaded, or cannot do question answering.

    Example:
        >>> from qa_pipeline import QAPredictor
        >>> try:
        ...     QAPredictor.from_pretrained("runs/missing")
        ... except ModelError as error:
        ...     print("runs/missing" in str(error))
        True
    """


class BackendError(QAError):
    """A language-model backend refused, failed or is not installed."""


class Interrupted(KeyboardInterrupt):
    """Ctrl-C, with what became of the work as the message."""


_PACKAGES = (
    *("torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "accelerate", "peft", "datasets"),
    *("evaluate", "numpy", "pyarrow", "yaml", "jsonschema", "regex", "pysbd", "datasketch", "bm25s", "rapidfuzz"),
    *("scipy", "filelock", "charset_normalizer", "tqdm", "optuna", "snowballstemmer", "py3langid", "array_api_compat"),
)
"""The modules that the package cannot do without. Others are asked for where they are needed, with a message there."""
_DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "huggingface_hub": "huggingface-hub",
    "charset_normalizer": "charset-normalizer",
    "array_api_compat": "array-api-compat",
}
"""Names on the package index, where they differ from the module's."""
_DEBUG_SETTINGS = (["underflow_overflow"], ["tpu_metrics_debug"])


def run_script(main: Callable[[list[str]], int], argv: list[str] | None = None) -> int:
    """Calls `main(argv)` and turns a QAError, or a required package that is missing, into one message and exit code 2.

    `--debug` anywhere in argv is taken out and lets the traceback through. (With one of its own values after it, it is
    the setting of transformers and stays.) Output that nobody reads to its end is no error: exit code 141. Output that
    cannot be written, as on a full disk, is one message.
    """
    _prepare_streams()
    argv = list(sys.argv[1:] if argv is None else argv)
    bare = [i for i, a in enumerate(argv) if a == "--debug" and argv[i + 1 : i + 2] not in _DEBUG_SETTINGS]
    debug = bool(bare)
    argv = [a for i, a in enumerate(argv) if i not in bare]
    try:
        code = main(argv)
        sys.stdout.flush()
        return code
    except (QAError, ImportError, OSError, KeyboardInterrupt) as error:
        ending = None if debug else _ending(error)
        if ending is None:
            raise
        code, message = ending
        if message:
            print(message, file=sys.stderr)
        return code


def _ending(error: BaseException) -> tuple[int, str] | None:
    """Exit code and message of an error that is no fault of ours ("" says nothing); None where it is one."""
    if isinstance(error, QAError):
        return 2, plain(f"{type(error).__name__}: {error}")
    if isinstance(error, ImportError):
        return (2, missing_package(error)) if (error.name or "").split(".")[0] in _PACKAGES else None
    if isinstance(error, KeyboardInterrupt):
        return 130, str(error) or "Interrupted. The same command goes on from what was written."
    if isinstance(error, BrokenPipeError):
        if not _output_is_closed():
            return None
        _discard_output()
        return 141, ""  # as a shell says of a program that wrote to nobody
    if isinstance(error, OSError) and _output_is_full():
        _discard_output()
        return 2, f"The output cannot be written: {error.strerror or error}."
    return None


def _prepare_streams() -> None:
    """Streams that take every text, whatever their encoding, and that are there, even where a shell has closed them."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        stream = getattr(sys, name)
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
        elif stream is None:
            try:
                os.fstat(number)
            except OSError:  # the next file that is opened would get this number, and what is printed
                os.dup2(os.open(os.devnull, os.O_RDWR), number)
            nothing = open(os.devnull, "w" if number else "r", encoding="utf-8")  # noqa: SIM115 (as long as we run)
            setattr(sys, name, nothing)


def _discard_output() -> None:
    """Nothing more is written, or Python would complain once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _output_is_full() -> bool:
    """Whether it is our own output that takes no more, and no other file."""
    try:
        sys.stdout.flush()
        os.write(sys.stdout.fileno(), b"\n")
    except OSError:
        return True
    except (ValueError, AttributeError):  # no file behind it
        pass
    return False


def _output_is_closed() -> bool:
    """Whether it is our own output that nobody reads any more, as after `head`, and no other pipe that broke."""
    try:
        poll = select.poll()
        poll.register(sys.stdout.fileno(), 0)
    except (OSError, ValueError, AttributeError):  # no file behind it, or a system without poll
        return False
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def missing_package(error: ImportError) -> str:
    """One line on a required package that cannot be imported: by which Python, why, and what to run."""
    home = Path(__file__).resolve().parents[1]
    own = home / ".venv" / "bin" / "python"
    other = f", or use {own}" if own.exists() and Path(sys.prefix) != own.parents[1] else ""
    module = (error.name or "").split(".")[0]
    wanted = "-r requirements.txt" if (home / "requirements.txt").exists() else _DISTRIBUTIONS.get(module, module)
    return f"{sys.executable} cannot import {module} ({error}); run: {sys.executable} -m pip install {wanted}{other}"
