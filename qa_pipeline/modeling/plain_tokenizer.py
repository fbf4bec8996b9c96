"""A tokenizer read from its files by the `tokenizers` package alone, to make windows without transformers.

It has what Preprocess asks of a fast tokenizer of transformers, under the same names, and gives the same ids. Nothing
else: no decoding, no chat, no slow tokenizers.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from qa_pipeline import artifacts
from qa_pipeline.errors import ModelError
from qa_pipeline.wording import error_in_short

TOKENIZER_FILE, CONFIG_FILE = "tokenizer.json", "tokenizer_config.json"
_UNLIMITED = 10**30
"""What transformers writes as the longest input of a tokenizer that has no limit."""


_ATTRIBUTES = {"input_ids": "ids", "token_type_ids": "type_ids", "attention_mask": "attention_mask"}
"""Name of an input -> that of an encoding's attribute."""
_SAID = ("model_max_length", "padding_side", "truncation_side", "pad_token_type_id")


def save_tokenizer(tokenizer: Any, folder: str | Path) -> None:
    """Saves a fast tokenizer of transformers so that `PlainTokenizer` reads the same.

    What its class has by itself, as the side of the padding, is written into tokenizer_config.json too.
    """
    tokenizer.save_pretrained(folder)
    path = Path(folder) / CONFIG_FILE
    said = {name: getattr(tokenizer, name) for name in _SAID}
    artifacts.write_json(path, _read_config(path) | said)


