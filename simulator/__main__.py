"""``python -m simulator dataset | replay | machines``: what a person types."""

import argparse
import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from functools import reduce
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from zlib import crc32

from aegisflow.bus.mqtt.access import password_of, tls_context
from aegisflow.config import BrokerSettings, Configuration
from aegisflow.domain.times import parse_instant
from aegisflow.errors import AegisFlowError
from aegisflow.offline.progress import progress_bar

from .dataset import write_file
from .faults import DAY, KINDS, Fault
from .machine import Machine
from .machines import CommandMemory, Fleet, Temper, Topics
from .protocol import Wire
from .replay import Progress, RecordedFile, replay
from .scenario import DEFAULT_START, REFERENCE_DEVICES, VARIANTS, Scenario, devices_of, faults_for


def main(arguments: Sequence[str] | None = None, prog: str = "python -m simulator") -> int:
    """Run one command; return the exit code, 2 for a mistake of the caller.

    Args:
        arguments: of the command line; those of this process if left out.
        prog: what a person typed to get here, for the help.
    """
    options = _parser(prog).parse_args(arguments)
    try:
        code: int = options.run(options)
    except (AegisFlowError, ValueError, OSError) as error:
        print(f"simulator {options.command}: {error}", file=sys.stderr)  # noqa: T201
        return 2
    except KeyboardInterrupt:
        return 130
    return code


