"""Answers Label Studio as one of its machine-learning backends: marks answers in the texts of its tasks. Never trains.

The HTTP form is that of https://labelstud.io/guide/ml_create: `GET /health`, `POST /setup` with a project's labelling
configuration, `POST /predict` with tasks, `POST /webhook` with what happened. Label Studio counts the characters of a
text as Python does: an emoji outside the Basic Multilingual Plane is one, and CR LF is two.
"""

from __future__ import annotations

import hashlib
import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

from qa_pipeline.errors import DataError
from qa_pipeline.serve.label_studio.label_config import LabelConfig
from qa_pipeline.serve.refusals import OutOfTimeError
from qa_pipeline.wording import counted, in_short

if TYPE_CHECKING:
    from fastapi import APIRouter, FastAPI

    from qa_pipeline.predictor import QAPredictor
    from qa_pipeline.serve.service import Service

logger = logging.getLogger(__name__)

PREFIX = "/label_studio"
"""Where the endpoints stand below the server's address: what is typed into Label Studio ends in it."""
MOST_TASKS = 5_000
"""In one request; Label Studio sends all that were selected at once."""
MOST_BODY_OF = {f"{PREFIX}/predict": 50 * 10**6}
"""Bytes of a request with many tasks, which other paths do not take."""
MOST_SECONDS = 95.0
"""For the tasks of a request; Label Studio waits for 100."""
_MOST_PROJECTS = 1_000
_AT_ONCE = 8


