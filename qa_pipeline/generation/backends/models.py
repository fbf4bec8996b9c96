"""Short names of chat models and what each class of model expects. Never loads anything.

A short name stands for a model on the Hub, and says whether it is loaded in 4 bits. Any other name is a Hub id, a
folder, or what a server calls its model.
"""

from __future__ import annotations

import datetime
import difflib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline.errors import BackendError
from qa_pipeline.generation.backends.protocol import Message


@dataclass(frozen=True)
class ChatModel:
    """One model: its name on the Hub, its class (a key of CLASSES), its size, and whether it is loaded in 4 bits."""

    hub_id: str
    family: str
    billions: float  # parameters
    load_in_4bit: bool = False


@dataclass(frozen=True)
class ModelClass:
    """What a class of models expects.

    Args:
        system: put before the task's own system prompt, in the words the models were tuned with.
        system_role: whether the chat template knows a system turn; where not, it goes into the first user turn.
        turns: formats of a system, user and assistant turn for tokenizers that come without a chat template; the
            assistant's ends where its text begins.
    """

    system: str = ""
    system_role: bool = True
    turns: tuple[str, str, str] = ("{}\n\n", "User: {}\n\n", "Assistant: ")


CLASSES = {
    "beluga": ModelClass(
        system="You are Stable Beluga, an AI that follows instructions extremely well. Help as much as you can.",
        turns=("### System:\n{}\n\n", "### User:\n{}\n\n", "### Assistant:\n"),
    ),
    "llama2": ModelClass(
        system="You are a careful assistant that answers with exactly what is asked for and adds nothing.",
        turns=("<<SYS>>\n{}\n<</SYS>>\n\n", "[INST] {} [/INST] ", ""),
    ),
    "mistral": ModelClass(system_role=False, turns=("{}\n\n", "[INST] {} [/INST]", "")),
    "gemma": ModelClass(system_role=False),
    "plain": ModelClass(),
}

MODELS = {
    "beluga7b": ChatModel("stabilityai/StableBeluga-7B", "beluga", 7),
    "beluga13b": ChatModel("stabilityai/StableBeluga-13B", "beluga", 13),
    "beluga70b": ChatModel("stabilityai/StableBeluga2", "beluga", 70),
    "llama2-chat-7b": ChatModel("meta-llama/Llama-2-7b-chat-hf", "llama2", 7),
    "llama2-chat-13b": ChatModel("meta-llama/Llama-2-13b-chat-hf", "llama2", 13),
    "llama2-chat-70b": ChatModel("meta-llama/Llama-2-70b-chat-hf", "llama2", 70),
    "mistral7b": ChatModel("mistralai/Mistral-7B-Instruct-v0.3", "mistral", 7),
    "llama3.2-1b": ChatModel("meta-llama/Llama-3.2-1B-Instruct", "plain", 1.2),
    "llama3.2-3b": ChatModel("meta-llama/Llama-3.2-3B-Instruct", "plain", 3.2),
    "llama3.1-8b": ChatModel("meta-llama/Llama-3.1-8B-Instruct", "plain", 8),
    "qwen2.5-7b": ChatModel("Qwen/Qwen2.5-7B-Instruct", "plain", 7.6),
    "qwen3-0.6b": ChatModel("Qwen/Qwen3-0.6B", "plain", 0.6),
    "qwen3-1.7b": ChatModel("Qwen/Qwen3-1.7B", "plain", 1.7),
    "qwen3-4b": ChatModel("Qwen/Qwen3-4B-Instruct-2507", "plain", 4),
    "qwen3-8b": ChatModel("Qwen/Qwen3-8B", "plain", 8.2),
    "gemma3-1b": ChatModel("google/gemma-3-1b-it", "gemma", 1),
    "gemma3-4b": ChatModel("google/gemma-3-4b-it", "gemma", 4),
    "phi4-mini": ChatModel("microsoft/Phi-4-mini-instruct", "plain", 3.8),
    "smollm2-1.7b": ChatModel("HuggingFaceTB/SmolLM2-1.7B-Instruct", "plain", 1.7),
    "smollm3-3b": ChatModel("HuggingFaceTB/SmolLM3-3B", "plain", 3.1),
}
QUANTISED = "-4bit"
"""Behind a short name: the same weights loaded in 4 bits by bitsandbytes."""


