"""`qa-pipeline serve --model M --documents DIR`: answers other programs over HTTP, until it is told to stop.

With `--mcp` it offers tools to an assistant instead, over standard input and output.
"""

from __future__ import annotations

import dataclasses
import os
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from qa_pipeline.arguments.help import PRECEDENCE, help_text
from qa_pipeline.arguments.resolver import Resolution
from qa_pipeline.arguments.settings import setting
from qa_pipeline.cli.ask_arguments import LoadArguments
from qa_pipeline.cli.ask_words import model_first
from qa_pipeline.cli.loading import load_predictor
from qa_pipeline.console import run_in_terminal
from qa_pipeline.documents.reading import KINDS
from qa_pipeline.serve.access import KEY_VARIABLE, LOCAL, access_faults, is_local
from qa_pipeline.serve.asking import MOST_MEGABYTES
from qa_pipeline.serve.label_studio.backend import MOST_BODY_OF, add_label_studio
from qa_pipeline.serve.label_studio.backend import PREFIX as LABEL_STUDIO
from qa_pipeline.serve.service.checking import ServiceLimits
from qa_pipeline.text.encoding import encoding_fault
from qa_pipeline.wording import counted

if TYPE_CHECKING:
    from qa_pipeline.serve.service import Service

PROGRAM = "qa-pipeline serve"
PORT = 8000
_GRACE_SECONDS = 5
_OPEN = (
    "warning: the server has no key. Whoever reaches it can ask the model, read what it finds in the documents, and "
    "add documents."
)


@dataclass
class ServeArguments:
    """What answers, and from which documents."""

    _argument_group_name: ClassVar[str] = "what answers"

    model: str | None = setting(
        None,
        "A run folder, an exported model, an output folder of prompt2model, a Hub id; or package:MODULE/FOLDER. It may "
        "stand first.",
    )
    documents: list[str] | str | None = setting(
        None, f"Documents that are asked ({KINDS}): files, or folders of them. Callers cannot change them."
    )
    index: str | None = setting(
        None, "Folder of their index, as `qa-pipeline index` makes it; None: one in the user's cache."
    )
    uploads: str | None = setting(
        None,
        "Folder for documents that callers add, which stay there; None: a temporary one, gone when the server ends.",
    )
    dense: bool = setting(
        True, "Search documents, and score evidence, by meaning beside words; --no_dense: by words alone."
    )
    encoding: str | None = setting(None, "Of documents that are text or HTML (gbk, cp1251 ...); None: found out.")


@dataclass
class PlaceArguments:
    """Where it answers, and whom."""

    _argument_group_name: ClassVar[str] = "where, and whom"

    host: str = setting(
        LOCAL, f"Address to listen on; another than this machine's own needs a key in {KEY_VARIABLE}, or allow_no_key."
    )
    port: int = setting(PORT, "0: any that is free; the line that is printed says it.", least=0, most=65535)
    allow_no_key: bool = setting(False, "Listen on an address that others reach without a key.")
    allowed_hosts: list[str] | str | None = setting(
        None, "Names that the server may be called by, such as that of a proxy before it; *: any."
    )
    cors_origins: list[str] | str | None = setting(
        None, "Sites whose pages may call it, such as https://intranet.example.com; *: all. None: its own alone."
    )
    label_studio: bool = setting(False, f"Suggest answers to Label Studio too, under {LABEL_STUDIO}.")
    mcp: bool = setting(
        False,
        "Offer tools to an assistant by the Model Context Protocol, over standard input and output, in place of HTTP.",
    )


@dataclass
class LimitArguments:
    """How much is taken at once."""

    _argument_group_name: ClassVar[str] = "limits"

    timeout: float = setting(ServiceLimits.seconds, "Seconds until a request is given up (504).", above=0, most=3600)
    most_waiting: int = setting(
        ServiceLimits.waiting, "Requests that wait at most; more are told to come back (429).", least=1
    )
    most_question: int = setting(ServiceLimits.question, "Characters of a question.", least=1)
    most_context: int = setting(ServiceLimits.context, "Characters of all texts that come with a request.", least=1)
    most_questions: int = setting(ServiceLimits.questions, "Questions, or quotations, of one request.", least=1)
    most_upload: int = setting(MOST_MEGABYTES, "Megabytes of a document that is added.", least=1)


GROUPS = (ServeArguments, PlaceArguments, LimitArguments, LoadArguments)


@dataclass
class AllServeArguments(LoadArguments, LimitArguments, PlaceArguments, ServeArguments):
    """Everything that the command needs to know; checked when it comes from `parse`."""

    @property
    def paths(self) -> list[str]:
        """Files and folders that are asked."""
        return _listed(self.documents)

    @property
    def names(self) -> list[str]:
        """Names that the server may be called by."""
        return _listed(self.allowed_hosts)

    @property
    def origins(self) -> list[str]:
        """Sites whose pages may call it."""
        return _listed(self.cors_origins)

    @property
    def service_limits(self) -> ServiceLimits:
        """What the service takes at once."""
        return ServiceLimits(
            question=self.most_question,
            context=self.most_context,
            questions=self.most_questions,
            waiting=self.most_waiting,
            seconds=self.timeout,
        )


