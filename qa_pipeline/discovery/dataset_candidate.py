"""One data set that may be used: what is known of it before anything is downloaded, and why it may be used or not.

Made from the catalogue, from what the Hub says, or from a folder. Never ranks, never reads data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any, Literal

from qa_pipeline.discovery.arguments import DatasetSearchArguments
from qa_pipeline.discovery.catalogue import KnownDataset
from qa_pipeline.discovery.hub import HubDataset
from qa_pipeline.text.languages import language_name
from qa_pipeline.wording import counted, short

Source = Literal["catalogue", "hub", "folder"]
_CARD = 1200  # characters of a card that say what it is about; licences and tables follow
_DEFAULT_CONFIGS = ("default", "plain_text", "all", "full", "main")


@dataclass(frozen=True)
class DatasetCandidate:
    """A data set that was found. None means not known.

    Attributes:
        id: its name on the Hub, or the path of a file or folder.
        source: where it was found; what the catalogue and the Hub both know has the source "catalogue".
        name: as people call it.
        description: what its texts and questions are.
        domain: words of its subjects.
        general: of use for any subject, as questions about an encyclopedia are.
        languages: codes; empty: not known.
        licence: as its card names it.
        config: the configuration that is loaded.
        rows: questions by split; None in place of a number that is not known.
        size_mb: to download, or on the disk, in megabytes of a million bytes.
        gated: its terms must be accepted, and a token is needed.
        has_script: it is made by a Python script, which `datasets` 4 and later does not run.
        answerable_only: every question has an answer.
        field_mapping: the mapping that is proposed; None: it is inferred from the rows.
        files: split -> files, of a data set in a folder.
        sample_questions: a few of its questions, where it has been read.
        downloads: from the Hub in the last 30 days; 0 where that is not known.
        notes: what could not be read of it, or has to be known.
        usable: no filter refuses it.
        why_not: what refuses it, in words.
        fits: it is about the subject that is asked for; a general one only where no subject is asked for.
        fit: how near it is to the subject: the cosine with it, and half the share of its words; None: not measured.
        score: of the ranking; comparable within one search only.
        reason: why it stands where it stands, in a sentence.
    """

    id: str
    source: Source
    name: str
    description: str = ""
    domain: str = ""
    general: bool = False
    languages: tuple[str, ...] = ()
    licence: str | None = None
    config: str | None = None
    rows: Mapping[str, int | None] = field(default_factory=dict)
    size_mb: float | None = None
    gated: bool = False
    has_script: bool = False
    answerable_only: bool | None = None
    field_mapping: Mapping[str, Any] | str | None = None
    files: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    sample_questions: tuple[str, ...] = ()
    downloads: int = 0
    notes: tuple[str, ...] = ()
    usable: bool = True
    why_not: str | None = None
    fits: bool = False
    fit: float | None = None
    score: float = 0.0
    reason: str = ""

    @property
    def text(self) -> str:
        """What is compared with a prompt."""
        languages = "" if len(self.languages) > 8 else " ".join(map(language_name, self.languages))
        parts = [self.name, self.description, self.domain, languages, " ".join(self.sample_questions)]
        return ". ".join(part.strip(" .") for part in parts if part.strip(" .")) or self.id

    @property
    def num_rows(self) -> int | None:
        """Questions in all splits; None where some are not known."""
        counts = list(self.rows.values())
        return sum(count or 0 for count in counts) if counts and None not in counts else None

    @property
    def facts(self) -> str:
        """Size, rows, licence and languages, each of them said, known or not.

        >>> print(DatasetCandidate("some/set", "hub", "set", licence="mit", languages=("de",), size_mb=3.5).facts)
        rows not known, 3.5 MB, licence mit, German
        """
        rows = "rows not known" if self.num_rows is None else counted(self.num_rows, "row")
        size = "size not known" if self.size_mb is None else f"{self.size_mb:,.1f} MB"
        licence = f"licence {self.licence}" if self.licence else "licence not known"
        named = [language_name(code) for code in self.languages]
        languages = ", ".join(named[:4]) + (f" and {len(named) - 4} more languages" if len(named) > 4 else "")
        return f"{rows}, {size}, {licence}, {languages or 'language not known'}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values: every attribute, and `num_rows`."""
        values = asdict(self) | {"num_rows": self.num_rows}
        lists = ("languages", "sample_questions", "notes")
        values |= {name: list(values[name]) for name in lists}
        return values | {"rows": dict(self.rows), "files": {name: list(paths) for name, paths in self.files.items()}}