TEMPLATE_OPTIONS: dict[str, Any] = {"enable_thinking": False}
"""For chat templates that know it: no thinking aloud."""


def on_one_day(template: Any) -> Any:
    """A chat template that says the same day every day, where it says one: the same seed must give the same data."""
    if not isinstance(template, str):
        return template
    return _TODAY.sub(lambda call: repr(datetime.date(2025, 1, 1).strftime(call[2])), template)


_TODAY = re.compile(r"""strftime_now\(\s*(['"])(.*?)\1\s*\)""")


def resolve_model(name: str, *, on_a_server: bool = False) -> ChatModel:
    """Finds the model that a name stands for.

    Args:
        name: a short name, with -4bit behind it or not; a Hub id; a folder; or, on a server, anything.
        on_a_server: whether the name goes to a server, which knows names of its own.

    Raises:
        BackendError: the name is none of these.
    """
    short = name.lower()
    model = MODELS.get(short.removesuffix(QUANTISED))
    if model is not None:
        return ChatModel(model.hub_id, model.family, model.billions, short.endswith(QUANTISED))
    folder = Path(name).expanduser()
    if not on_a_server and folder.is_dir():
        return ChatModel(str(folder), family_of(name), 0.0)
    if on_a_server or "/" in name:
        return ChatModel(name, family_of(name), 0.0)
    near = difflib.get_close_matches(short, [*MODELS, *(m + QUANTISED for m in MODELS)], n=3, cutoff=0.5)
    hint = f"; did you mean {' or '.join(near)}?" if near else ""
    raise BackendError(
        f"model {name!r}: neither a short name ({', '.join(MODELS)}; with {QUANTISED} behind it for 4 bits), nor a "
        f"folder here, nor a Hub id such as Qwen/Qwen3-0.6B{hint}"
    )


def family_of(name: str) -> str:
    """Guesses the class from a Hub id or a folder's name."""
    last = name.rstrip("/").lower().split("/")[-1]
    for word, family in (("beluga", "beluga"), ("llama-2", "llama2"), ("llama2", "llama2"), ("gemma", "gemma")):
        if word in last:
            return family
    return "mistral" if "mistral-7b-instruct" in last else "plain"


def messages_for(family: str, messages: Sequence[Message], system_role: bool | None = None) -> list[dict[str, str]]:
    """Puts messages into the form that a class of models expects.

    Args:
        family: key of CLASSES.
        messages: at most one system turn, the first.
        system_role: whether the chat template takes a system turn, where that is known better than by class.

    Returns:
        Turns as chat templates take them: {"role": ..., "content": ...}.
    """
    expected = CLASSES[family]
    turns = list(messages)
    system = turns.pop(0).content if turns and turns[0].role == "system" else ""
    system = "\n\n".join(part for part in (expected.system, system) if part)
    if system and (expected.system_role if system_role is None else system_role):
        turns.insert(0, Message("system", system))
    elif system and turns and turns[0].role == "user":
        turns[0] = Message("user", f"{system}\n\n{turns[0].content}")
    elif system:
        turns.insert(0, Message("user", system))
    return [{"role": turn.role, "content": turn.content} for turn in turns]


def plain_prompt(family: str, turns: Sequence[dict[str, str]]) -> str:
    """The prompt of a model whose tokenizer has no chat template, up to where the assistant begins.

    Args:
        family: key of CLASSES.
        turns: as `messages_for` gives them.
    """
    system, user, assistant = CLASSES[family].turns
    formats = {"system": system, "user": user}
    parts = []
    for turn in turns:
        if turn["role"] == "assistant":
            parts.append(f"{assistant}{turn['content']}\n\n")
        else:
            parts.append(formats[turn["role"]].replace("{}", turn["content"]))
    return "".join(parts) + assistant


def models_table() -> str:
    """The short names, one a line, for `--help` and messages."""
    lines = [f"{'short name':<18}{'parameters':>11}  Hub id"]
    lines += [f"{name:<18}{model.billions:>10g}B  {model.hub_id}" for name, model in MODELS.items()]
    lines.append(
        f"with {QUANTISED} behind a name: loaded in 4 bits (about 0.6 GB a billion parameters; needs bitsandbytes)"
    )
    return "\n".join(lines)
