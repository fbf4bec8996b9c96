"""Finds labelled data in folders of this machine and describes it as the Hub describes data sets.

Files that belong together (train.json and validation.json, the shards of one split) are one data set. What it is about
is said by its card (README.md), its file names and a few of its questions. A file that cannot be read is a candidate
that cannot be used, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from qa_pipeline.data import Example, load_examples
from qa_pipeline.data.readers.columnar import is_dataset_folder
from qa_pipeline.discovery.dataset_candidate import DatasetCandidate
from qa_pipeline.discovery.languages import likely_language
from qa_pipeline.errors import DataError, QAError
from qa_pipeline.wording import in_one_line, short

_DATA_FILE = re.compile(r"\.(?:json|jsonl|ndjson|csv|tsv|parquet|arrow)(?:\.(?:gz|bz2|xz))?$", re.IGNORECASE)
_CARDS = ("README.md", "DATASET_CARD.md", "dataset_card.md", "README.txt")
_NO_DATA = re.compile(r"^(?:data_?report|dataset_?(?:report|infos?)|config|run|state|metrics|tokenizer)\b.*\.json$")
_SPLITS = {"train": "train", "training": "train", "validation": "validation", "valid": "validation",
           "val": "validation", "dev": "validation", "test": "test"}  # fmt: skip
_DEEPEST = 3
_MOST = 200
_CARD = 1200  # characters
_LARGEST_READ = 5_000_000  # bytes; the rows of larger files are not counted beforehand
_SAMPLE = 200
_QUESTIONS = 5
_LONGEST_QUESTION = 120

Group = tuple[str, dict[str, tuple[Path, ...]]]
"""The name of a data set, and its files by split."""


def folder_datasets(places: Sequence[str]) -> tuple[list[DatasetCandidate], list[str]]:
    """The data sets in folders, or given as files, in the order of their paths.

    Args:
        places: folders, searched three levels deep, or files.

    Returns:
        The candidates, not yet ranked, and notes on what was left out.

    Raises:
        DataError: a place does not exist.

    Example:
        >>> candidates, notes = folder_datasets(["docs/examples/labels.csv"])
        >>> candidates[0].rows, candidates[0].languages, notes
        ({'train': 8}, ('en',), [])
    """
    found: list[DatasetCandidate] = []
    notes: list[str] = []
    for place in places:
        path = Path(place).expanduser()
        if not path.exists():
            raise DataError(f"dataset_folders: {place} does not exist (looked from {Path.cwd()})")
        groups: list[Group] = [(str(path), {"train": (path,)})] if path.is_file() else list(_groups(path, _DEEPEST))
        if not groups:
            notes.append(f"dataset_folders: {place} holds no labelled data that can be read")
        if len(groups) > _MOST:
            notes.append(f"dataset_folders: {place} holds {len(groups)} data sets; the first {_MOST} are looked at")
        found += [_describe(name, files) for name, files in groups[:_MOST]]
    return found, notes


def _groups(folder: Path, depth: int) -> Iterator[Group]:
    """Each data set in a folder."""
    if is_dataset_folder(folder) or (folder / "dataset_dict.json").is_file():
        yield str(folder), _saved_splits(folder)
        return
    entries = sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    groups: dict[str, dict[str, tuple[Path, ...]]] = {}
    for path in entries:
        if path.is_dir() and path.name.lower() in _SPLITS and not is_dataset_folder(path):
            files = tuple(sorted(filter(_is_data, path.iterdir())))
            found = [("", _SPLITS[path.name.lower()], files)] if files else []
        else:
            found = [(*_stem_and_split(path), (path,))] if _is_data(path) else []
        for stem, split, files in found:
            splits = groups.setdefault(stem, {})
            splits[split] = (*splits.get(split, ()), *files)
    for stem, splits in groups.items():
        yield str(folder / stem) if stem and len(groups) > 1 else str(folder), splits
    for path in entries:
        if path.is_dir() and depth > 1 and path.name.lower() not in _SPLITS:
            yield from _groups(path, depth - 1)


def _is_data(path: Path) -> bool:
    return path.is_file() and bool(_DATA_FILE.search(path.name)) and not _NO_DATA.match(path.name)


def _saved_splits(folder: Path) -> dict[str, tuple[Path, ...]]:
    """Split -> folder, of what `datasets.save_to_disk` wrote."""
    parts = sorted(path for path in folder.iterdir() if path.is_dir() and is_dataset_folder(path))
    return {path.name: (path,) for path in parts} or {"train": (folder,)}


def _stem_and_split(path: Path) -> tuple[str, str]:
    """The name that files of one data set share, and the split: "policyqa_dev.json" -> ("policyqa", "validation").

    A file without the name of a split is a data set of its own.
    """
    name = re.sub(r"-\d+-of-\d+", "", _DATA_FILE.sub("", path.name))
    parts = re.split(r"([^A-Za-z0-9]+)", name)
    for place in range(0, len(parts), 2):
        split = _SPLITS.get(parts[place].lower())
        if split:
            rest = "".join(parts[:place] + parts[place + 1 :])
            return rest.strip("-_. "), split
    return path.name, "train"


def _describe(name: str, files: dict[str, tuple[Path, ...]]) -> DatasetCandidate:
    folder = Path(name) if Path(name).is_dir() else Path(name).parent
    languages, licence, card = _card(folder)
    paths = [path for split in files.values() for path in split]
    candidate = DatasetCandidate(
        id=name,
        source="folder",
        name=re.sub(r"[\W_]+", " ", _DATA_FILE.sub("", Path(name).resolve().name)).strip() or name,
        description=card,
        languages=languages,
        licence=licence,
        files={split: tuple(map(str, of_split)) for split, of_split in files.items()},
        size_mb=round(sum(map(_size, paths)) / 1e6, 3),
    )
    rows: dict[str, int | None] = {}
    sample: list[Example] = []
    for split, of_split in files.items():
        try:
            examples, counted = _first_rows(of_split)
        except QAError as error:
            if not sample:
                return replace(candidate, usable=False, why_not=f"it cannot be read: {in_one_line(error)}")
            candidate = replace(candidate, notes=(*candidate.notes, f"{split}: {in_one_line(error)}"))
            continue
        rows[split] = counted
        sample = sample or examples
    if not languages:
        languages = (likely_language(" ".join(example["context"][:300] for example in sample[:10])),)
    return replace(candidate, rows=rows, languages=languages, sample_questions=_questions(sample))


def _first_rows(paths: Sequence[Path]) -> tuple[list[Example], int | None]:
    """The first rows of a split, and how many it has where it is small enough to count them."""
    if sum(map(_size, paths)) <= _LARGEST_READ:
        read = [load_examples(path, max_bad_fraction=1.0)[0] for path in paths]
        return read[0], sum(map(len, read))
    return load_examples(paths[0], max_bad_fraction=1.0, max_samples=_SAMPLE)[0], None


def _questions(sample: Sequence[Example]) -> tuple[str, ...]:
    """A few questions from all over the sample."""
    step = max(1, len(sample) // _QUESTIONS)
    return tuple(short(example["question"], _LONGEST_QUESTION) for example in sample[::step][:_QUESTIONS])


def _card(folder: Path) -> tuple[tuple[str, ...], str | None, str]:
    """Languages, licence and text of the card in a folder, as far as they are there."""
    from huggingface_hub import DatasetCard

    path = next((folder / name for name in _CARDS if (folder / name).is_file()), None)
    if path is None:
        return (), None, ""
    text = path.read_text(encoding="utf-8", errors="replace")
    try:
        card = DatasetCard(text, ignore_metadata_errors=True)
        data, body = card.data.to_dict(), card.text
    except Exception:  # metadata that is no YAML, or no mapping; huggingface_hub raises many kinds
        data, body = {}, text
    named = data.get("language")
    languages = [str(code).lower() for code in (named if isinstance(named, list) else [named] if named else [])]
    licence = data.get("license")
    plain = " ".join(re.sub(r"[#*`|>_\[\]]+|\(https?://\S+\)|<[^>]+>", " ", body).split())
    return tuple(languages), str(licence) if isinstance(licence, str) else None, short(plain, _CARD)


def _size(path: Path) -> int:
    return sum(one.stat().st_size for one in path.rglob("*") if one.is_file()) if path.is_dir() else path.stat().st_size
