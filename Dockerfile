# Serves a model and a folder of documents by HTTP. docs/serving.md says how it is built and run.
#
#   docker build --tag qa-pipeline .                          an exported model, without torch (qa-pipeline export)
#   docker build --tag qa-pipeline:torch --target torch .     any model: run folders, adapters, merged models

ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS wheel
WORKDIR /source
COPY pyproject.toml README.md LICENSE run_qa.py qa_predict.py mock_dataset.py ./
COPY qa_pipeline ./qa_pipeline
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:${PYTHON}-slim AS base
ENV PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PYTHONUNBUFFERED=1 \
    HF_HUB_OFFLINE=1 \
    QA_PIPELINE_CACHE=/cache
# Indexes of documents are kept in /cache: a volume there saves making them again.
RUN useradd --uid 10001 --create-home qa \
    && mkdir /cache /documents /model \
    && chown qa:qa /cache
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=120s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health', timeout=4)"]
ENTRYPOINT ["qa-pipeline"]
CMD ["serve", "--model", "/model", "--documents", "/documents", "--host", "0.0.0.0", "--port", "8000"]

FROM base AS torch
# The build for CPUs; for a GPU the index that fits its driver, see https://pytorch.org.
ARG TORCH_INDEX=https://download.pytorch.org/whl/cpu
COPY requirements.txt requirements-serving.txt requirements-server.txt /requirements/
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install --extra-index-url "${TORCH_INDEX}" -r /requirements/requirements.txt \
    && pip install -r /requirements/requirements-server.txt \
    && pip install --no-deps /wheels/*.whl
USER 10001:10001

FROM base AS serving
COPY requirements-serving.txt requirements-server.txt /requirements/
RUN --mount=type=bind,from=wheel,source=/wheels,target=/wheels \
    pip install -r /requirements/requirements-server.txt \
    && pip install --no-deps /wheels/*.whl
USER 10001:10001