def _listed(value: list[str] | str | None) -> list[str]:
    return [value] if isinstance(value, str) else list(value or ())


def main(argv: list[str]) -> int:
    """Serves until SIGTERM or Ctrl-C.

    Returns:
        The exit code: 0 when it was told to stop, and has answered what was inside.

    Raises:
        QAError: something that the user can mend.
    """
    arguments = parse(argv)
    try:
        return run_in_terminal(lambda: run(arguments))
    except KeyboardInterrupt:
        return 0


def parse(argv: list[str]) -> AllServeArguments:
    """Resolves `[MODEL|CONFIG.yaml] [--key value ...]`; with -h or --help, prints the help and exits.

    Raises:
        ConfigError: with every fault that was found.
    """
    if "-h" in argv or "--help" in argv:
        usage = f"{PROGRAM} --model MODEL [--documents DIR] [--port N] [--key value ...]"
        description = f"Answers other programs over HTTP; its page /docs says how it is asked. {PRECEDENCE}"
        epilog = f"The key that callers give comes from the environment: {KEY_VARIABLE}."
        print(help_text(GROUPS, usage=usage, description=description, epilog=epilog), end="")
        raise SystemExit(0)
    resolution = Resolution.read(model_first(argv), GROUPS)
    resolution.check_declared()
    values = resolution.make(AllServeArguments)
    _check(values, resolution)
    resolution.raise_problems()
    return values


def _check(values: AllServeArguments, resolution: Resolution) -> None:
    if not values.model:
        resolution.report_at("model", "is required; give a run folder, a Hub id or package:MODULE/FOLDER")
    for path in values.paths:
        if not os.path.exists(path):
            resolution.report_at("documents", f"no such file or folder: {path} (relative paths start at {os.getcwd()})")
    if not values.paths and values.index is not None and not os.path.isdir(values.index):
        resolution.report_at("index", f"no such folder: {values.index}; give documents too, of which it is made")
    if values.uploads is not None and os.path.exists(values.uploads) and not os.path.isdir(values.uploads):
        resolution.report_at("uploads", f"{values.uploads} is a file; give a folder, which is made if missing")
    if values.encoding is not None and (fault := encoding_fault(values.encoding)):
        resolution.report_at("encoding", fault)
    _check_way(values, resolution)
    for name, fault in access_faults(values.host, allow_no_key=values.allow_no_key, cors_origins=values.origins):
        resolution.report_at(name, fault)


def _check_way(values: AllServeArguments, resolution: Resolution) -> None:
    """Reports settings of HTTP where it is not spoken."""
    for field in dataclasses.fields(PlaceArguments) if values.mcp else ():
        if field.name != "mcp" and getattr(values, field.name) != field.default:
            resolution.report_at(field.name, "is for HTTP, which mcp takes the place of; leave one of them out")


def run(arguments: AllServeArguments) -> int:
    """Takes the address, loads the model, indexes the documents, and serves. What can be refused at once is."""
    from qa_pipeline.serve.web import check_web, checked_access, listen, run

    if arguments.mcp:
        from qa_pipeline.serve.mcp.stdio import serve_mcp

        serve_mcp(lambda: open_service(arguments))
    check_web()
    access = checked_access(
        arguments.host,
        allow_no_key=arguments.allow_no_key,
        allowed_hosts=arguments.names,
        cors_origins=arguments.origins,
        most_body=_BODY_BASE + _BYTES_OF_A_CHARACTER * arguments.most_context,
        most_body_of=MOST_BODY_OF if arguments.label_studio else {},
    )
    if not is_local(arguments.host) and access.key is None:
        print(_OPEN, file=sys.stderr)
    with listen(arguments.host, arguments.port) as listener:
        from qa_pipeline.serve.api import build_app

        service = open_service(arguments)
        try:
            app = build_app(service, access, most_upload=arguments.most_upload * 10**6)
            if arguments.label_studio:
                add_label_studio(app, service)
            count = counted(service.store.count(), "document")
            run(
                app,
                listener,
                f"Serving {service.predictor.name} with {count}",
                grace_seconds=arguments.timeout + _GRACE_SECONDS,
            )
        finally:
            service.close(arguments.timeout)
    return 0


_BODY_BASE = 200_000
_BYTES_OF_A_CHARACTER = 6
"""At most, as JSON escapes it."""


def open_service(arguments: AllServeArguments) -> Service:
    """The model and the documents, ready to be asked: the first question takes no longer than others."""
    from qa_pipeline.modeling.paths import model_folder
    from qa_pipeline.retrieval.embeddings import exported_embedder
    from qa_pipeline.serve.service import Service
    from qa_pipeline.serve.service.store import DocumentStore

    model = model_folder(str(arguments.model))
    store = DocumentStore.open(
        arguments.paths,
        arguments.index,
        arguments.uploads,
        dense=arguments.dense,
        encoding=arguments.encoding,
        embedder=exported_embedder(model) if arguments.dense else None,
    )
    try:
        predictor = load_predictor(model, arguments)
        service = Service(predictor, store, limits=arguments.service_limits, dense=arguments.dense)
    except BaseException:
        store.close()
        raise
    service.warm_up()
    return service
