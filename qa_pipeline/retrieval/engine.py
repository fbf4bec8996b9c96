"""Passages in a search engine, OpenSearch or Elasticsearch, for more of them than one machine holds.

The engine counts words (BM25) and compares vectors (k-NN); what is found by the two is fused here, as in `Index`. It is
reached through a client of its own package, which the caller makes: addresses, certificates and keys are its business.

Two indexes of the engine are used: NAME holds the passages, NAME-documents their documents with the hash of the file
that they are of. A file's passages are written before its documents are, and ids are made of what is written, so that
an update that was killed is simply run again. Unlike with an `Index`, a search in between may see some files as they
were and others as they are.
"""

from __future__ import annotations

import hashlib
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from itertools import islice
from typing import Any, Literal

import numpy as np

import qa_pipeline
from qa_pipeline.documents.passage import Passage
from qa_pipeline.documents.passages import cut_document
from qa_pipeline.documents.reading import Document, Page
from qa_pipeline.errors import ConfigError, DataError
from qa_pipeline.retrieval.embeddings import Embedder, embedder_at_hand, name_and_embedder
from qa_pipeline.retrieval.hits import Hit
from qa_pipeline.retrieval.index import MAX_WORDS, Sourced
from qa_pipeline.retrieval.ranking import fuse
from qa_pipeline.retrieval.sources import IndexedFile, SourceState, look_at, split_sources
from qa_pipeline.retrieval.updating import EMBEDDED_LANGUAGES, IndexReport
from qa_pipeline.text.languages import language_name
from qa_pipeline.wording import error_in_short

EngineName = Literal["opensearch", "elasticsearch"]

FORMAT = 1
_PACKAGES: dict[str, EngineName] = {"opensearchpy": "opensearch", "elasticsearch": "elasticsearch"}
_ERRORS = {*_PACKAGES, "elastic_transport"}
_ANALYZERS = frozenset(
    {
        *("arabic", "armenian", "basque", "bengali", "bulgarian", "catalan", "czech", "danish", "dutch", "english"),
        *("estonian", "finnish", "french", "galician", "german", "greek", "hindi", "hungarian", "indonesian"),
        *("italian", "latvian", "lithuanian", "norwegian", "persian", "portuguese", "romanian", "russian", "spanish"),
        *("swedish", "turkish", "thai"),
    }
)
"""Those that both engines have; they stem and know stop words."""
_IN_PAIRS = frozenset({"zh", "ja", "ko"})
_DEPTH = 100
"""How many passages each ranking hands to the fusion."""
_BULK = 200
_PAGE = 1000