def _parser(prog: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=prog, description="Simulated machines and recorded days.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    dataset = commands.add_parser("dataset", help="write the reference day, or a variant of it, as labelled CSV")
    dataset.add_argument("file", type=Path, help="CSV file to write")
    _add_scenario(dataset)
    dataset.set_defaults(run=_dataset)
    replay = commands.add_parser("replay", help="send a recorded day to an MQTT broker")
    replay.add_argument("file", type=Path, nargs="?", help="CSV file in order of time (default: a generated day)")
    replay.add_argument(
        "--speed",
        type=_speed,
        default=os.environ.get("SPEED_MULTIPLIER") or 1000.0,
        help="recorded seconds per second; 0: as fast as it goes (default: SPEED_MULTIPLIER, or 1000)",
    )
    replay.add_argument("--restamp", choices=("now",), help="shift all timestamps, so that the recording ends now")
    replay.add_argument("--report", action="store_true", help="a JSON object with the progress per line, for programs")
    _add_broker(replay)
    _add_scenario(replay)
    replay.set_defaults(run=_replay)
    machines = commands.add_parser("machines", help="run machines that publish readings and take commands")
    machines.add_argument(
        "--plant", type=Path, help="plant.yaml with the machines (default: nine of the reference day)"
    )
    machines.add_argument("--interval", type=_positive, default=5.0, help="seconds between readings (default 5)")
    machines.add_argument("--speed", type=_positive, default=1.0, help="run the physics so many times as fast")
    machines.add_argument("--seed", type=int, default=42)
    machines.add_argument("--for", dest="stop_after", type=_positive, metavar="SECONDS", help="then stop")
    machines.add_argument(
        "--fault", type=_fault, action="append", default=[], metavar="TYPE:DEVICE:SECONDS[:SPEED]",
        help=f"script a fault, so many seconds of physics from now; types: {', '.join(KINDS)}",
    )  # fmt: skip
    machines.add_argument(
        "--temper", type=_temper, action="append", default=[], metavar="DEVICE=TEMPER",
        help=f"how a machine takes commands: {', '.join(Temper)}",
    )  # fmt: skip
    machines.add_argument(
        "--memory", type=Path, default=Path("var/simulator/commands.json"), help="where command ids are kept"
    )
    _add_broker(machines)
    machines.set_defaults(run=_machines)
    return parser


def _add_broker(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--broker", type=_broker, metavar="HOST:PORT", help="default: the plant's with --plant, else localhost:1883"
    )
    parser.add_argument("--topic", help="template (default: that of the plant, or aegisflow/sensors/{device_id})")
    parser.add_argument("--user", help="user name; the password stands in the variable AEGISFLOW_SIMULATOR_PASSWORD")
    parser.add_argument(
        "--patience", type=_positive, default=300.0, help="seconds that the broker may be away (default 300)"
    )


def _add_scenario(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=42, help="same seed, same bytes (default 42)")
    parser.add_argument("--days", type=_count, default=1, help="length of the recording (default 1)")
    parser.add_argument("--start", type=_instant, default=DEFAULT_START, help="first reading, ISO 8601 in UTC")
    parser.add_argument("--interval", type=_positive, default=5.0, help="seconds between readings (default 5)")
    parser.add_argument("--faults", choices=("reference", "random", "none"), default="reference")
    parser.add_argument("--plant", type=Path, help="plant.yaml whose devices are simulated (default: nine devices)")
    parser.add_argument(
        "--variant", action="append", default=[], choices=sorted(VARIANTS), metavar="NAME",
        help=f"make it harder, may be given several times: {', '.join(VARIANTS)}",
    )  # fmt: skip


def scenario_from(options: argparse.Namespace) -> Scenario:
    """Return the scenario that a person asked for.

    Raises:
        ConfigError: the plant file has mistakes.
    """
    devices = REFERENCE_DEVICES
    if options.plant is not None:
        devices = devices_of(_load(options.plant).plant)
    faults = faults_for(options.faults, options.seed, devices, options.days)
    plain = Scenario(options.seed, options.start, options.days * DAY, options.interval, devices, faults)
    return reduce(lambda scenario, name: VARIANTS[name](scenario), options.variant, plain)


def _dataset(options: argparse.Namespace) -> int:
    scenario = scenario_from(options)
    began = perf_counter()
    with progress_bar(f"writing {options.file.name}") as progress:
        rows = write_file(scenario, options.file, progress)
    print(  # noqa: T201
        f"{options.file}: {rows:,} rows, {len(scenario.devices)} devices, "
        f"{len(scenario.faults)} faults, {perf_counter() - began:.1f} s"
    )
    return 0


def _replay(options: argparse.Namespace) -> int:
    with ExitStack() as stack:
        path = options.file
        if path is None:
            path = Path(stack.enter_context(TemporaryDirectory())) / "day.csv"
            write_file(scenario_from(options), path)
        recording = RecordedFile(path)
        recording.last_at()  # A file that cannot be used is told before a broker that is not there.
        bar = stack.enter_context(progress_bar("replaying", after_s=0.5))
        settings = _broker_settings(options)
        wire = wire_from(options, settings, name="simulator-replay")
        wire.connect()
        stack.callback(wire.close)
        began = perf_counter()

        def report(progress: Progress) -> None:
            bar(progress.share)
            if options.report:
                print(json.dumps(progress._asdict()), flush=True)  # noqa: T201

        topic = options.topic or settings.topics.sensors
        done = replay(
            recording, wire, speed=options.speed, restamp=options.restamp == "now", topic=topic,
            key=_readings_key(settings), report=report,
        )  # fmt: skip
    took = perf_counter() - began
    lines = complaints(recording)
    if not options.report:
        rate = f"{done.sent / took:,.0f}/s"
        lines.insert(0, f"sent {done.sent:,} readings in {took:.1f} s ({rate}); {done.acknowledged:,} acknowledged")
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201
    return 1 if recording.bad_rows else 0


def _machines(options: argparse.Namespace) -> int:
    settings = _broker_settings(options)
    spoken = settings.topics
    topics = Topics(options.topic or spoken.sensors, spoken.commands, spoken.acks)
    devices, key = REFERENCE_DEVICES, os.environ.get(settings.hmac_env, "").encode()
    setpoints: dict[str, Mapping[str, tuple[float | None, float | None]]] = {}
    if options.plant is not None:
        configuration = _load(options.plant)
        devices = devices_of(configuration.plant)
        for device in configuration.plant.devices.values():
            setpoints[device.device_id] = {
                name: (spec.limits.low, spec.limits.high) for name, spec in device.parameters.items()
            }
    for named in [fault.device_id for fault in options.fault] + [device_id for device_id, _ in options.temper]:
        if named not in devices:
            raise ValueError(f"unknown device {named!r}; choose one of {', '.join(devices)}")
    fleet_of = {
        device_id: Machine(
            device_id, baselines, options.seed,
            tuple(fault for fault in options.fault if fault.device_id == device_id), setpoints.get(device_id, {}),
        )
        for device_id, baselines in devices.items()
    }  # fmt: skip
    memory = CommandMemory(options.memory)
    # The same memory is the same machines: the broker keeps their commands while they are away.
    name = f"simulator-machines-{crc32(str(options.memory.resolve()).encode()):08x}"
    wire = wire_from(options, settings, name, session=True)
    wire.connect()
    try:
        fleet = Fleet(
            fleet_of, wire, memory, tempers=dict(options.temper), topics=topics, key=key,
            readings_key=_readings_key(settings),
        )  # fmt: skip
        fleet.listen()
        print(f"{len(fleet_of)} machines run; Ctrl-C stops them", file=sys.stderr, flush=True)  # noqa: T201
        fleet.run(interval_s=options.interval, speed=options.speed, stop_after_s=options.stop_after)
        wire.finish()
    finally:
        wire.close()
    return 0


def _readings_key(settings: BrokerSettings) -> bytes:
    """Return the key that readings are signed with, the newest of several; empty for none."""
    return next(iter(os.environ.get(settings.readings_key_env, "").split()), "").encode()


def _load(path: Path) -> Configuration:
    from aegisflow.config import load

    return load(path)


def complaints(recording: RecordedFile) -> list[str]:
    """Return what to tell about the bad rows of a recording."""
    if not recording.bad_rows:
        return []
    return [f"{recording.bad_rows:,} rows could not be sent, the first:", *recording.mistakes]


def _broker_settings(options: argparse.Namespace) -> BrokerSettings:
    """Return how the plant's broker is reached; the defaults without a plant."""
    return BrokerSettings() if options.plant is None else _load(options.plant).broker


def wire_from(options: argparse.Namespace, settings: BrokerSettings, name: str, *, session: bool = False) -> Wire:
    """Return the line to the broker that a person named, or else to the plant's, by its login and over its TLS.

    Raises:
        BusError: the plant's password is not set, or a certificate file cannot be used.
    """
    host, port = options.broker or (settings.host, settings.port)
    ours = options.broker is None  # a password is for the broker that the plant names, and for no other
    login = None
    if options.user:
        login = (options.user, os.environ.get("AEGISFLOW_SIMULATOR_PASSWORD", ""))
    elif ours and settings.username:
        login = (settings.username, password_of(settings) or "")
    return Wire(
        host, port, name=name, patience_s=options.patience, login=login, session=session,
        tls=tls_context(settings.tls) if ours else None,
        notice=lambda text: print(text, file=sys.stderr, flush=True),  # noqa: T201
    )  # fmt: skip


def _broker(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    number = int(port) if colon else 1883
    if not 0 < number < 65_536:
        raise ValueError
    return (host.strip("[]") if colon else text, number)


def _fault(text: str) -> Fault:
    kind, device_id, start_s, *speed = text.split(":")
    if kind not in KINDS or len(speed) > 1:
        raise ValueError
    return Fault(kind, device_id, float(start_s), _positive(speed[0]) if speed else 1.0)


def _temper(text: str) -> tuple[str, Temper]:
    device_id, _, temper = text.partition("=")
    return device_id, Temper(temper)


def _speed(text: str) -> float:
    return 0.0 if float(text) == 0 else _positive(text)


def _positive(text: str) -> float:
    value = float(text)
    if not 0 < value < 1e9:
        raise ValueError
    return value


def _count(text: str) -> int:
    value = int(text)
    if not 0 < value < 10_000:
        raise ValueError
    return value


def _instant(text: str) -> float:
    return parse_instant(text)


# argparse names the function in its messages.
_positive.__name__, _count.__name__, _instant.__name__ = "number above 0", "whole number above 0", "ISO 8601 instant"
_broker.__name__, _speed.__name__ = "HOST:PORT", "speed"
_fault.__name__, _temper.__name__ = "TYPE:DEVICE:SECONDS", "DEVICE=TEMPER"


if __name__ == "__main__":
    sys.exit(main())
