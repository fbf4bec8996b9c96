"""Finds the mapping of a source: a preset, a file, an inline object (or its JSON text), or inferred from its rows."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

from qa_pipeline.data.field_mapping import FieldMapping
from qa_pipeline.data.inference import check_against_rows, infer_mapping, own_id, sentinel_of
from qa_pipeline.data.loose import BadRow, RawRow
from qa_pipeline.data.mapping_spec import read_mapping

logger = logging.getLogger(__name__)


def resolve_mapping(spec: Any, stream: Any, source: str | Path | None = None) -> FieldMapping:
    """The mapping for a source, checked against its first rows.

    Args:
        spec: preset name, path of a JSON or YAML file, inline object or its JSON text; None infers it.
        stream: a RowStream, or a sequence of its first rows.
        source: name for messages; the stream's own by default.

    Raises:
        ConfigError: the mapping itself is wrong: unknown preset, key or file.
        DataError: the mapping does not fit the rows, or the roles cannot be inferred; prints the mapping to paste.
    """
    name = str(source if source is not None else getattr(stream, "source", "data"))
    first: Sequence[RawRow | BadRow] = stream.head() if hasattr(stream, "head") else list(islice(stream, 200))
    rows = [row for row in first if isinstance(row, RawRow)]
    layout = getattr(stream, "format", "")
    if spec is None:
        mapping = infer_mapping(rows, layout, name, first)
        logger.info("%s: fields by %s: %s", name, mapping.name, json.dumps(mapping.to_dict(), ensure_ascii=False))
        return mapping
    mapping = read_mapping(spec)
    check_against_rows(mapping, rows, name)
    if not mapping.id and (path := own_id(rows)):
        mapping = replace(mapping, id=(path,))
    if not mapping.no_answer_values and (sentinel := sentinel_of(mapping, rows)):
        mapping = replace(mapping, no_answer_values=frozenset({sentinel}))
        logger.info('%s: "%s" is read as "no answer"; no_answer_value in the mapping says another word', name, sentinel)
    logger.info("%s: fields by %s: %s", name, mapping.name, json.dumps(mapping.to_dict(), ensure_ascii=False))
    return mapping
