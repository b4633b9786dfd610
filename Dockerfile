# AegisFlow as Archestra runs it: the MCP server on stdio, with the plant inside.
FROM python:3.11-slim

# tini forwards SIGTERM, so that the store is flushed before the container ends.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 aegisflow
WORKDIR /app

COPY pyproject.toml constraints.txt README.md LICENSE ./
COPY aegisflow aegisflow
COPY simulator simulator
# The CPU build of PyTorch: the default one brings gigabytes of CUDA. Pass its index as a build argument.
ARG TORCH_INDEX=
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c constraints.txt '.[demo,postgres]'

COPY config config
COPY manuals manuals
RUN mkdir var && chown aegisflow var
USER aegisflow
VOLUME /app/var

# MQTT_BROKER_HOST, MQTT_BROKER_PORT and AEGISFLOW_STORE_URL override config/plant.yaml.
ENV AEGISFLOW_STORE_URL=sqlite:////app/var/aegisflow.db
ENTRYPOINT ["tini", "--", "aegisflow"]
CMD ["mcp", "--plant", "config/plant.yaml"]