class LabelStudioBackend:
    """What the endpoints do, without HTTP. Safe to call from several threads.

    Args:
        service: that answers.
        model_version: Label Studio asks for predictions again where it changes.

    Example:
        >>> backend = LabelStudioBackend(service, "policies-1f3a9c2e")  # doctest: +SKIP
        >>> backend.predict({"tasks": [{"id": 1, "data": data}], "label_config": xml})  # doctest: +SKIP
        {'results': [{'result': [...], 'score': 0.93, 'model_version': 'policies-1f3a9c2e'}]}
    """

    def __init__(self, service: Service, model_version: str):
        self.service, self.model_version = service, model_version
        self._configs: OrderedDict[str, str] = OrderedDict()
        self._lock = Lock()

    def health(self) -> dict[str, str]:
        """What Label Studio asks before anything else."""
        return {"status": "UP", "model_class": "QAPredictor", "model_version": self.model_version}

    def setup(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Keeps the labelling configuration of a project; one that has no tags yet is not looked at.

        Raises:
            DataError: answers cannot be marked in a project that is drawn like this.
        """
        schema = request.get("schema")
        if isinstance(schema, str) and _has_tags(schema):
            LabelConfig.read(schema)
            self._keep(request.get("project"), schema)
        return {"model_version": self.model_version}

    def predict(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answers to the questions of tasks.

        Args:
            request: "tasks", each with "id" and "data"; "label_config", or "project" of an earlier `setup`; "params"
                with "context", where somebody is labelling at this moment.

        Returns:
            "results", one for each task in their order: its prediction, or an empty list where its text or question is
            missing, so that Label Studio stores nothing. In a prediction, "result" is empty where the text has no
            answer, and "score" is the confidence, 0 to 1.

        Raises:
            DataError: the tasks or the labelling configuration are not in the documented form.
            ModelError: the model fails.
            BusyError, OutOfTimeError, StoppingError: see `refusals`.
        """
        tasks = request.get("tasks")
        if not isinstance(tasks, list) or not all(isinstance(task, dict) for task in tasks):
            raise DataError(f"tasks: expected a list of objects, found {in_short(tasks)}")
        if len(tasks) > MOST_TASKS:
            raise DataError(f"tasks: {len(tasks):,} in one request; {MOST_TASKS:,} are the most")
        config = LabelConfig.read(self._config_of(request))
        typed = _context(request)
        until = time.monotonic() + MOST_SECONDS
        with ThreadPoolExecutor(_AT_ONCE) as threads:  # what is asked at the same time is computed in one batch
            results = list(threads.map(lambda task: self._predicted(task, config, typed, until), tasks))
        faults = [f"task {task.get('id')}: {one}" for task, one in zip(tasks, results, strict=True) if _failed(one)]
        if faults:
            logger.warning("Label Studio: %s without a prediction; %s", counted(len(faults), "task"), faults[0])
        # Whoever is labelling is shown an empty result; a stored one would say that there is no answer.
        nothing = [] if typed is None else self._prediction([], 0.0)
        return {"results": [nothing if _failed(one) else one for one in results], "model_version": self.model_version}

    def webhook(self, request: Mapping[str, Any]) -> dict[str, str]:
        """Takes notice of an event; nothing is trained here."""
        return {"status": "ok", "result": f"{request.get('action', 'event')}: this backend does not train"}

    def _keep(self, project: Any, schema: str) -> None:
        with self._lock:
            self._configs[str(project)] = schema
            self._configs.move_to_end(str(project))
            while len(self._configs) > _MOST_PROJECTS:
                self._configs.popitem(last=False)

    def _config_of(self, request: Mapping[str, Any]) -> Any:
        own = request.get("label_config")
        if isinstance(own, str) and own.strip():
            return own
        with self._lock:
            return self._configs.get(str(request.get("project")))

    def _predicted(
        self, task: Mapping[str, Any], config: LabelConfig, typed: Sequence[Any] | None, until: float
    ) -> dict[str, Any] | DataError:
        if time.monotonic() > until:
            raise OutOfTimeError(MOST_SECONDS)
        data = task.get("data")
        try:
            if not isinstance(data, Mapping):
                raise DataError(f"data: expected an object, found {in_short(data)}")
            text, question = config.text_of(data), config.question_of(data, typed or ())
            found = self.service.ask(question, text, top_k=1)
        except DataError as error:
            return error
        result = []
        if config.question_area is not None and not typed:
            result.append(_region(config.question_area, config.to_name, "textarea", {"text": [question]}))
        if found["found"]:
            start, end = found["start"], found["end"]
            value = {"start": start, "end": end, "text": text[start:end], "labels": [config.label]}
            region = _region(config.from_name, config.to_name, "labels", value)
            result.append(region | {"score": found["confidence"]})
        return self._prediction(result, found["confidence"])

    def _prediction(self, result: list[dict[str, Any]], score: float) -> dict[str, Any]:
        return {"result": result, "score": score, "model_version": self.model_version}


def _failed(one: Any) -> bool:
    return isinstance(one, DataError)


def _has_tags(schema: str) -> bool:
    """Whether a project was drawn; Label Studio sends an empty view where it was not."""
    return schema.count("<") > schema.count("<View") + schema.count("</View")


def _context(request: Mapping[str, Any]) -> list[Any] | None:
    """What was annotated so far, where somebody is labelling; None where tasks are predicted to be stored."""
    params = request.get("params")
    context = params.get("context") if isinstance(params, Mapping) else None
    if not isinstance(context, Mapping):
        return None
    result = context.get("result")
    return result if isinstance(result, list) else []


def _region(from_name: str, to_name: str, kind: str, value: dict[str, Any]) -> dict[str, Any]:
    made_of = repr((from_name, to_name, kind, sorted(value.items()))).encode("utf-8", "surrogatepass")
    name = hashlib.sha256(made_of).hexdigest()[:10]
    return {"id": name, "from_name": from_name, "to_name": to_name, "type": kind, "value": value}


def model_version(predictor: QAPredictor) -> str:
    """The name of a model with the first digits of its fingerprint: what changes when it is trained again.

    >>> model_version(predictor)  # doctest: +SKIP
    'policies-1f3a9c2e'
    """
    return f"{Path(predictor.name).name or predictor.name}-{predictor.fingerprint()[:8]}"


def add_label_studio(app: FastAPI, service: Service) -> None:
    """Adds the endpoints to a server's app, under PREFIX."""
    backend = LabelStudioBackend(service, model_version(service.predictor))
    app.include_router(label_studio_router(backend), prefix=PREFIX)


def label_studio_router(backend: LabelStudioBackend) -> APIRouter:
    """The endpoints, to be mounted under PREFIX.

    Label Studio waits one second for `/health` and three for `/setup`, so that the model must be loaded before.

    Example:
        >>> app.include_router(label_studio_router(backend), prefix=PREFIX)  # doctest: +SKIP
    """
    from fastapi import APIRouter, Body

    router = APIRouter(tags=["label studio"])
    payload = Body(description="As Label Studio sends it.")

    @router.get("/health", operation_id="label_studio_health")
    @router.get("/", include_in_schema=False)
    def health() -> dict[str, str]:
        """Says that the model is there."""
        return backend.health()

    @router.post("/setup", operation_id="label_studio_setup")
    def setup(request: dict[str, Any] = payload) -> dict[str, str]:
        """Keeps the labelling configuration of a project."""
        return backend.setup(request)

    @router.post("/predict", operation_id="label_studio_predict")
    def predict(request: dict[str, Any] = payload) -> dict[str, Any]:
        """Marks the answers in the texts of tasks."""
        return backend.predict(request)

    @router.get("/versions", operation_id="label_studio_versions")
    @router.post("/versions", include_in_schema=False)
    def versions() -> dict[str, list[str]]:
        """The versions of the model that there are: one."""
        return {"versions": [backend.model_version]}

    @router.post("/webhook", status_code=201, operation_id="label_studio_webhook")
    def webhook(request: dict[str, Any] = payload) -> dict[str, str]:
        """Takes notice of an event."""
        return backend.webhook(request)

    return router
