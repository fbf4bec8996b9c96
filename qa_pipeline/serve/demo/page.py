"""Builds the page: a question, where to look, what the models find. Knows Gradio; never reads a file itself.

The page and its endpoint ask through `asking`, one question at a time. Nothing is fetched from elsewhere: the fonts are
those of the visitor's system, Gradio's analytics are off, and files are uploaded, never downloaded from an address.
"""

from __future__ import annotations

import functools
import inspect
import logging
import os
from collections.abc import Callable, Sequence
from importlib import import_module, resources
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, get_type_hints

from qa_pipeline.documents.reading import KINDS, SUFFIXES
from qa_pipeline.errors import ConfigError, DataError, QAError
from qa_pipeline.modeling.paths import model_folder
from qa_pipeline.retrieval.embeddings import exported_embedder
from qa_pipeline.serve.asking import (
    MOST_FILES,
    MOST_MEGABYTES,
    MOST_TEXT,
    AskReply,
    Finding,
    ask_models,
    checked_question,
    file_documents,
    folder_index,
    reply_of,
    text_document,
)
from qa_pipeline.serve.demo.answers import HINT, documents_html, findings_html, head_html, limits_html, problem_html
from qa_pipeline.serve.demo.examples import QuestionsToTry, find_questions
from qa_pipeline.wording import error_in_short, in_short

if TYPE_CHECKING:
    from qa_pipeline.documents.reading import Document
    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.retrieval.index import Index

logger = logging.getLogger(__name__)

FOLDER, TEXT, FILES = "folder", "text", "files"
"""Where a visitor may look for the answer."""
HOST = "127.0.0.1"
MOST_WAITING = 32
"""Questions that wait for their turn; the next visitor is told that there are too many."""
DESCRIPTION = (
    "Asks the model, and says where the answer stands. `text` or `files` (of gradio_client.handle_file; "
    f"{KINDS}) is searched; with neither, the documents of this page. "
    "`start` and `end` are characters of the document's text. Where `found` is false there is no answer, and "
    "`runner_ups` are guesses."
)
FAULT = "This question could not be answered, because of a fault in the program: {}. The terminal has a line on it."


class UploadedFile(TypedDict):
    """A file of the endpoint's caller; `gradio_client.handle_file("policy.pdf")` makes one."""

    path: str


def build_demo(
    model: str | QAPredictor,
    base: str | QAPredictor | None = None,
    documents: str | Path | None = None,
    examples: str | None = None,
) -> Any:
    """The page to try a model.

        >>> build_demo("runs/quickstart").launch()  # doctest: +SKIP

    Args:
        model: a run folder, an output folder of prompt2model, a Hub id, package:MODULE/FOLDER; or one that is loaded.
        base: a model to show beside it, the same; its head may never have been trained.
        documents: a folder whose documents can be asked as a whole; they are indexed once, now.
        examples: a file of labelled questions to try; None takes some of the test split of the model's own run.

    Returns:
        A `gradio.Blocks`. Its `launch()` serves on 127.0.0.1 and shares nothing, unless it is told to.

    Raises:
        ConfigError: gradio is missing or too old.
        ModelError: a model cannot be loaded.
        DataError: the documents or the examples cannot be read.
    """
    load_gradio()
    named = model_folder(model if isinstance(model, str) else model.name)
    folder = None if documents is None else folder_index(documents, exported_embedder(named))
    questions = find_questions(named, examples)
    models = [_loaded(model)] + ([] if base is None else [_loaded(base, allow_new_head=True)])
    return _Page(models, folder, questions).build()


def load_gradio() -> Any:
    """The module gradio, of a version that the page is written for.

    Raises:
        ConfigError: it is missing or too old.
    """
    try:
        gradio = import_module("gradio")
    except ImportError as error:
        raise ConfigError("demo", f"the page needs gradio ({error}); run: pip install gradio") from error
    if int(gradio.__version__.split(".")[0]) < 6:
        raise ConfigError(
            "demo", f"the page needs gradio 6, found {gradio.__version__}; run: pip install --upgrade gradio"
        )
    return gradio