class SearchEngineIndex:
    """Passages in OpenSearch or Elasticsearch; a `PassageIndex`.

    Args:
        client: `opensearchpy.OpenSearch` (OpenSearch 2.2 or later), or `elasticsearch.Elasticsearch` (8.12 or later).
        name: of the index; it and NAME-documents are made by the first `update`.
        language: code of the documents' language; the engine has an analyzer for it, or splits at spaces.
        dense: search by meaning too, where the model knows the language. The weights of the package know English.
        model: that embeds, in any language: Hub id, folder, package:MODULE/FOLDER, the folder of an exported encoder,
            or an Embedder; None: the package's, which an exported encoder of it stands for.
        max_words: what a passage holds at most.
        encoding: of text, HTML and JSONL; None: found out.

    Raises:
        ConfigError: the client is of neither package.
    """

    def __init__(
        self,
        client: Any,
        name: str,
        *,
        language: str = "en",
        dense: bool = True,
        model: str | Embedder | None = None,
        max_words: int = MAX_WORDS,
        encoding: str | None = None,
    ):
        self.name = name
        self._client = client
        self._engine = _engine_of(client)
        self._language = language.lower().split("-")[0].split("_")[0]
        weights, embedder = name_and_embedder(model)
        embeds = dense and (weights is not None or self._language in EMBEDDED_LANGUAGES)
        self._embedder = embedder_at_hand(weights, embedder) if embeds else None
        self._max_words = max_words
        self._encoding = encoding

    def update(self, documents: Sourced) -> IndexReport:
        """Makes the engine hold exactly these documents: reads and writes files that are new or have changed only.

        Args:
            documents: files, folders (`.jsonl` files hold a document on each line), or documents.

        Raises:
            DataError: a source is not there, or none can be read; the engine cannot be reached or refuses something; or
                its index was made with other settings.
            ModelError: the model of the embeddings cannot be loaded.
        """
        began = time.perf_counter()
        self._require_indexes()
        old = self._files()
        paths, own = split_sources(documents)
        known = {name: (number, file) for number, (name, file) in enumerate(old.items())}
        sources = look_at(paths, own, known, 0, encoding=self._encoding)
        done: dict[str, list[str]] = {"added": [], "changed": [], "removed": []}
        there, embedded = set(), 0
        for state in sources.states:
            if state.kept is None:
                read = sources.read(state)
                if isinstance(read, str):
                    continue
                embedded += self._write_file(state, read)
                done["changed" if state.file.name in old else "added"].append(state.file.name)
            there.add(state.file.name)
        for name in sorted(old.keys() - there):
            self._delete({"term": {"file": name}})
            done["removed"].append(name)
        self._refresh()
        return IndexReport(
            documents=self._count(self._documents),
            passages=len(self),
            embedded=embedded if self._embedder else None,
            language=self._language,
            notes=sources.all_notes(),
            seconds=time.perf_counter() - began,
            **done,
        )

    def search(self, question: str, top_k: int = 10) -> list[Hit]:
        """The passages nearest to a question, the nearest first.

        `meaning` of a hit is None where the passage was found by its words, and is not among the nearest by meaning.

        Raises:
            ConfigError: `top_k` is not a positive number.
            DataError: the engine cannot be reached, or has no such index.
        """
        if top_k < 1:
            raise ConfigError("search", f"top_k: expected at least 1, found {top_k}")
        if not question.strip():
            return []
        depth = max(_DEPTH, top_k)
        found = [self._search({"size": depth, "query": {"match": {"text": question}}, "_source": ["passage"]})]
        if self._embedder is not None:
            vector = self._embedder.embed([question])[0].tolist()
            found.append(self._search(_nearest(self._engine, vector, depth)))
        records = {hit["_id"]: hit["_source"]["passage"] for hits in found for hit in hits}
        # Elasticsearch's and Lucene's score of a cosine is (1 + cosine) / 2.
        words = {hit["_id"]: float(hit["_score"]) for hit in found[0]}
        meanings = {hit["_id"]: 2 * float(hit["_score"]) - 1 for hit in found[1]} if len(found) > 1 else {}
        rankings = [words, meanings] if len(found) > 1 else [words]
        scores = fuse([np.array([ranking.get(one, 0.0) for one in records]) for ranking in rankings])
        order = sorted(zip(records, scores, strict=True), key=lambda one: (-one[1], -words.get(one[0], 0.0), one[0]))
        return [
            Hit(_passage(records[one]), float(score), words.get(one, 0.0), meanings.get(one))
            for one, score in order[:top_k]
            if score > 0
        ]

    def document(self, name: str) -> Document:
        """A whole document, by the name that its passages have.

        Raises:
            DataError: there is none of that name, or the engine cannot be reached.
        """
        body = {"size": 1, "query": {"ids": {"values": [_id(name)]}}, "_source": ["document"]}
        hits = self._search(body, self._documents)
        if not hits:
            raise DataError(f"{self._documents}: the search engine holds no document {name!r}")
        record = hits[0]["_source"]["document"]
        return Document(**record | {"pages": [Page(*page) for page in record["pages"]]})

    def names(self) -> list[str]:
        """The names of all documents, sorted."""
        return [hit["_source"]["name"] for hit in self._all_documents(["name"])]

    def __len__(self) -> int:
        """How many passages there are."""
        return self._count(self.name)

    @property
    def _documents(self) -> str:
        return f"{self.name}-documents"

    def _require_indexes(self) -> None:
        """Makes both indexes, or sees to it that they were made with these settings."""
        meta = {
            "format": FORMAT,
            "language": self._language,
            "max_words": self._max_words,
            "model": self._embedder.name if self._embedder else None,
        }
        if not self._call(self._client.indices.exists, index=self.name):
            dimension = self._embedder.embed(["a"]).shape[1] if self._embedder else None
            body = _passages_body(self._engine, self._language, dimension)
            body["mappings"]["_meta"] = meta
            self._call(self._client.indices.create, index=self.name, body=body)
        else:
            answer = self._call(self._client.indices.get_mapping, index=self.name)
            (mappings,) = (value["mappings"] for value in dict(answer).values())
            if mappings.get("_meta") != meta:
                raise DataError(
                    f"{self.name}: the index of the search engine was made with {mappings.get('_meta')}, expected "
                    f"{meta}; give another name, or delete {self.name} and {self._documents}"
                )
        if not self._call(self._client.indices.exists, index=self._documents):
            self._call(self._client.indices.create, index=self._documents, body=_DOCUMENTS_BODY)

    def _write_file(self, state: SourceState, documents: Sequence[Document]) -> int:
        """Writes a file's documents in place of what is there of it; returns how many passages were embedded."""
        file = {"file": state.file.name, "state": _state(state.file.sha256)}
        passages = [each for one in documents for each in cut_document(one, self._max_words, self._language)]
        self._bulk(self.name, self._passage_records(passages, file))
        others = {"filter": [{"term": {"file": file["file"]}}], "must_not": [{"term": {"state": file["state"]}}]}
        self._delete({"bool": others})
        self._bulk(self._documents, _document_records(documents, file))
        return len(passages) if self._embedder else 0

    def _passage_records(
        self, passages: Sequence[Passage], file: dict[str, str]
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        for begin in range(0, len(passages), _BULK):
            part = passages[begin : begin + _BULK]
            texts = [passage.search_text for passage in part]
            vectors = self._embedder.embed_many(texts).tolist() if self._embedder else [None] * len(part)
            for number, (passage, text, vector) in enumerate(zip(part, texts, vectors, strict=True), begin):
                record = {"passage": asdict(passage), "text": text, **file}
                yield _id(file["file"], file["state"], str(number)), record | ({"vector": vector} if vector else {})

    def _files(self) -> dict[str, IndexedFile]:
        """The files that are there, as they were when they were read."""
        found: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for hit in self._all_documents(["file", "state", "of"]):
            found[hit["_source"]["file"]].append(hit["_source"])
        return {name: IndexedFile(name, -1, -1, _sha256(rows)) for name, rows in found.items()}

    def _all_documents(self, wanted: list[str]) -> Iterator[dict[str, Any]]:
        body: dict[str, Any] = {"size": _PAGE, "query": {"match_all": {}}, "sort": [{"name": "asc"}], "_source": wanted}
        while True:
            hits = self._search(body, self._documents)
            yield from hits
            if len(hits) < _PAGE:
                return
            body["search_after"] = hits[-1]["sort"]

    def _search(self, body: dict[str, Any], index: str | None = None) -> list[dict[str, Any]]:
        answer = self._call(self._client.search, index=index or self.name, body=body)
        return list(answer["hits"]["hits"])

    def _bulk(self, index: str, records: Iterable[tuple[str, dict[str, Any]]]) -> None:
        rows = iter(records)
        while part := list(islice(rows, _BULK)):
            body = [line for one, record in part for line in ({"index": {"_index": index, "_id": one}}, record)]
            answer = self._call(self._client.bulk, body=body)
            faults = [item["index"]["error"] for item in answer["items"] if "error" in item["index"]]
            if faults:
                raise DataError(f"{index}: the search engine refused {len(faults):,} of {len(part):,}: {faults[0]}")

    def _delete(self, query: dict[str, Any]) -> None:
        """Deletes passages, then documents, of files; what was written before is seen by it."""
        self._refresh()
        for index in (self.name, self._documents):
            self._call(self._client.delete_by_query, index=index, body={"query": query})

    def _refresh(self) -> None:
        """Makes what was written visible to searches."""
        for index in (self.name, self._documents):
            self._call(self._client.indices.refresh, index=index)

    def _count(self, index: str) -> int:
        return int(self._call(self._client.count, index=index)["count"])

    def _call(self, function: Any, **arguments: Any) -> Any:
        """Calls the client; its errors end in words."""
        try:
            return function(**arguments)
        except Exception as error:
            if type(error).__module__.split(".")[0] not in _ERRORS:
                raise
            raise DataError(f"{self.name}: the search engine: {error_in_short(error)}") from error


def _engine_of(client: Any) -> EngineName:
    for kind in type(client).__mro__:
        if (package := kind.__module__.split(".")[0]) in _PACKAGES:
            return _PACKAGES[package]
    raise ConfigError(
        "client", f"expected opensearchpy.OpenSearch or elasticsearch.Elasticsearch, found {type(client).__name__}"
    )


def _passages_body(engine: EngineName, language: str, dimension: int | None) -> dict[str, Any]:
    """The settings and mappings of the index of passages."""
    properties: dict[str, Any] = {
        "passage": {"type": "object", "enabled": False},
        "text": {"type": "text", "analyzer": _analyzer(language)},
        "file": {"type": "keyword"},
        "state": {"type": "keyword"},
    }
    settings: dict[str, Any] = {}
    if dimension is not None and engine == "opensearch":
        method = {"name": "hnsw", "engine": "lucene", "space_type": "cosinesimil"}
        properties["vector"] = {"type": "knn_vector", "dimension": dimension, "method": method}
        settings["index"] = {"knn": True}
    elif dimension is not None:
        properties["vector"] = {"type": "dense_vector", "dims": dimension, "index": True, "similarity": "cosine"}
    return {"settings": settings, "mappings": {"dynamic": False, "properties": properties}}


_DOCUMENTS_BODY: dict[str, Any] = {
    "mappings": {
        "dynamic": False,
        "properties": {
            "document": {"type": "object", "enabled": False},
            "name": {"type": "keyword"},
            "file": {"type": "keyword"},
            "state": {"type": "keyword"},
            "of": {"type": "integer"},
        },
    }
}


def _nearest(engine: EngineName, vector: list[float], count: int) -> dict[str, Any]:
    """The search for the passages nearest to a vector."""
    if engine == "opensearch":
        return {"size": count, "query": {"knn": {"vector": {"vector": vector, "k": count}}}, "_source": ["passage"]}
    knn = {"field": "vector", "query_vector": vector, "k": count, "num_candidates": 2 * count}
    return {"size": count, "knn": knn, "_source": ["passage"]}


def _analyzer(language: str) -> str:
    """The engine's analyzer for a language: the counterpart of `ranking.terms`."""
    if language in _IN_PAIRS:
        return "cjk"
    name = language_name(language).lower()
    return name if name in _ANALYZERS else "standard"


def _document_records(documents: Sequence[Document], file: dict[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    for one in documents:
        record = {
            "text": one.text,
            "source": one.source,
            "pages": [list(page) for page in one.pages],
            "title": one.title,
            "encoding": one.encoding,
            "guessed": one.guessed,
        }
        yield _id(one.source), {"document": record, "name": one.source, "of": len(documents), **file}


def _state(sha256: str) -> str:
    """What a file's documents and passages hang on: its content, and the version that cuts it."""
    return f"{qa_pipeline.__version__}:{sha256}"


def _sha256(rows: list[dict[str, Any]]) -> str:
    """Of a file whose documents are `rows`; "" where they are not all of it, or another version made them."""
    states = {row["state"] for row in rows}
    if len(states) > 1 or len(rows) != rows[0]["of"]:
        return ""
    version, _, sha256 = str(rows[0]["state"]).rpartition(":")
    return sha256 if version == qa_pipeline.__version__ else ""


def _passage(record: dict[str, Any]) -> Passage:
    known = {field.name for field in fields(Passage)}
    values = {name: value for name, value in record.items() if name in known}
    return Passage(**values | {"headings": tuple(values.get("headings", ()))})


def _id(*parts: str) -> str:
    """The same for the same parts."""
    return hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:32]
