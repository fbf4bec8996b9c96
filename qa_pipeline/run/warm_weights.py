"""Makes the weights of a warm start: an adapter and a head that learned from questions of all built-in domains.

They hang on a recipe alone: the base model's weights, the questions, the settings of the training. They are kept in the
user's cache by the fingerprint of the recipe, moved there whole, made by one process while others wait, in a process of
its own, which knows nothing of other processes of the run. A killed making goes on from its last checkpoint.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import logging
import os
import re
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from filelock import FileLock

from qa_pipeline import artifacts
from qa_pipeline.arguments import Arguments, DataArguments, LoRAArguments, ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.mock.dataset import make_dataset
from qa_pipeline.modeling.paths import ADAPTER_CONFIG, KNOWN_WEIGHTS, is_local, resolve_model_path
from qa_pipeline.run.publishing import cached_commit

logger = logging.getLogger(__name__)

RECIPE = "recipe.json"
FORMAT = 1
"""Raised when the same recipe comes to give another training."""
QUESTIONS = {"rows": 2_400, "unanswerable_fraction": 0.2, "seed": 11}
"""Of all built-in domains; some without an answer, so that a training on such questions finds the model prepared.
5,880 of them were worse than 2,400 on other texts: see the card of the shipped adapter."""
TRAINING: dict[str, Any] = {
    "num_train_epochs": 2,
    "train_batch_tokens": 2048,
    "warmup_steps": 0.1,
    "max_answer_length": 50,
    "version_2_with_negative": True,
    "use_lora": True,
    "lora_r": 32,
    "lora_alpha": 32,
    "seed": 0,
}
_RATES = (1e-3, 5e-4)
"""Learning rates of adapters, of hidden states of up to 512 numbers and of wider ones, as the journey has them."""
_LONGEST = {"max_seq_length": 384, "doc_stride": 128, "max_question_length": 64}
_OF_THE_MODEL = (
    *("model_name_or_path", "config_name", "tokenizer_name", "cache_dir", "model_revision", "trust_remote_code"),
    "attn_implementation",
)
_OF_QUANTISATION = ("load_in_4bit", "load_in_8bit", "bnb_4bit_quant_type", "bnb_4bit_use_double_quant")
_DISTRIBUTED = re.compile(
    r"(RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE|GROUP_.*|ROLE_.*|MASTER_.*|TORCHELASTIC_.*|ACCELERATE_.*|FSDP_.*)"
)
"""Variables by which a process knows that it is one of several."""


def questions(wanted: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The questions that a warm start learns from, as a SQuAD 2.0 value; always the same.

    Args:
        wanted: how a recipe has them; None: as QUESTIONS has them.
    """
    wanted = wanted or QUESTIONS
    rows, fraction, seed = int(wanted["rows"]), float(wanted["unanswerable_fraction"]), int(wanted["seed"])
    return make_dataset(None, rows, fraction, seed, validation_fraction=0.0, test_fraction=0.0)["train"]


def recipe_of(model: ModelArguments, limits: DataArguments, quantisation: LoRAArguments) -> dict[str, Any]:
    """All that the weights of a warm start hang on, for the base model of a run.

    Args:
        model: which base model.
        limits: of the run, whose windows count where they are shorter than usual.
        quantisation: of the run; the warm start is made on the same.

    Raises:
        ModelError: the model is not there.
    """
    lora = dataclasses.asdict(quantisation)
    quantised = {name: lora[name] for name in _OF_QUANTISATION if lora["load_in_4bit"] or lora["load_in_8bit"]}
    windows = {name: min(getattr(limits, name), most) for name, most in _LONGEST.items()}
    training = {**TRAINING, **windows, **quantised, "learning_rate": _RATES[_is_wide(model)]}
    asked = json.dumps(questions(), sort_keys=True).encode()
    return {
        "format": FORMAT,
        "base_model": str(model.model_name_or_path),
        "base_weights": base_fingerprint(model),
        "questions": {**QUESTIONS, "sha256": hashlib.sha256(asked).hexdigest()},
        "training": training,
    }


def fingerprint(recipe: dict[str, Any]) -> str:
    """SHA-256 (first 16 hex digits) of a recipe; a folder counts by what it holds and not by where it lies."""
    counted = {name: value for name, value in recipe.items() if name in ("format", "base_weights", "questions")}
    counted["training"] = recipe["training"]
    return hashlib.sha256(json.dumps(counted, sort_keys=True).encode()).hexdigest()[:16]