def _loaded(model: str | QAPredictor, **options: Any) -> QAPredictor:
    if not isinstance(model, str):
        return model
    from qa_pipeline.predictor import QAPredictor

    return QAPredictor.from_pretrained(model_folder(model), **options)


class _Page:
    """The page of some models; each of them is loaded once, and serves all visitors.

    Args:
        models: the model, and perhaps a base model.
        folder: an index of --documents.
        questions: some to try.
    """

    def __init__(self, models: Sequence[QAPredictor], folder: Index | None, questions: QuestionsToTry | None):
        self._gradio = load_gradio()
        self.models, self.folder = list(models), folder
        self.questions = questions if questions and questions.rows else None
        self._uploads = Path(self._gradio.utils.get_upload_folder()).resolve()
        self.roles = ["Model", "Base model"] if len(self.models) > 1 else []

    # What visitors do. Every value comes from outside, and is checked where it is used.

    def answer(self, question: Any, where: Any, text: Any, files: Any) -> str:
        """The HTML of the answer, or of why there is none."""
        try:
            checked_question(question)
            findings = ask_models(self.models, question, self._documents(where, text, files))
            return findings_html(findings, self.roles, self._expected(question, where, text))
        except QAError as error:
            return problem_html(str(error))
        except Exception as error:
            return problem_html(FAULT.format(_noted(error)))

    def ask(self, question: str, text: str = "", files: list[UploadedFile] | None = None) -> AskReply:
        """Asks the model, and says where the answer stands.

        Args:
            question: at most 1,000 characters.
            text: the text to search; empty where files are given, or the page has documents of its own.
            files: documents to search, each from gradio_client.handle_file.
        """
        where = TEXT if text else FILES if files else FOLDER
        try:
            findings: list[Finding] = ask_models(
                self.models, checked_question(question), self._documents(where, text, files)
            )
            return reply_of(findings)
        except QAError as error:
            words = str(error)
        except Exception as error:
            words = FAULT.format(_noted(error))
        raise self._gradio.Error(words, print_exception=False)

    def pick(self, number: Any) -> tuple[str, str, str]:
        """The question and text of an example, to be put into the fields."""
        rows = self.questions.rows if self.questions else []
        if not isinstance(number, int) or not 0 <= number < len(rows):
            return "", TEXT, ""
        return rows[number]["question"], TEXT, rows[number]["context"]

    def _documents(self, where: Any, text: Any, files: Any) -> list[Document] | Index:
        if where == FOLDER and self.folder is not None:
            return self.folder
        if where == FILES:
            paths = [self._uploaded(file) for file in files or []]
            names = [str(file.get("orig_name") or path.name) for file, path in zip(files or [], paths, strict=True)]
            return file_documents(paths, names)
        return text_document(text or "")

    def _uploaded(self, file: Any) -> Path:
        """Where a file of a visitor lies; any other file of this machine is none of his business."""
        path = file.get("path") if isinstance(file, dict) else None
        if not isinstance(path, str) or not Path(path).resolve().is_relative_to(self._uploads):
            raise DataError(f"A file must be uploaded, found {in_short(path or file)}.")
        return Path(path).resolve()

    def _expected(self, question: str, where: Any, text: Any) -> str | None:
        """What the labels say, where a question to try was asked as it is."""
        for row in self.questions.rows if self.questions else []:
            if where == TEXT and row["question"] == question and row["context"] == text:
                return (row["answers"]["text"] or [""])[0] if _is_labelled(row) else None
        return None

    # What they see.

    def build(self) -> Any:
        gradio = self._gradio
        # One at a time: a model computes on all cores, and two questions at once would both be slower.
        turn = {"concurrency_limit": 1, "concurrency_id": "model"}
        hidden = {"api_visibility": "private"}
        with gradio.Blocks(title=f"Ask {self.models[0].name}", analytics_enabled=False) as page:
            model, base = self.models[0], self.models[1].name if self.models[1:] else None
            facts = f"{model.num_parameters / 1e6:,.1f} million parameters, on {model.device}"
            gradio.HTML(head_html(model.name, base, facts))
            with gradio.Row(elem_classes=["work", "beside" if base else "one"]):
                with gradio.Column(elem_classes=["ask"], min_width=280):
                    question, where, text, files, button, parts = self._fields()
                with gradio.Column(elem_classes=["found"], min_width=280):
                    found = gradio.HTML(HINT, js_on_load=_asset("demo.js"), elem_id="found", apply_default_css=False)
                examples = self._examples()
            asked = {"fn": self.answer, "inputs": [question, where, text, files], "outputs": found, "preprocess": False}
            for trigger in (button.click, question.submit):
                trigger(**asked, **turn, **hidden, show_progress="minimal", trigger_mode="once")
            where.change(
                lambda place: [gradio.update(visible=place == one) for one in (FOLDER, TEXT, FILES)],
                where,
                parts,
                queue=False,
                show_progress="hidden",
                **hidden,
            )
            if examples is not None:
                chosen = examples.click(self.pick, examples, [question, where, text], queue=False, **hidden)
                chosen.then(**asked, **turn, **hidden, show_progress="minimal")
            gradio.api(_with_types(self.ask), api_name="ask", api_description=DESCRIPTION, **turn)
        page.queue(max_size=MOST_WAITING)
        _refuse_addresses(page, gradio)
        page.launch = functools.partial(
            page.launch,
            **{"server_name": HOST, "share": False, "quiet": True, "ssr_mode": False, "mcp_server": False},
            **{"pwa": False, "run_history": False, "enable_monitoring": False, "show_error": True},
            **{"footer_links": ["api"], "max_file_size": f"{MOST_MEGABYTES}mb", "inbrowser": False, "inline": False},
            **{"theme": _theme(gradio), "css": _asset("demo.css")},
        )
        return page

    def _fields(self) -> tuple[Any, ...]:
        """The question, where to look, the two that a visitor gives, the button; and what each place to look shows."""
        gradio = self._gradio
        question = gradio.Textbox(
            label="Question", placeholder="How long is my data kept?", elem_id="question", autofocus=True, max_lines=4
        )
        places = [("A text", TEXT), ("Files", FILES)]
        if self.folder is not None:
            places.insert(0, ("These documents", FOLDER))
        first = places[0][1]
        where = gradio.Radio(
            places,
            value=first,
            label="Where to look",
            elem_id="where",
        )
        listed = [] if self.folder is None else list(map(self.folder.document, self.folder.names()))
        folder = gradio.HTML(documents_html(listed), visible=first == FOLDER, apply_default_css=False)
        text = gradio.Textbox(
            label="Text",
            info=f"Paste what may hold the answer, up to {MOST_TEXT:,} characters.",
            lines=9,
            max_lines=16,
            visible=first == TEXT,
            elem_id="text",
        )
        with gradio.Column(visible=False, elem_id="files") as with_files:
            files = gradio.File(label="Files", file_count="multiple", file_types=sorted(SUFFIXES), height=170)
            gradio.HTML(limits_html(MOST_FILES, MOST_MEGABYTES), apply_default_css=False)
        button = gradio.Button("Ask", variant="primary", elem_id="button")
        return question, where, text, files, button, [folder, text, with_files]

    def _examples(self) -> Any:
        """Buttons with questions to try; None where there are none."""
        if self.questions is None:
            return None
        questions = [row["question"] for row in self.questions.rows]
        return self._gradio.Dataset(
            components=[self._gradio.Radio(questions, visible=False)],  # a Textbox would cut them
            samples=[[question] for question in questions],
            type="index",
            label=self.questions.title,
            elem_id="examples",
        )


