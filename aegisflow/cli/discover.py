"""``aegisflow discover``: from a broker, or a capture of one, to a plant file."""

import sys
import time
from collections import Counter
from pathlib import Path
from typing import Annotated, Any

from cyclopts import Parameter

from aegisflow.bus import BusMessage
from aegisflow.bus.sources.capture import CapturedMessage
from aegisflow.config.services import BrokerSettings
from aegisflow.discovery.capture import read_capture
from aegisflow.discovery.document import Outcome, additions, new_file, try_out
from aegisflow.discovery.draft import MARK, Draft
from aegisflow.discovery.sparkplug import SparkplugEar, is_sparkplug
from aegisflow.discovery.survey import BROKEN, BrokerSurvey
from aegisflow.domain.times import format_duration, parse_duration
from aegisflow.errors import BadValueError, BusError
from aegisflow.offline.progress import progress_bar

__all__ = ["discover"]

DONE, NOTHING_FOUND = 0, 1
_PORT, _TLS_PORT = 1883, 8883
_SHOWN = 40
"""Rows of a table for people; a plant with more shows the first ones and says so."""


def discover(
    *,
    broker: Annotated[str, Parameter(help="HOST or HOST:PORT to listen to")] = "localhost",
    topics: Annotated[tuple[str, ...], Parameter(negative="", help="an MQTT topic filter; several if wanted")] = ("#",),
    duration: Annotated[str, Parameter(name="--for", help="how long to listen, such as 30s or 10min")] = "2min",
    capture: Annotated[
        Path | None, Parameter(name="--from", help="a file of mosquitto_sub -v or JSON lines, instead of a broker")
    ] = None,
    out: Annotated[Path, Parameter(help="plant file to write; it must not exist")] = Path("plant.yaml"),
    update: Annotated[Path | None, Parameter(help="plant.yaml: print a diff of what is new, and write nothing")] = None,
    name: Annotated[str, Parameter(help="name of the plant")] = "Discovered plant",
    username: Annotated[str | None, Parameter(help="user name at the broker")] = None,
    password_env: Annotated[str | None, Parameter(help="the environment variable that holds the password")] = None,
    ask_births: Annotated[
        bool, Parameter(negative="", help="ask edge nodes of Sparkplug for their births, which tell the names")
    ] = False,
    tls: Annotated[bool, Parameter(negative="", help="connect with TLS and trust the system's certificates")] = False,
    ca_file: Annotated[Path | None, Parameter(help="connect with TLS and trust this certificate")] = None,
) -> int:
    """Listen, show what was seen, and write a plant file that passes ``check``; return the exit code.

    Raises:
        BadValueError: an argument cannot be used, or the file to write is there already.
        BusError: the broker cannot be reached.
        ConfigError: the file to update has mistakes.
        RecordingError: the capture cannot be read.
    """
    if update is None and out.exists():
        raise BadValueError("--out", str(out), "a file that does not exist yet, or --update to see what is new")
    settings = _broker(broker, username, password_env, ca_file or tls)
    survey = BrokerSurvey()
    if capture is None:
        _listen(survey, settings, topics, _seconds(duration), SparkplugEar() if ask_births else None)
        seen = f"{survey.count:,} messages of {settings.host}:{settings.port} in {duration}"
    else:
        with progress_bar(f"reading {capture.name}") as progress:
            for message in read_capture(capture, broken=survey.add_broken, progress=progress):
                survey.add(message)
        seen = f"{survey.count:,} messages of {capture.name}"
    if update is not None:
        with progress_bar("comparing") as progress:
            diff, remarks = additions(update, survey.messages, progress)
        sys.stdout.write(diff)
        if survey.broken:
            remarks.append(f"{survey.broken:,} lines are no messages ({survey.samples[BROKEN]})")
        sys.stderr.write("".join(f"{remark}\n" for remark in remarks) or f"{seen}: nothing new\n")
        return DONE
    with progress_bar("looking for machines and sensors") as progress:
        draft = survey.draft(progress=progress)
    sys.stderr.write(_report(survey, draft, seen))
    if not draft.devices:
        sys.stderr.write("No device was found: no file is written.\n")
        return NOTHING_FOUND
    reached = settings.model_dump(mode="json", by_alias=True, exclude_unset=True)
    text = new_file(draft, name=name, broker=reached, seen=seen, at=time.time())
    outcome = try_out(text, survey.messages)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(text, "utf-8")
    sys.stderr.write(_verdict(outcome, out))
    return DONE