def base_fingerprint(model_args: ModelArguments) -> str:
    """What stands for the weights of a base model: their hash, or the commit of a repository of the Hub.

    Raises:
        ModelError: the model is not there.
    """
    name = str(model_args.model_name_or_path)
    if (known := KNOWN_WEIGHTS.get(name.rstrip("/"))) is not None:
        return known
    path = resolve_model_path(name)
    if not is_local(path):
        commit = cached_commit(name, model_args.model_revision, cache_dir=model_args.cache_dir)
        return f"{name}@{commit or model_args.model_revision}"
    digest = hashlib.sha256()
    for file in sorted([*Path(path).glob("*.safetensors"), *Path(path).glob("*.bin"), Path(path) / "config.json"]):
        with open(file, "rb") as handle:
            digest.update(f"{file.name} {hashlib.file_digest(handle, 'sha256').hexdigest()}\n".encode())
    return digest.hexdigest()


def kept(recipe: dict[str, Any]) -> Path | None:
    """The folder of the weights of a recipe, where they were made before."""
    folder = _place(recipe)
    return folder if (folder / RECIPE).is_file() and (folder / ADAPTER_CONFIG).is_file() else None


def made(recipe: dict[str, Any], arguments: Arguments) -> Path:
    """The folder of the weights of a recipe; makes them where they are not there yet.

    Args:
        recipe: from `recipe_of`.
        arguments: of the run that wants them.

    Raises:
        ModelError: the training of it ended by an error; says which, and where its log is.
        DataError: the cache cannot be written.
    """
    if (found := kept(recipe)) is not None:
        logger.info("The model begins with %s, which was made before.", found)
        return found
    folder = _place(recipe)
    with artifacts.writing(folder, resumes=True):
        folder.parent.mkdir(parents=True, exist_ok=True)
    logger.info(
        "It first learns from %s questions of built-in domains. This is done once for this model and kept in %s; "
        "a model of 22 million parameters takes some five minutes on one CPU core, a larger one as many times longer "
        "as it is larger, a GPU a small part of that. warm_start=off goes without.",
        *(f"{QUESTIONS['rows']:,}", folder),
    )
    with FileLock(folder.with_suffix(".lock")):
        if (found := kept(recipe)) is None:  # else another run made it while this one waited
            begun = time.monotonic()
            _make_in_a_process(recipe, arguments, folder)
            logger.info("Learned in %.0f s, and kept.", time.monotonic() - begun)
    return folder


def train_warm(recipe: dict[str, Any], model: dict[str, Any], folder: Path, work: Path) -> Path:
    """Trains the weights of a recipe in this process and moves them to their place.

    Args:
        recipe: from `recipe_of`.
        model: settings of the model and of the device, by name.
        folder: where the weights come to lie: adapter, settings, recipe.
        work: a folder for the run; one that was begun goes on.

    Raises:
        QAError: as `run_qa`.
    """
    from qa_pipeline.arguments.training import arguments_from
    from qa_pipeline.run.run import run_qa

    data, run = work / "questions.json", work / "run"
    artifacts.write_json(data, questions(recipe["questions"]), indent=None)
    values = {**recipe["training"], **model, "train_file": str(data), "output_dir": str(run), "do_train": True}
    values |= {"save_strategy": "epoch", "save_total_limit": 1, "disable_tqdm": True, "warm_start": "off"}
    results = run_qa(arguments_from(values, "warm start"), [_progress()])
    new = work / "adapter"
    write_adapter(run, new, recipe)
    if folder.exists():  # incomplete: `kept` did not take it
        os.replace(folder, work / f"damaged-{os.getpid()}")
    os.replace(new, folder)
    logger.info("trained in %s s", results.get("train_runtime"))
    return folder