def _is_labelled(row: Any) -> bool:
    return bool(row["is_impossible"] or row["answers"]["text"])


def _noted(error: Exception) -> str:
    """A fault of the program in a few words; the traceback is in the log of --debug."""
    logger.error("a question could not be answered: %s", error_in_short(error))
    logger.debug("", exc_info=error)
    return error_in_short(error)


def _with_types(method: Callable[..., Any]) -> Callable[..., Any]:
    """The method as a function whose hints are types, which Gradio describes the endpoint by."""

    def ask(*args: Any, **options: Any) -> Any:
        return method(*args, **options)

    hints = get_type_hints(method)
    signature = inspect.signature(method)
    parameters = [one.replace(annotation=hints[name]) for name, one in signature.parameters.items()]
    ask.__annotations__ = hints
    ask.__signature__ = signature.replace(parameters=parameters, return_annotation=hints["return"])  # type: ignore[attr-defined]
    return ask


def _refuse_addresses(page: Any, gradio: Any) -> None:
    """Gradio would fetch a file from the address that a caller gives in place of an upload."""

    def guarded(move: Callable[[Any], Any]) -> Callable[[Any], Any]:
        async def moved(path: Any) -> Any:
            if "://" in os.fspath(path or ""):
                raise gradio.Error("Files are uploaded; an address is not fetched.", print_exception=False)
            return await move(path)

        return moved

    for block in page.blocks.values():
        block.async_move_resource_to_block_cache = guarded(block.async_move_resource_to_block_cache)


