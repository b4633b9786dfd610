"""Reads ``plant.yaml``: all of it, or all its mistakes."""

import os
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel

from aegisflow.config.equipment import build_plant, outline
from aegisflow.config.escalation import build_escalation
from aegisflow.config.file import PlantFile
from aegisflow.config.mistakes import KeyPath, Mistakes, Shown
from aegisflow.config.policy import build_policy
from aegisflow.config.services import BrokerPart, ManualsPart, OperatorPart, StorePart, TlsPart
from aegisflow.config.settings import (
    BrokerSettings,
    ClockSettings,
    Configuration,
    GatewaySettings,
    HttpSettings,
    ManualsSettings,
    NotificationSettings,
    StoreSettings,
    SupervisionSettings,
    Tls,
    Topics,
)
from aegisflow.config.source import read
from aegisflow.config.wording import parse

VARIABLES: Mapping[tuple[str, str], str] = {
    ("broker", "host"): "MQTT_BROKER_HOST",
    ("broker", "port"): "MQTT_BROKER_PORT",
    ("store", "url"): "AEGISFLOW_STORE_URL",
}
"""Environment variables that override the file, as containers want it; an empty one does not count."""

_SQLITE = "sqlite:///"

T = TypeVar("T")


def load(path: Path, environ: Mapping[str, str] | None = None) -> Configuration:
    """Return what a plant file says, with the environment's overrides.

    Relative paths in the file start at the file's own folder, those in the environment at the
    working directory; all paths in the result are absolute.

    Raises:
        ConfigError: the file has mistakes; it carries all of them.
    """
    environ = os.environ if environ is None else environ
    mistakes = Mistakes(str(path))
    source = read(path, mistakes)
    mistakes.lines = source.lines
    mistakes.variables = _override(source.data, environ)
    named = outline(source.data)
    file = parse(source.data, mistakes)
    plant = build_plant(file, named, mistakes)
    policy = build_policy(file.policy, plant, mistakes)
    plant = replace(plant, policy=policy, repeats_within_s=file.incidents.repeats_within)
    folder = path.resolve().parent
    url_folder = Path.cwd() if ("store", "url") in mistakes.variables else folder
    configuration = Configuration(
        path=path.resolve(),
        plant=plant,
        broker=_broker(file.broker, folder, mistakes),
        store=_store(file.store, url_folder, mistakes),
        clock=_settings(ClockSettings, file.clock),
        gateway=_settings(GatewaySettings, file.gateway),
        supervision=_settings(SupervisionSettings, file.supervision),
        manuals=_manuals(file.manuals, folder),
        http=_settings(HttpSettings, file.http),
        escalation=build_escalation(file.escalation, mistakes),
        notifications=_settings(NotificationSettings, file.notifications),
        operators=_operators(file.operators, mistakes),
    )
    _check_order(file, mistakes)
    mistakes.stop()
    return configuration


def _override(data: dict[str, Any], environ: Mapping[str, str]) -> dict[KeyPath, str]:
    """Put the environment's values into what the file says; return where they went."""
    used: dict[KeyPath, str] = {}
    for (section, key), variable in VARIABLES.items():
        value = environ.get(variable, "")
        part = data.get(section)
        if not value or not (part is None or isinstance(part, dict)):
            continue
        number = key == "port" and value.isascii() and value.isdigit() and len(value) < 10
        data[section] = {**(part or {}), key: int(value) if number else value}
        used[section, key] = variable
    return used


def _settings(cls: type[T], part: BaseModel, **others: Any) -> T:
    """Return settings out of the part of the file with the same keys (without their unit's suffix ``_s``)."""
    names = (field.name for field in fields(cls) if field.name not in others)  # type: ignore[arg-type]
    return cls(**{name: getattr(part, name.removesuffix("_s")) for name in names}, **others)


def _broker(part: BrokerPart, folder: Path, mistakes: Mistakes) -> BrokerSettings:
    tls = None if part.tls is None else _tls(part.tls, folder, mistakes)
    _check_topics(part, mistakes)
    return _settings(BrokerSettings, part, tls=tls, topics=_settings(Topics, part.topics))


def _tls(part: TlsPart, folder: Path, mistakes: Mistakes) -> Tls:
    paths: dict[str, Path] = {}
    for key, name in part.model_dump(exclude_none=True).items():
        paths[key] = folder / name
        if not paths[key].is_file():
            mistakes.add(("broker", "tls", key), name, f"a file that exists, relative to {folder}")
    for one, other in (("cert_file", "key_file"), ("key_file", "cert_file")):
        if one in paths and other not in paths:
            mistakes.add(("broker", "tls", other), None, f"a file, since {one} is given")
    return Tls(**paths)


def _check_topics(part: BrokerPart, mistakes: Mistakes) -> None:
    """Two templates that the same topic fits would mix up readings, commands and answers."""
    seen: dict[str, list[str]] = {}
    for name, template in part.topics.model_dump().items():
        levels = ["+" if level.startswith("{") else level for level in template.split("/")]
        for other, others in seen.items():
            same = len(levels) == len(others) and all(
                a == b or "+" in (a, b) for a, b in zip(levels, others, strict=True)
            )
            if same:
                at = ("broker", "topics", name if name in part.topics.model_fields_set else other)
                mistakes.add(at, template, f"a topic that cannot be taken for one of {other}")
        seen[name] = levels


def _store(part: StorePart, folder: Path, mistakes: Mistakes) -> StoreSettings:
    url = part.url
    if url.startswith(_SQLITE):
        name, mark, options = url.removeprefix(_SQLITE).partition("?")
        url = f"{_SQLITE}{os.path.normpath(folder / name)}{mark}{options}"
    if part.minute_retention < part.raw_retention:
        at = "minute_retention" if "minute_retention" in part.model_fields_set else "raw_retention"
        mistakes.add(("store", at), Shown("minute_retention shorter than raw_retention"), "aggregates kept for longer")
    head = None if part.audit_head is None else Path(os.path.normpath(folder / part.audit_head))
    return _settings(StoreSettings, part, url=url, audit_head=head)


def _manuals(part: ManualsPart, folder: Path) -> ManualsSettings:
    model = part.model if part.model in ("auto", "none") else os.path.normpath(folder / part.model)
    return ManualsSettings(Path(os.path.normpath(folder / part.folder)), model)


def _operators(parts: Mapping[str, OperatorPart], mistakes: Mistakes) -> dict[str, str]:
    """One token must stand for one person, or the audit could not say who approved."""
    owners: dict[str, str] = {}
    for name, part in parts.items():
        owner = owners.setdefault(part.token_sha256, name)
        if owner != name:
            at = ("operators", name, "token_sha256")
            mistakes.add(at, Shown(f"the token of {owner}"), "a token of their own for each operator")
    return {name: part.token_sha256 for name, part in parts.items()}


def _check_order(file: PlantFile, mistakes: Mistakes) -> None:
    pairs = (
        ("broker", file.broker, "reconnect_min", "reconnect_max"),
        ("supervision", file.supervision, "backoff_min", "backoff_max"),
    )
    for section, part, low, high in pairs:
        least, most = getattr(part, low), getattr(part, high)
        if least > most:
            at, value, expected = (high, most, f"at least {least:g} s, the {low}")
            if high not in part.model_fields_set:
                at, value, expected = (low, least, f"at most {most:g} s, the {high}")
            mistakes.add((section, at), value, expected)
