# docker build -t atelier .                         then: docker run --rm atelier make test
# docker build -t atelier-gpu --build-arg BASE=nvidia/cuda:13.0.1-base-ubuntu24.04 --build-arg PYTHON=python3.12 .
# docker run --rm --gpus all atelier-gpu make repro
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
ARG PYTHON=python3
ENV DEBIAN_FRONTEND=noninteractive
RUN apt-get -q update \
    && apt-get -qy install --no-install-recommends chromium git make \
    && if ! command -v "${PYTHON}"; then apt-get -qy install --no-install-recommends "${PYTHON}" "${PYTHON}-venv"; fi \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /atelier
COPY . .
RUN make mlflow.db PYTHON="${PYTHON}"
CMD ["make", "repro"]
