"""Pushes a finished run folder to the Hugging Face Hub: model, tokenizer, card and results, without checkpoints."""

from __future__ import annotations

from pathlib import Path

from qa_pipeline.arguments import TrainingArguments
from qa_pipeline.errors import ModelError

LEFT_OUT = ["checkpoint-*", "checkpoint-*/**", "runs/**", "*.tmp", "*_predictions.json", "*_null_odds.json"]
"""Checkpoints are large; predictions hold the questions' answers, which need not be public."""


def push_run(folder: str | Path, args: TrainingArguments) -> str:
    """Uploads the folder as one commit.

    Args:
        folder: a run folder.
        args: `hub_model_id` (the folder's name under the token's user by default), `hub_token`, `hub_private_repo`,
            `hub_revision`.

    Returns:
        The address of the repository.

    Raises:
        ModelError: the Hub refused or cannot be reached; the folder on disk is complete all the same.
    """
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled

    folder = Path(folder)
    api = HfApi(token=args.hub_token)
    try:
        address = api.create_repo(args.hub_model_id or folder.name, private=args.hub_private_repo, exist_ok=True)
        if args.hub_revision:
            api.create_branch(address.repo_id, branch=args.hub_revision, exist_ok=True)
        api.upload_folder(
            repo_id=address.repo_id,
            folder_path=folder,
            revision=args.hub_revision,
            ignore_patterns=LEFT_OUT,
            commit_message="Add extractive question-answering model",
        )
    except (HfHubHTTPError, OfflineModeIsEnabled, OSError, ValueError) as error:
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise ModelError(
            f"push_to_hub: the Hub did not take {folder}: {reason}. The folder is complete; check hub_model_id and the "
            f"token (HF_TOKEN or hub_token), then run the same command again, or: hf upload REPO {folder}"
        ) from error
    return str(address)