def write_adapter(run: Path, folder: Path, recipe: dict[str, Any]) -> None:
    """Writes the adapter of a run as a warm start is kept: in half the bytes, with settings that always answer."""
    import torch
    from safetensors.torch import load_file, save_file

    from qa_pipeline.modeling.lora import ADAPTER_WEIGHTS
    from qa_pipeline.modeling.settings import read_settings, write_settings

    folder.mkdir(parents=True, exist_ok=True)
    # float16 keeps 11 binary digits: the logits of the whole model differ by less than a thousandth of the largest.
    weights = {name: one.to(torch.float16).contiguous() for name, one in load_file(run / ADAPTER_WEIGHTS).items()}
    save_file(weights, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
    (folder / ADAPTER_WEIGHTS).chmod(0o644)
    artifacts.write_bytes(folder / ADAPTER_CONFIG, (run / ADAPTER_CONFIG).read_bytes())
    settings = read_settings(run)
    assert settings is not None  # a run writes them
    # What has no answer it knows from made-up questions only: on other texts it would say nothing too often.
    write_settings(dataclasses.replace(settings, version_2_with_negative=False), folder)
    artifacts.write_json(folder / RECIPE, recipe)


def take_over(made: Path, folder: Path) -> None:
    """Puts the files of weights that were made into a folder, in place of earlier ones; other files stay."""
    for file in sorted(made.iterdir()):
        artifacts.write_bytes(folder / file.name, file.read_bytes())


_CHILD = "import sys; from qa_pipeline.run.warm_weights import make_from_file; sys.exit(make_from_file(sys.argv[1]))"


def _make_in_a_process(recipe: dict[str, Any], arguments: Arguments, folder: Path) -> None:
    work = folder.with_suffix(".making")
    model = {name: getattr(arguments.model, name) for name in _OF_THE_MODEL}
    model |= {"use_cpu": arguments.training.use_cpu, "bf16": arguments.training.bf16}
    request = {"recipe": recipe, "model": model, "folder": str(folder), "work": str(work)}
    with artifacts.writing(folder, resumes=True):
        artifacts.write_json(work / "request.json", request)
    environment = {name: value for name, value in os.environ.items() if not _DISTRIBUTED.fullmatch(name)}
    package = str(Path(__file__).resolve().parents[2])
    environment["PYTHONPATH"] = os.pathsep.join(filter(None, (package, environment.get("PYTHONPATH"))))
    if arguments.model.token:
        environment["HF_TOKEN"] = arguments.model.token
    log = work / "log.txt"
    words = [sys.executable, "-c", _CHILD, str(work / "request.json")]
    with (
        open(log, "ab") as errors,
        subprocess.Popen(
            words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, text=True
        ) as child,
    ):
        assert child.stdout is not None
        for line in child.stdout:
            if line.startswith(_SAYS):
                logger.info("Warm start: %s", line.removeprefix(_SAYS).strip())
    if child.returncode or kept(recipe) is None:
        said = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        raise ModelError(
            f"warm start: its training ended by an error ({said[-1] if said else 'it said nothing'}); see {log}. "
            "The same command goes on from there; warm_start=off goes without it"
        )
    _clear(work)


def make_from_file(path: str) -> int:
    """What the process does that makes a warm start: all by a file. Progress goes to stdout, the rest to stderr."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    request = json.loads(Path(path).read_text(encoding="utf-8"))
    train_warm(request["recipe"], request["model"], Path(request["folder"]), Path(request["work"]))
    return 0


_SAYS = "warm start: "
_PARTS = 10


def _progress() -> Any:
    """A callback of the Trainer that says ten times how far it is."""
    from transformers import TrainerCallback

    class Progress(TrainerCallback):
        """Prints a line for the process that waits."""

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            if state.global_step % max(1, state.max_steps // _PARTS) == 0:
                print(f"{_SAYS}step {state.global_step} of {state.max_steps}", flush=True)

    return Progress()


def _clear(work: Path) -> None:
    import shutil

    shutil.rmtree(work, ignore_errors=True)


def _place(recipe: dict[str, Any]) -> Path:
    return artifacts.cache_folder("warm_start") / fingerprint(recipe)


def _is_wide(model_args: ModelArguments) -> bool:
    """Whether hidden states have more than 512 numbers, as those of models of 60 million parameters and more."""
    from transformers import AutoConfig

    from qa_pipeline.modeling.faults import as_model_error

    name = str(model_args.model_name_or_path)
    with as_model_error(f"configuration of {name}"):
        config = AutoConfig.from_pretrained(
            resolve_model_path(name),
            cache_dir=model_args.cache_dir,
            revision=model_args.model_revision,
            token=model_args.token,
            trust_remote_code=model_args.trust_remote_code,
        )
    return (getattr(config, "hidden_size", None) or 768) > 512
