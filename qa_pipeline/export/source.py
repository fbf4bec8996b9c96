"""Loads the model that is exported, with all that the exported folder takes over from it.

The base of an adapter that was trained on a quantised base is loaded unquantised: rounding rounded weights again would
lose most of what was learnt.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from qa_pipeline import artifacts
from qa_pipeline.arguments import ModelArguments
from qa_pipeline.errors import ModelError
from qa_pipeline.modeling.exported import read_export
from qa_pipeline.preprocess import Preprocess

if TYPE_CHECKING:
    from qa_pipeline.modeling import StoredSettings
    from qa_pipeline.predictor import QAPredictor


_NO_LIMIT = 1_000_000_000
"""Tokenizers that know no limit say a number far above this."""


@dataclass(frozen=True)
class ModelToExport:
    """A model in memory.

    Attributes:
        name: as the user named it.
        folder: where it lies on this machine; None for a Hub id.
        predictor: asks it, in float32 on the CPU, with torch.
        base: what it was trained from, where that is known.
        card: its own README.md, empty where it has none.
    """

    name: str
    folder: Path | None
    predictor: QAPredictor
    base: str | None
    card: str

    @property
    def model(self) -> Any:
        """The torch model, adapters merged."""
        return self.predictor.model

    @property
    def tokenizer(self) -> Any:
        """Its tokenizer."""
        return self.predictor.tokenizer

    @property
    def settings(self) -> StoredSettings:
        """How it cuts windows and decodes."""
        return self.predictor.settings

    @cached_property
    def preprocess(self) -> Preprocess:
        """Cuts windows as it does."""
        return Preprocess(self.tokenizer, self.settings)

    @property
    def model_type(self) -> str:
        """As in its configuration: "bert"."""
        return str(self.model.config.model_type)

    @property
    def shown_name(self) -> str:
        """Without the folders of this machine."""
        from qa_pipeline.run.publishing import base_header

        return base_header(self.name, lora=False)[1]

    @cached_property
    def fingerprint(self) -> str:
        """Of all that its answers hang on, see `QAPredictor.fingerprint`."""
        return self.predictor.fingerprint()

    @property
    def longest_window(self) -> int | None:
        """Most tokens of a window that tokenizer and model were made for; None where neither says."""
        from qa_pipeline.modeling.checks import positions

        table, trained = positions(self.model)
        known = [one for one in (self.tokenizer.model_max_length, table, trained) if one and one < _NO_LIMIT]
        return int(min(known)) if known else None

    def write_companions(self, folder: Path) -> None:
        """Writes what stands beside the graph: configuration, tokenizer and decoding settings."""
        from qa_pipeline.modeling import write_settings
        from qa_pipeline.modeling.plain_tokenizer import save_tokenizer

        self.model.config.save_pretrained(folder)
        self.tokenizer.backend_tokenizer.no_truncation()
        self.tokenizer.backend_tokenizer.no_padding()
        save_tokenizer(self.tokenizer, folder)
        write_settings(self.settings, folder)


def load_source(
    name: str,
    *,
    base_model: str | None,
    allow_new_head: bool,
    token: str | None,
    cache_dir: str | None,
    revision: str,
    trust_remote_code: bool,
) -> ModelToExport:
    """Loads a model to export; arguments as of `export`.

    Raises:
        ModelError: it cannot be loaded, or is an export already.
    """
    from qa_pipeline import modeling
    from qa_pipeline.modeling.paths import at_hand
    from qa_pipeline.predictor import QAPredictor

    args = ModelArguments(
        model_name_or_path=name,
        token=token,
        cache_dir=cache_dir,
        model_revision=revision,
        trust_remote_code=trust_remote_code,
    )
    if Path(name).is_dir() and (earlier := read_export(name)) is not None:
        raise ModelError(
            f"{name} is an exported model already; export the model that it was made from: {earlier.source}"
        )
    place = Path(at_hand(modeling.resolve_model_path(name), revision=revision, cache_dir=cache_dir))
    tokenizer = modeling.load_tokenizer(args)
    settings = modeling.stored_settings(args)
    model = modeling.load_trained(
        name, "cpu", base_model=base_model, quantized=False, merge=True, allow_new_head=allow_new_head, model_args=args
    )
    predictor = QAPredictor(model, tokenizer, settings, name=name)
    card = place / artifacts.MODEL_CARD
    return ModelToExport(
        name=name,
        folder=place if place.is_dir() else None,
        predictor=predictor,
        base=settings.base_model_name_or_path if settings is not None else None,
        card=card.read_text(encoding="utf-8", errors="replace") if card.is_file() else "",
    )
