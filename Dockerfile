# docker build -t atelier . && docker run --rm atelier make test
# docker run --rm --gpus all atelier make repro    # torch's wheels bring CUDA; the driver is the host's
ARG BASE=python:3.11-slim-bookworm
FROM ${BASE}
RUN apt-get -q update \
    && apt-get -qy install --no-install-recommends chromium git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /atelier
COPY . .
RUN make mlflow.db
CMD ["make", "repro"]
