# AegisFlow with the plant inside. `mcp`, the default, serves one MCP client on stdio, as Archestra starts it; `serve` listens:
#   docker run -e AEGISFLOW_HTTP_HOST=0.0.0.0 -e AEGISFLOW_TOKEN -p 8765:8765 -v ./config:/app/config:ro aegisflow serve
FROM python:3.11-slim AS wheel
# The core is compiled here, so that the image has no compiler.
RUN apt-get update && apt-get install -y --no-install-recommends gcc libc6-dev
WORKDIR /src
COPY pyproject.toml hatch_build.py README.md LICENSE ./
COPY aegisflow aegisflow
COPY simulator simulator
# The wheel brings the sample plant, its manuals and files to run it by.
COPY config config
COPY manuals manuals
COPY deploy deploy
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels .

FROM python:3.11-slim

# tini forwards SIGTERM, so that the store is flushed before the container ends.
RUN apt-get update && apt-get install -y --no-install-recommends tini && rm -rf /var/lib/apt/lists/* \
    && useradd --create-home --uid 10001 aegisflow
WORKDIR /app

COPY constraints.txt ./
COPY --from=wheel /wheels /wheels
# The CPU build of PyTorch: the default one brings gigabytes of CUDA. Pass its index as a build argument.
ARG TORCH_INDEX=
RUN pip install --no-cache-dir ${TORCH_INDEX:+--extra-index-url "$TORCH_INDEX"} -c constraints.txt "$(echo /wheels/*.whl)[demo,diagnosis,postgres,tracing]"

COPY config config
COPY manuals manuals
RUN mkdir var && chown aegisflow var
USER aegisflow
# Mount your own plant over /app/config; the store is on a volume.
VOLUME /app/var

# These override config/plant.yaml: MQTT_BROKER_HOST, MQTT_BROKER_PORT, MQTT_BROKER_USERNAME, MQTT_BROKER_PASSWORD_ENV (the
# variable that has the password), AEGISFLOW_STORE_URL, AEGISFLOW_HTTP_HOST, AEGISFLOW_HTTP_PORT, AEGISFLOW_HTTP_HOSTS (names
# by which it is reached, by comma) and AEGISFLOW_HTTP_TRUSTED_PROXIES (their addresses). AEGISFLOW_OPERATORS adds people (anna=SHA256 of her token, by comma).
# Beyond this machine HTTP wants a token, in AEGISFLOW_TOKEN.
ENV AEGISFLOW_STORE_URL=sqlite:////app/var/aegisflow.db AEGISFLOW_HTTP_PORT=8765
EXPOSE 8765
# Health is green only while readings are committed. With http.tls, set PROBE_SCHEME=https. What serves on stdio is known to live by its client.
HEALTHCHECK --interval=30s --timeout=10s --start-period=120s --retries=3 \
    CMD ["sh", "-c", "! grep -qaw serve /proc/1/cmdline || python -c \"import os, ssl, urllib.request as web; web.urlopen(os.environ.get('PROBE_SCHEME', 'http') + '://127.0.0.1:' + os.environ['AEGISFLOW_HTTP_PORT'] + '/healthz', timeout=8, context=ssl._create_unverified_context())\""]
ENTRYPOINT ["tini", "--", "aegisflow"]
CMD ["mcp"]