def _asset(name: str) -> str:
    return resources.files(__package__).joinpath("assets", name).read_text(encoding="utf-8")


_COLOURS = {
    "body_background_fill": ("#fbfaf7", "#14171b"),
    "background_fill_primary": ("#ffffff", "#1c2026"),
    "background_fill_secondary": ("#f1efe9", "#232830"),
    "block_background_fill": ("#ffffff", "#1c2026"),
    "block_border_color": ("#e2dfd7", "#323840"),
    "border_color_primary": ("#e2dfd7", "#323840"),
    "body_text_color": ("#1d2126", "#e8e6e1"),
    "body_text_color_subdued": ("#5a626d", "#a9b0ba"),
    "block_info_text_color": ("#5a626d", "#a9b0ba"),
    "block_title_text_color": ("#1d2126", "#e8e6e1"),
    "block_label_text_color": ("#1d2126", "#e8e6e1"),
    "block_label_background_fill": ("#ffffff", "#1c2026"),
    "input_background_fill": ("#ffffff", "#14171b"),
    "input_border_color": ("#8a919b", "#7e8691"),
    "input_border_color_focus": ("#0067a8", "#62b7f0"),
    "input_placeholder_color": ("#5a626d", "#a9b0ba"),
    "button_primary_background_fill": ("#0067a8", "#62b7f0"),
    "button_primary_background_fill_hover": ("#00548a", "#8acbf6"),
    "button_primary_border_color": ("#0067a8", "#62b7f0"),
    "button_primary_text_color": ("#ffffff", "#14171b"),
    "button_secondary_background_fill": ("#ffffff", "#1c2026"),
    "button_secondary_text_color": ("#1d2126", "#e8e6e1"),
    "checkbox_label_background_fill": ("#ffffff", "#1c2026"),
    "checkbox_label_background_fill_selected": ("#f1efe9", "#232830"),
    "checkbox_label_text_color": ("#1d2126", "#e8e6e1"),
    "checkbox_background_color_selected": ("#0067a8", "#62b7f0"),
    "checkbox_border_color_selected": ("#0067a8", "#62b7f0"),
    "color_accent": ("#0067a8", "#62b7f0"),
    "link_text_color": ("#0067a8", "#62b7f0"),
    "loader_color": ("#0067a8", "#62b7f0"),
}
"""Light and dark, as those of the reports."""


def _theme(gradio: Any) -> Any:
    """The colours of the reports, and fonts of the visitor's system: those of Gradio's themes are fetched."""
    sans = ["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Noto Sans", "Liberation Sans"]
    mono = ["ui-monospace", "SF Mono", "Menlo", "Consolas", "DejaVu Sans Mono"]
    theme = gradio.themes.Base(
        text_size=gradio.themes.sizes.text_lg,
        font=[*map(gradio.themes.Font, sans), "sans-serif"],
        font_mono=[*map(gradio.themes.Font, mono), "monospace"],
    )
    colours = {name: light for name, (light, _) in _COLOURS.items()}
    colours |= {f"{name}_dark": dark for name, (_, dark) in _COLOURS.items() if name != "color_accent"}
    return theme.set(
        **colours,
        block_border_width="1px",
        input_border_width="1px",
        block_shadow="none",
        button_large_text_weight="600",
    )
