"""Reads ``plant.yaml``: all of it, or all its mistakes."""

import gc
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from pydantic import ValidationError

from aegisflow.config.archestra import check_archestra
from aegisflow.config.configuration import Configuration
from aegisflow.config.equipment import build_plant, outline
from aegisflow.config.escalation import build_escalation, check_people
from aegisflow.config.fields import Section, key_of
from aegisflow.config.identity import build_access, build_operators
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown
from aegisflow.config.paths import may_coincide
from aegisflow.config.policy import build_policy
from aegisflow.config.services import (
    AuditSettings,
    BrokerSettings,
    HttpSettings,
    ManualsSettings,
    StoreSettings,
    Tls,
    Topics,
)
from aegisflow.config.sign_in import build_sign_in
from aegisflow.config.source import content_of, read
from aegisflow.config.source_checks import build_sources
from aegisflow.config.wording import parse
from aegisflow.domain.equipment import PlantSpec
from aegisflow.errors import ConfigError

VARIABLES: Mapping[tuple[str, str], str] = {
    ("broker", "host"): "MQTT_BROKER_HOST",
    ("broker", "port"): "MQTT_BROKER_PORT",
    ("broker", "username"): "MQTT_BROKER_USERNAME",
    ("broker", "password_env"): "MQTT_BROKER_PASSWORD_ENV",
    ("store", "url"): "AEGISFLOW_STORE_URL",
    ("http", "host"): "AEGISFLOW_HTTP_HOST",
    ("http", "port"): "AEGISFLOW_HTTP_PORT",
    ("http", "hosts"): "AEGISFLOW_HTTP_HOSTS",
    ("http", "trusted_proxies"): "AEGISFLOW_HTTP_TRUSTED_PROXIES",
}
"""Environment variables that override the file, as containers want it; an empty one does not count."""

OPERATORS_VARIABLE = "AEGISFLOW_OPERATORS"
"""People beside those of the file: ``anna=SHA256,ben=SHA256:viewer``, as ``aegisflow operator`` prints the digest."""

_SQLITE = "sqlite:///"
_STORE_LINES = re.compile(r"^store:.*(?:\n(?=[ \t#\r\n]|$).*)*", re.MULTILINE)
"""The key ``store`` with all that stands below it."""


def load(path: Path, environ: Mapping[str, str] | None = None, content: bytes | None = None) -> Configuration:
    """Return what a plant file says, with the environment's overrides.

    Relative paths in the file start at the folder that the file is named in, also where it is a
    link: what it links to may be swapped, as Kubernetes does with a ConfigMap. Those in the
    environment start at the working directory. All paths in the result are absolute.

    Args:
        path: of the file.
        environ: the environment; the process's own without.
        content: of the file, where it has been read already.

    Raises:
        ConfigError: the file has mistakes; it carries all of them.
    """
    with _collector_paused():
        return _load(path, os.environ if environ is None else environ, content)