def _broker(where: str, username: str | None, password_env: str | None, tls: Path | bool) -> BrokerSettings:
    host, colon, port = where.removeprefix("mqtt://").rpartition(":")
    if not colon:
        host, port = port, str(_TLS_PORT if tls else _PORT)
    if not host or not port.isdigit() or not 0 < int(port) < 65_536:
        raise BadValueError("--broker", where, "HOST or HOST:PORT")
    said: dict[str, Any] = {"host": host.strip("[]"), "port": int(port)}
    if username is not None:
        said["username"] = username
    if password_env is not None:
        said["password_env"] = password_env
    if tls:
        # The file that is written may lie elsewhere, and paths in it count from there.
        said["tls"] = {"ca_file": tls.absolute()} if isinstance(tls, Path) else True
    return BrokerSettings.model_validate(said, by_alias=True, by_name=False)


def _seconds(text: str) -> float:
    try:
        seconds = parse_duration(text)
    except ValueError:
        seconds = 0.0
    if not 1.0 <= seconds <= 86_400.0:
        raise BadValueError("--for", text, "a duration of 1s to 1d, such as 2min")
    return seconds


def _listen(
    survey: BrokerSurvey, settings: BrokerSettings, topics: tuple[str, ...], for_s: float, ear: SparkplugEar | None
) -> None:
    # Only here: a capture needs no client.
    from aegisflow.bus.mqtt.listener import listen

    def take(said: BusMessage) -> tuple[str, bytes] | None:
        message = CapturedMessage(said.topic, said.payload, time.time(), said.retain)
        survey.add(message)
        return ear.request(message) if ear is not None and is_sparkplug(message) else None

    sys.stderr.write(f"Listening to {settings.host}:{settings.port} for {format_duration(for_s)} ...\n")
    try:
        with progress_bar("listening") as progress:
            listen(settings, topics, for_s, take, progress)
    except BusError:
        if not survey.count:
            raise
        sys.stderr.write("The broker ended the connection; this is what was heard until then.\n")


def _report(survey: BrokerSurvey, draft: Draft, seen: str) -> str:
    """Return what was seen as a table."""
    lines = [f"{seen}: {len(draft.devices)} devices\n"]
    rows = [
        (name, ", ".join(device.senders), len(device.watched()), device.messages, device.interval_s)
        for name, device in draft.devices.items()
    ]
    if rows:
        lines.append(f"  {'device':<28} {'source':<24} {'sensors':>7} {'messages':>8}  every\n")
    for device_id, source, sensors, messages, interval_s in rows[:_SHOWN]:
        every = "" if interval_s is None else format_duration(interval_s)
        lines.append(f"  {device_id[:28]:<28} {source[:24]:<24} {sensors:>7} {messages:>8,}  {every}\n")
    if len(rows) > _SHOWN:
        lines.append(f"  … and {len(rows) - _SHOWN:,} more\n")
    for why, count in survey.passed_over.most_common():
        sample = f" ({survey.samples[why]})" if why in survey.samples else ""
        lines.append(f"  passed over {count:,}: {why}{sample}\n")
    return "".join(lines)


def _verdict(outcome: Outcome, out: Path) -> str:
    refused: Counter[str] = Counter(outcome.refused)
    unread = refused.pop("bad_topic", 0)
    shown = ", ".join(f"{reason} {count:,}" for reason, count in refused.most_common(6))
    return (
        f"Wrote {out}; with it {outcome.understood:,} of {outcome.messages:,} messages give {outcome.values:,} values"
        f"{f' (refused: {shown})' if shown else ''}{f'; {unread:,} no source reads' if unread else ''}.\n"
        f"Next: look at what is marked {MARK}, then aegisflow check {out} and aegisflow serve --plant {out}\n"
    )
