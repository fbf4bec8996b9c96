"""How a run cuts windows and decodes: as the user says, else as is stored with the model, else by the defaults.

A run that trains makes a new model: it goes by its own settings, and what differs from the model that it begins with is
said. Every other run asks a model that is there, so that its answers are those of `QAPredictor`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import asdict, fields

from qa_pipeline import modeling
from qa_pipeline.arguments import Arguments, DataArguments, QASettings
from qa_pipeline.arguments.groups import STORED_WITH_MODEL
from qa_pipeline.arguments.limits import TrainingLimits
from qa_pipeline.arguments.training import with_stored
from qa_pipeline.data import Example
from qa_pipeline.data.example import fingerprint
from qa_pipeline.modeling import StoredSettings
from qa_pipeline.postprocess import Postprocess

logger = logging.getLogger(__name__)

FITTED = ("null_score_diff_threshold", "temperature")


def settle(arguments: Arguments, stored: StoredSettings | None) -> tuple[Arguments, list[str]]:
    """The arguments with the stored settings that count, and what the user should know.

    Args:
        arguments: as the user gave them.
        stored: what an earlier training stored with the model that the run begins with; None for other models.

    Raises:
        ConfigError: what was given does not fit what is stored.
    """
    name = str(arguments.model.model_name_or_path)
    known = {} if stored is None else asdict(stored)
    if arguments.training.do_train:
        others = [
            f"{key} {known[key]} (here {getattr(arguments.data, key)})"
            for key in STORED_WITH_MODEL
            if key in known and key not in arguments.explicit and known[key] != getattr(arguments.data, key)
        ]
        if not others:
            return arguments, []
        said = f"{name} was trained with {', '.join(others)}: more training takes these from its own configuration only"
        logger.warning("%s.", said)
        return arguments, [said]
    settled = with_stored(arguments, known, name if known else arguments.source)
    if stored is not None:
        in_use = [f"{key} {getattr(settled.data, key)}" for key in STORED_WITH_MODEL if key not in arguments.explicit]
        in_use += [f"{key} {known[key]:g}" for key in FITTED if key not in arguments.explicit]
        logger.info("%s: settings stored with the model are used: %s.", name, ", ".join(in_use))
        others = [
            f"{key} {getattr(settled.data, key)} (stored: {known[key]})"
            for key in (*STORED_WITH_MODEL, "null_score_diff_threshold")
            if key in arguments.explicit and getattr(settled.data, key) != known[key]
        ]
        if others:
            logger.info("%s: settings that were given are used instead: %s.", name, ", ".join(others))
    return settled, []


def make_postprocess(
    arguments: Arguments, stored: StoredSettings | None, examples: Sequence[Example] = ()
) -> Postprocess:
    """Postprocess with the settings of the arguments; threshold and temperature may be fitted later.

    What was fitted on these very examples is not used on them, their scores would flatter; and what a training fitted
    is that of its own model, so that more training begins at temperature 1.
    """
    data = arguments.data
    settings = decoding_settings(arguments, stored)
    if stored is not None and stored.tuned_on is not None and stored.tuned_on == fingerprint(examples):
        settings.temperature = 1.0
        was_fitted = stored.null_score_diff_threshold == stored.best_f1_threshold  # else the user had given it
        if data.null_score_diff_threshold is None and was_fitted:
            settings.null_score_diff_threshold = 0.0
    return Postprocess(settings)


def limits_of(data: DataArguments) -> QASettings:
    """The limits that a run goes by, before threshold and temperature are fitted."""
    return QASettings(**{one.name: getattr(data, one.name) for one in fields(TrainingLimits)})


def decoding_settings(arguments: Arguments, stored: StoredSettings | None) -> StoredSettings:
    """What a predictor needs beside the weights; threshold and temperature are those before any fitting."""
    data = arguments.data
    threshold = data.null_score_diff_threshold
    if threshold is None:
        threshold = stored.null_score_diff_threshold if stored is not None else 0.0
    return modeling.StoredSettings(
        **{key: getattr(data, key) for key in STORED_WITH_MODEL},
        null_score_diff_threshold=threshold,
        temperature=stored.temperature if stored is not None and not arguments.training.do_train else 1.0,
        all_answers_confidence=(
            stored.all_answers_confidence if stored is not None and not arguments.training.do_train else None
        ),
        tuned_on=stored.tuned_on if stored is not None else None,
        base_model_name_or_path=arguments.model.model_name_or_path,
    )