@contextmanager
def _collector_paused() -> Iterator[None]:
    """Let the garbage collector rest: of a large file it found nothing to collect, and took a third of the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _load(path: Path, environ: Mapping[str, str], content: bytes | None) -> Configuration:
    mistakes = Mistakes(str(path))
    source = read(path, mistakes, content)
    mistakes.lines = source.lines
    mistakes.variables = _override(source.data, environ)
    named = outline(source.data)
    file = parse(source.data, mistakes)
    plant = build_plant(file, named, mistakes)
    policy = build_policy(file.policy, plant, mistakes)
    path = Path(os.path.abspath(path))
    folder = path.parent
    url_folder = Path.cwd() if ("store", "url") in mistakes.variables else folder
    check_archestra(file.archestra, mistakes)
    escalation = build_escalation(file.escalation, mistakes)
    check_people(file.notifications, escalation, mistakes)
    _check_signing(plant, file.broker, mistakes)
    _check_order(("broker",), file.broker, "reconnect_min_s", "reconnect_max_s", mistakes)
    _check_order(("supervision",), file.supervision, "backoff_min_s", "backoff_max_s", mistakes)
    configuration = Configuration(
        path=path,
        plant=replace(plant, policy=policy, repeats_within_s=file.incidents.repeats_within_s),
        broker=_broker(file.broker, folder, mistakes),
        store=_store(file.store, folder, url_folder, mistakes),
        audit=_audit(file.audit, file.store, folder, url_folder, mistakes),
        clock=file.clock,
        gateway=file.gateway,
        supervision=file.supervision,
        reload=file.reload,
        manuals=_manuals(file.manuals, folder),
        http=_http(file.http, folder, mistakes),
        archestra=file.archestra,
        escalation=escalation,
        notifications=file.notifications,
        diagnosis=file.diagnosis,
        tracing=file.tracing,
        operators=build_operators(file.operators, plant.lines, mistakes),
        agents=build_access(file.agents, file.operators, mistakes),
        sign_in=build_sign_in(file.sign_in, file.notifications.page_url, plant.lines, folder, mistakes),
        sources=build_sources(file.sources, plant, file.broker.topics, file.clock, mistakes),
        digest=source.digest,
    )
    mistakes.stop()
    return configuration


def load_store(path: Path, environ: Mapping[str, str] | None = None) -> tuple[StoreSettings, bool]:
    """Return where a file keeps its store, however broken the rest is, and whether it (or the environment) says so.

    Only the lines of ``store:`` are read. What they leave open, and what is wrong in them, has its default.
    """
    environ = os.environ if environ is None else environ
    path = Path(os.path.abspath(path))
    data: dict[str, Any] = {}
    try:
        lines = _STORE_LINES.search(content_of(path).decode("utf-8-sig", "replace"))
        if lines is not None:
            data = read(path, Mistakes(str(path)), lines.group().encode()).data
    except (OSError, ValueError, ConfigError):
        pass  # nothing more can be known of it
    used = _override(data, environ)
    said = data.get("store")
    keys = {key: value for key, value in said.items() if key in ("url", "audit_head")} if isinstance(said, dict) else {}
    try:
        store = StoreSettings.model_validate(keys, by_alias=True, by_name=False)
    except ValidationError:
        store, keys = StoreSettings(), {}
    folder = Path.cwd() if ("store", "url") in used else path.parent
    return _store(store, path.parent, folder, Mistakes(str(path))), "url" in keys


def _override(data: dict[str, Any], environ: Mapping[str, str]) -> dict[KeyPath, str]:
    """Put the environment's values into what the file says; return where they went."""
    used: dict[KeyPath, str] = {}
    for (section, key), variable in VARIABLES.items():
        value = environ.get(variable, "")
        part = data.get(section)
        if not value or not (part is None or isinstance(part, dict)):
            continue
        number = key == "port" and value.isascii() and value.isdigit() and len(value) < 10
        said: Any = int(value) if number else value
        if key in ("hosts", "trusted_proxies"):
            said = [one.strip() for one in value.split(",") if one.strip()]
        data[section] = {**(part or {}), key: said}
        used[section, key] = variable
    people = environ.get(OPERATORS_VARIABLE, "")
    known = data.get("operators")
    if people and (known is None or isinstance(known, dict)):
        for entry in filter(None, (one.strip() for one in people.split(","))):
            name, _, token = entry.partition("=")
            digest, _, role = token.partition(":")
            known = {**(known or {}), name: {"token_sha256": digest, **({"role": role} if role else {})}}
            used["operators", name, "token_sha256"] = OPERATORS_VARIABLE
        data["operators"] = known
    return used


def _absolute(folder: Path, path: str | Path) -> Path:
    return Path(os.path.normpath(folder / path))


def _broker(broker: BrokerSettings, folder: Path, mistakes: Mistakes) -> BrokerSettings:
    _check_topics(broker.topics, mistakes)
    if broker.tls is None:
        return broker
    return broker.model_copy(update={"tls": _tls(broker.tls, folder, mistakes)})


def _http(http: HttpSettings, folder: Path, mistakes: Mistakes) -> HttpSettings:
    if http.tls is None:
        return http
    paths = _files(("http", "tls"), http.tls, folder, mistakes)
    return http.model_copy(update={"tls": http.tls.model_copy(update=paths)})


def _files(at: KeyPath, section: Section, folder: Path, mistakes: Mistakes) -> dict[str, Path]:
    """Return the files that a section names, each of which must be there."""
    paths = {key: _absolute(folder, path) for key, path in section if path is not None}
    for key, path in paths.items():
        if not path.is_file():
            mistakes.add((*at, key), str(getattr(section, key)), f"a file that exists, relative to {folder}")
    return paths