def from_catalogue(known: KnownDataset, language: str) -> DatasetCandidate:
    """A data set of the catalogue, with the configuration that holds a language."""
    return DatasetCandidate(
        id=known.id,
        source="catalogue",
        name=known.name,
        description=known.description,
        domain=known.domain,
        general=known.general,
        languages=known.languages,
        licence=known.licence,
        config=known.config_for(language),
        rows=dict(known.rows),
        size_mb=known.size_mb,
        gated=bool(known.gated),
        has_script=bool(known.has_script),
        answerable_only=known.answerable_only,
        field_mapping=known.field_mapping,
        notes=(known.notes,) if known.notes else (),
    )


def from_hub(entry: HubDataset, language: str) -> DatasetCandidate:
    """A data set as the Hub describes it, with the configuration that seems to hold a language."""
    config = _config(entry, language)
    rows: Mapping[str, int | None] = entry.config_rows.get(config or "", {})
    if not rows and len(entry.config_rows) == 1:
        rows = next(iter(entry.config_rows.values()))
    return DatasetCandidate(
        id=entry.id,
        source="hub",
        name=entry.id.split("/")[-1].replace("_", " ").replace("-", " "),
        description=short(" ".join([entry.description, " ".join(entry.card.split())]).strip(), _CARD),
        languages=entry.languages,
        licence=entry.licence,
        config=config,
        rows=dict(rows),
        size_mb=_megabytes(entry.size_bytes),
        gated=entry.gated,
        has_script=entry.has_script,
        downloads=entry.downloads,
        notes=entry.faults,
    )


def merged(known: DatasetCandidate, hub: DatasetCandidate) -> DatasetCandidate:
    """One candidate of a data set that the catalogue and the Hub know.

    The catalogue's words and mapping stay; what may have changed since they were written down is the Hub's.
    """
    same_config = hub.config == known.config or known.config is None
    return replace(
        known,
        languages=known.languages or hub.languages,
        licence=hub.licence or known.licence,
        rows=hub.rows if hub.rows and same_config else known.rows,
        size_mb=hub.size_mb if hub.size_mb is not None else known.size_mb,
        gated=hub.gated,
        downloads=hub.downloads,
        notes=(*known.notes, *(note for note in hub.notes if note not in known.notes)),
    )


def why_refused(
    candidate: DatasetCandidate, settings: DatasetSearchArguments, languages: Sequence[str], has_token: bool
) -> str | None:
    """What of the settings, or of the data set, does not let it be used; None: nothing. All reasons at once."""
    named = {code.lower().split("-")[0].split("_")[0] for code in candidate.languages}
    named &= {code for code in named if len(code) == 2}  # "multilingual", "eng" and others do not say which
    limit, allowed = settings.max_dataset_mb, {licence.lower() for licence in settings.dataset_licences or ()}
    reasons = []
    if named and not named & {*languages}:
        spoken = ", ".join(language_name(code) for code in sorted(named)[:4])
        reasons.append(f"it is in {spoken}, and {' or '.join(map(language_name, languages))} is wanted")
    if candidate.has_script:
        reasons.append(
            "it is made by a Python script, which datasets 4 and later does not run; download its Parquet copy (hf "
            f"download {candidate.id} --repo-type dataset --revision refs/convert/parquet --local-dir DIR) and give "
            "DIR as dataset_folders"
        )
    if candidate.gated and not settings.gated_datasets:
        reasons.append("its terms must be accepted, and gated_datasets is off")
    elif candidate.gated and not has_token:
        reasons.append(f"accept its terms on https://huggingface.co/datasets/{candidate.id} and set HF_TOKEN to use it")
    if candidate.source != "folder" and (candidate.size_mb or 0) > limit:
        reasons.append(f"it has {candidate.size_mb:,.0f} MB, more than max_dataset_mb={limit:g}")
    if allowed and (candidate.licence or "").lower() not in allowed:
        reasons.append(f"its licence ({candidate.licence or 'not known'}) is none of dataset_licences")
    return "; ".join(reasons) or None


def _config(entry: HubDataset, language: str) -> str | None:
    """The configuration named for the language, else the usual one, else the only one; None: left to `datasets`."""
    configs = entry.configs or ()
    if len(configs) <= 1:
        return configs[0] if configs else None
    apart = {config: config.lower().replace("-", ".").replace("_", ".").split(".") for config in configs}
    spoken = [config for config, parts in apart.items() if language in parts]
    same = [config for config in spoken if apart[config].count(language) == 2]  # MLQA: "mlqa.de.de"
    usual = [config for config in _DEFAULT_CONFIGS if config in configs]
    return next(iter([*same, *spoken, *usual]), None)


def _megabytes(size: int | None) -> float | None:
    return None if size is None else round(size / 1e6, 2)