class PlainTokenizer:
    """A fast tokenizer without transformers.

    Args:
        folder: holds tokenizer.json and tokenizer_config.json, as `save_tokenizer` writes them.
        model_input_names: the inputs of the model, of which "token_type_ids" counts.

    Attributes:
        backend_tokenizer: the Rust tokenizer; it neither cuts nor pads.
        model_max_length: most tokens of the model, as the files have it.
        name_or_path: the folder.

    Raises:
        ModelError: a file is missing or damaged, or there is no token to pad with.

    Example:
        >>> tokenizer = PlainTokenizer("exported_model", ["input_ids", "attention_mask"])  # doctest: +SKIP
        >>> tokenizer(["Who is it?"], ["It was she."])["input_ids"]  # doctest: +SKIP
        [[101, 2040, 2003, 2009, 1029, 102, 2009, 2001, 2016, 1012, 102]]
    """

    is_fast = True

    def __init__(self, folder: str | Path, model_input_names: Sequence[str]):
        from tokenizers import Tokenizer

        self.name_or_path = str(folder)
        self.model_input_names = list(model_input_names)
        config = _read_config(Path(folder) / CONFIG_FILE)
        path = Path(folder) / TOKENIZER_FILE
        if not path.is_file():
            raise ModelError(f"{folder}: there is no {TOKENIZER_FILE}; export the model again")
        try:
            self.backend_tokenizer: Any = Tokenizer.from_file(str(path))
        except Exception as error:  # the Rust library raises plain Exception
            raise ModelError(f"{path} cannot be read: {error_in_short(error)}") from error
        self.backend_tokenizer.no_truncation()
        self.backend_tokenizer.no_padding()
        longest = config.get("model_max_length")
        self.model_max_length: int = int(longest) if isinstance(longest, int | float) and longest > 0 else _UNLIMITED
        self.truncation_side = str(config.get("truncation_side") or "right")
        self.padding_side = str(config.get("padding_side") or "right")
        self.pad_token_type_id = int(config.get("pad_token_type_id") or 0)
        self._named = {
            name.removesuffix("_token"): self.backend_tokenizer.token_to_id(text)
            for name, value in config.items()
            if name.endswith("_token") and (text := _text_of(value)) is not None
        }
        more = [*_listed(config.get("additional_special_tokens")), *_listed(config.get("extra_special_tokens"))]
        self._more = [self.backend_tokenizer.token_to_id(text) for text in more]
        stand_ins = (self._named.get(name) for name in ("pad", "eos", "unk"))
        pad = next((number for number in stand_ins if number is not None), None)
        if pad is None:
            raise ModelError(f"tokenizer {folder} has no padding, end or unknown token to pad batches with")
        self.pad_token_id: int = pad

    @property
    def cls_token_id(self) -> int | None:
        """Its id, or None where the tokenizer has no such token."""
        return self._named.get("cls")

    @property
    def bos_token_id(self) -> int | None:
        """Its id, or None where the tokenizer has no such token."""
        return self._named.get("bos")

    @property
    def unk_token_id(self) -> int | None:
        """Its id, or None where the tokenizer has no such token."""
        return self._named.get("unk")

    @property
    def all_special_ids(self) -> list[int]:
        """Ids of the named and the additional special tokens."""
        found = [*self._named.values(), *self._more, self.pad_token_id]
        return list(dict.fromkeys(number for number in found if number is not None))

    @property
    def added_tokens_decoder(self) -> dict[int, Any]:
        """Id -> token, of those that were added to the vocabulary."""
        return dict(self.backend_tokenizer.get_added_tokens_decoder())

    def get_vocab(self) -> dict[str, int]:
        """Token -> id."""
        return dict(self.backend_tokenizer.get_vocab(with_added_tokens=True))

    def num_special_tokens_to_add(self, pair: bool = False) -> int:
        """Special tokens around one text, or around two."""
        return int(self.backend_tokenizer.num_special_tokens_to_add(pair))

    def __call__(
        self,
        questions: Sequence[str],
        contexts: Sequence[str],
        *,
        truncation: str | bool = False,
        max_length: int | None = None,
        stride: int = 0,
        return_overflowing_tokens: bool = False,
        return_token_type_ids: bool | None = None,
        split_special_tokens: bool = False,
        **_: Any,
    ) -> EncodedTexts:
        """Encodes pairs of texts; not from several threads at once.

        Args:
            questions, contexts: as many of the one as of the other.
            truncation: "only_second" cuts contexts to max_length; False cuts nothing.
            stride, return_overflowing_tokens: with truncation, give what was cut off as further windows.
            return_token_type_ids: None: where the model has such an input.
            split_special_tokens: take the name of a special token in a text apart.
        """
        backend = self.backend_tokenizer
        backend.encode_special_tokens = split_special_tokens
        if truncation:
            side = self.truncation_side
            backend.enable_truncation(max_length=max_length, stride=stride, strategy=truncation, direction=side)
        try:
            encodings = backend.encode_batch(list(zip(questions, contexts, strict=True)))
        finally:
            backend.no_truncation()
        if return_overflowing_tokens:
            encodings = [part for one in encodings for part in (one, *one.overflowing)]
        names = [name for name in self.model_input_names if name in _ATTRIBUTES]
        if return_token_type_ids and "token_type_ids" not in names:
            names.append("token_type_ids")
        return EncodedTexts(encodings, names)

    def save_pretrained(self, folder: str | Path) -> None:
        """Copies the files that it was read from into a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        for name in (TOKENIZER_FILE, CONFIG_FILE):
            shutil.copyfile(Path(self.name_or_path) / name, Path(folder) / name)


@dataclass
class EncodedTexts:
    """Encodings of pairs, by name as transformers gives them: "input_ids" and "token_type_ids", lists of lists."""

    encodings: list[Any]
    names: list[str]

    def __getitem__(self, name: str) -> list[list[int]]:
        return [getattr(one, _ATTRIBUTES[name]) for one in self.encodings]

    def __contains__(self, name: object) -> bool:
        return name in self.names


def _read_config(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror or error}; export the model again") from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON: {error}; export the model again") from error
    if not isinstance(value, dict):
        raise ModelError(f"{path}: expected an object, found {type(value).__name__}; export the model again")
    return value


def _text_of(value: Any) -> str | None:
    """The text of a token as the configuration has it: itself, or an object with its content."""
    found = value.get("content") if isinstance(value, dict) else value
    return found if isinstance(found, str) else None


def _listed(value: Any) -> list[str]:
    found = list(value.values()) if isinstance(value, dict) else value if isinstance(value, list) else []
    return [text for one in found if (text := _text_of(one)) is not None]