def _tls(tls: Tls, folder: Path, mistakes: Mistakes) -> Tls:
    paths = _files(("broker", "tls"), tls, folder, mistakes)
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if one in paths and other not in paths:
            mistakes.add(("broker", "tls", other), None, f"a file, since {one} is given")
    return tls.model_copy(update=paths)


def _check_signing(plant: PlantSpec, broker: BrokerSettings, mistakes: Mistakes) -> None:
    """Who must sign needs a key, or no reading of it could ever be taken."""
    signing = [device_id for device_id, spec in plant.devices.items() if spec.signed]
    if signing and not broker.readings_key_env:
        expected = f"the environment variable with the key of signed readings, since {signing[0]} has signed: true"
        mistakes.add(("broker", "readings_key_env"), None, expected)


def _check_topics(topics: Topics, mistakes: Mistakes) -> None:
    """Two templates that the same topic fits would mix up readings, commands and answers."""
    seen: dict[str, str] = {}
    for name, template in topics:
        for other, its_template in seen.items():
            if may_coincide(template, its_template):
                at = ("broker", "topics", name if name in topics.model_fields_set else other)
                mistakes.add(at, template, f"a topic that cannot be taken for one of {other}")
        seen[name] = template


def _store(store: StoreSettings, folder: Path, url_folder: Path, mistakes: Mistakes) -> StoreSettings:
    settled: dict[str, Any] = {}
    if store.url.startswith(_SQLITE):
        name, mark, options = store.url.removeprefix(_SQLITE).partition("?")
        settled["url"] = f"{_SQLITE}{_absolute(url_folder, name)}{mark}{options}"
    if store.audit_head is not None:
        settled["audit_head"] = _absolute(folder, store.audit_head)
    elif not store.url.startswith(_SQLITE):
        # Whoever owns the database could otherwise cut rows off the audit's end, and nothing would show it.
        settled["audit_head"] = folder / _head_name(store.url)
    if store.minute_retention_s < store.raw_retention_s:
        at = "minute_retention" if "minute_retention_s" in store.model_fields_set else "raw_retention"
        mistakes.add(("store", at), Shown("minute_retention shorter than raw_retention"), "aggregates kept for longer")
    return store.model_copy(update=settled)


def _audit(
    audit: AuditSettings, store: StoreSettings, folder: Path, url_folder: Path, mistakes: Mistakes
) -> AuditSettings:
    if audit.witness_file is not None:
        audit = audit.model_copy(update={"witness_file": _absolute(folder, audit.witness_file)})
    if audit.key_file is None:
        return audit
    path = _absolute(folder, audit.key_file)
    name = store.url.removeprefix(_SQLITE).partition("?")[0]
    if name != store.url and _absolute(url_folder, name).parent == path.parent:
        expected = "a file outside of the store's folder, whose owner could otherwise seal what they write"
        mistakes.add(("audit", "key_file"), str(audit.key_file), expected)
    return audit.model_copy(update={"key_file": path})


def _head_name(url: str) -> str:
    """Return a name for the file of the audit's heads of a database on a server; it holds no secret."""
    parts = urlsplit(url)
    where = f"{parts.path.strip('/')}@{parts.hostname or 'localhost'}"
    return f"{re.sub('[^A-Za-z0-9_.@-]', '_', where)}.audit-head"


def _manuals(manuals: ManualsSettings, folder: Path) -> ManualsSettings:
    def where(model: str) -> str:
        return model if model in ("auto", "none") else str(_absolute(folder, model))

    update = {"folder": _absolute(folder, manuals.folder), "model": where(manuals.model)}
    return manuals.model_copy(update={**update, "multilingual_model": where(manuals.multilingual_model)})


def _check_order(at: KeyPath, section: Section, low: str, high: str, mistakes: Mistakes) -> None:
    """A pause that grows must not begin above where it ends."""
    least, most = getattr(section, low), getattr(section, high)
    if least <= most:
        return
    if high in section.model_fields_set:
        mistakes.add((*at, key_of(high)), most, f"at least {least:g} s, the {key_of(low)}")
    else:
        mistakes.add((*at, key_of(low)), least, f"at most {most:g} s, the {key_of(high)}")
