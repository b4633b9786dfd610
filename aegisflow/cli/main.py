"""The command line: names and options; each command imports what it needs only when it runs."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, NoReturn

from cyclopts import App, Parameter

from aegisflow import __version__
from aegisflow.cli.incidents import register as register_incidents
from aegisflow.cli.operators import register as register_operators
from aegisflow.errors import AegisFlowError, BadValueError, ConfigError, RecordingError
from aegisflow.offline.recordings.options import ReadingOptions

DEFAULT_PLANT = Path("config/plant.yaml")
DEFAULT_TOKEN_ENV = "AEGISFLOW_TOKEN"  # noqa: S105 - the name of a variable, not a secret

app = App(
    name="aegisflow",
    version=__version__,
    help="Watches a plant's sensor streams, raises few and trustworthy alarms, and lets an AI agent propose commands "
    "that people approve.",
)

PlantPath = Annotated[Path, Parameter(help="plant.yaml")]
LogLevel = Annotated[Literal["debug", "info", "warning", "error"], Parameter(help="least important log line shown")]
JsonLogs = Annotated[bool, Parameter(negative="", help="logs as one JSON object a line")]


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit: 0 done, 1 it went wrong, 2 it was asked for wrongly, 130 after Ctrl-C."""
    try:
        app(list(arguments) if arguments is not None else None)
    except (ConfigError, RecordingError, BadValueError) as error:
        _complain(error)
        sys.exit(2)
    except AegisFlowError as error:
        _complain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:
        sys.stdout = None  # nobody reads any more: no complaint at exit
        sys.exit(0)
    except OSError as error:
        _complain(error)
        sys.exit(1)
    sys.exit(0)


def _complain(error: Exception) -> None:
    sys.stderr.write(f"aegisflow: {error}\n")


@app.command
def check(plant: PlantPath = DEFAULT_PLANT) -> int:
    """Show the plant as a table, or every mistake in its file (exit code 1)."""
    from rich.console import Console

    from aegisflow.config import load
    from aegisflow.config.table import doubts, explain, table

    try:
        configuration = load(plant)
    except ConfigError as error:
        Console(stderr=True).print(explain(error))
        return 1
    Console().print(table(configuration))
    Console(stderr=True).print(doubts(configuration), end="")
    return 0


@app.command
def schema() -> None:
    """Print the JSON Schema of plant.yaml, for editors."""
    from aegisflow.config.schema import schema_text

    sys.stdout.write(schema_text())


@app.command
def serve(
    *,
    plant: PlantPath = DEFAULT_PLANT,
    host: Annotated[str | None, Parameter(help="address to listen on, instead of the file's")] = None,
    port: Annotated[int | None, Parameter(help="port to listen on, instead of the file's")] = None,
    log_level: LogLevel = "info",
    json_logs: JsonLogs = False,
) -> int:
    """Watch the plant, with MCP over HTTP at /mcp, and /healthz and /metrics."""
    from aegisflow.cli.serving import run_serve
    from aegisflow.telemetry.metrics import configure_logs

    configure_logs(log_level, json_lines=json_logs)
    return run_serve(plant, host, port)


@app.command
def mcp(
    *,
    plant: PlantPath = DEFAULT_PLANT,
    connect: Annotated[str | None, Parameter(help="URL of a running serve, e.g. http://127.0.0.1:8765/mcp")] = None,
    token_env: Annotated[str, Parameter(help="variable with the token for --connect")] = DEFAULT_TOKEN_ENV,
    log_level: LogLevel = "warning",
    json_logs: JsonLogs = False,
) -> int:
    """Serve one MCP client on standard input and output, with the plant inside or, with --connect, elsewhere."""
    from aegisflow.mcp.stdout_guard import take_stdout

    wire = take_stdout()

    from aegisflow.cli.serving import run_mcp, run_proxy
    from aegisflow.telemetry.metrics import configure_logs

    configure_logs(log_level, json_lines=json_logs)
    return run_mcp(plant, wire) if connect is None else run_proxy(connect, token_env, wire)


@app.command
def reload(
    *,
    plant: PlantPath = DEFAULT_PLANT,
    url: Annotated[str | None, Parameter(help="of the running serve, instead of the file's address")] = None,
    yes: Annotated[bool, Parameter(negative="", help="also a change that takes much away, or an open alarm")] = False,
) -> int:
    """Have a running serve read its plant.yaml again; says what changed, or why nothing did (exit code 1)."""
    from aegisflow.cli.reload import run_reload

    return run_reload(plant, url, yes=yes)


@app.command
def operator(name: Annotated[str, Parameter(help="of the person, as the audit shall show it")]) -> None:
    """Make a token for a person who may approve commands; it is shown once and kept nowhere."""
    from aegisflow.cli.commands import token_text

    sys.stdout.write(token_text(name))


ServeUrl = Annotated[str | None, Parameter(help="of the running serve, instead of the file's address")]
AlarmId = Annotated[str, Parameter(help="as aegisflow alarms shows it")]
Reason = Annotated[str, Parameter(help="why, in a few words; kept with the alarm and in the audit")]


@app.command
def alarms(*, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """List the alarms of a running plant, suppressed ones last; the operator's token is AEGISFLOW_OPERATOR_TOKEN."""
    from aegisflow.cli.alarms import AlarmClient

    return AlarmClient(plant, url).alarms()


@app.command
def shelve(
    alarm_id: AlarmId,
    *,
    duration: Annotated[str, Parameter(name="--for", help="how long, 1min to 12h")],
    reason: Reason,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Shelve an alarm for a time; it comes back when that is over, or when it gets worse."""
    from aegisflow.cli.alarms import AlarmClient

    return AlarmClient(plant, url).shelve(alarm_id, duration, reason)


@app.command
def unshelve(alarm_id: AlarmId, *, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Return an alarm to service before its shelf ends."""
    from aegisflow.cli.alarms import AlarmClient

    return AlarmClient(plant, url).unshelve(alarm_id)


@app.command
def out_of_service(alarm_id: AlarmId, *, reason: Reason, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Take an alarm out of service until somebody returns it."""
    from aegisflow.cli.alarms import AlarmClient

    return AlarmClient(plant, url).service(alarm_id, reason, out=True)


@app.command
def in_service(alarm_id: AlarmId, *, plant: PlantPath = DEFAULT_PLANT, url: ServeUrl = None) -> int:
    """Return an alarm to service; it is unacknowledged if its cause lasts."""
    from aegisflow.cli.alarms import AlarmClient

    return AlarmClient(plant, url).service(alarm_id, "", out=False)


@app.command
def figures(
    *,
    last: Annotated[str, Parameter(help="how far back: 8h, 7d")] = "1d",
    operators: Annotated[int, Parameter(help="on duty at a time")] = 1,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Say how many alarms people got, by EEMUA 191: rate, floods, chattering, stale, the most frequent."""
    from aegisflow.cli.alarms import AlarmClient

    return AlarmClient(plant, url).figures(last, operators)


@app.command
def demo(
    *,
    minutes: Annotated[float, Parameter(help="how long the simulated day takes")] = 2.0,
    speed: Annotated[float | None, Parameter(help="simulated seconds per second, instead; 0: at full speed")] = None,
    plant: PlantPath = DEFAULT_PLANT,
    folder: Annotated[Path, Parameter(help="for the recording, the store and the log")] = Path("var/demo"),
    port: Annotated[int, Parameter(help="of the embedded broker; 0: any free one")] = 0,
    seed: Annotated[int, Parameter(help="of the simulated noise")] = 42,
) -> int:
    """Watch a simulated day of nine machines through a real broker; needs nothing else."""
    from aegisflow.offline.demo import DemoOptions, run_demo

    return run_demo(DemoOptions(plant=plant, folder=folder, minutes=minutes, speed=speed, port=port, seed=seed))


@app.command
def backtest(
    recording: Annotated[Path, Parameter(help="CSV of times, devices and a column per sensor; see docs/recordings.md")],
    *,
    alarms: Annotated[Path | None, Parameter(help="CSV to write, a row per alarm")] = None,
    plant: Annotated[Path | None, Parameter(help="plant.yaml; without it a plant is derived from the columns")] = None,
    scores: Annotated[Path | None, Parameter(help="CSV to write, a row per reading")] = None,
    pictures: Annotated[Path | None, Parameter(help="folder for a picture of each device (extra: plot)")] = None,
    explain: Annotated[str | None, Parameter(help="id of an alarm: why it was raised, what would prevent it")] = None,
    record: Annotated[bool, Parameter(negative="", help="only print a digest of alarms and scores")] = False,
    options: Annotated[ReadingOptions | None, Parameter(name="*", negative="")] = None,
) -> int:
    """Run a recorded file through the devices, as fast as it goes and without a broker.

    Where the file has labels (a column such as anomaly or fault_type), the figures of detection are printed.
    What was concluded about the file is printed too, with the option that says otherwise. The exit code is 2
    where nothing could be read.
    """
    from aegisflow.cli.recordings import run_backtest, run_record

    if record:
        return run_record(recording, plant, options)
    return run_backtest(recording, plant, options, alarms=alarms, scores=scores, pictures=pictures, explain=explain)


@app.command
def tune(
    recording: Annotated[Path, Parameter(help="CSV of a healthy period")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
    options: Annotated[ReadingOptions | None, Parameter(name="*", negative="")] = None,
) -> int:
    """Propose wider limits and thresholds from a healthy period, as a diff to plant.yaml; nothing is applied."""
    from aegisflow.cli.recordings import run_tune

    return run_tune(recording, plant, options)


register_incidents(app)
register_operators(app)

audit = App(name="audit", help="The audit: whether it is whole, and the story of a command.")
app.command(audit)


@audit.command
def verify(*, plant: PlantPath = DEFAULT_PLANT) -> int:
    """Walk the chain of the audit and hold it against its exported heads (exit code 1: it is broken)."""
    from aegisflow.cli.audit import run_verify

    return run_verify(plant)


@audit.command
def show(
    command: Annotated[str, Parameter(help="id of the command, such as cmd-0123456789ab")],
    *,
    plant: PlantPath = DEFAULT_PLANT,
) -> int:
    """Tell the whole story of one command: who did what, when and why."""
    from aegisflow.cli.audit import run_show

    return run_show(plant, command)


simulate = App(name="simulate", help_flags=[], version_flags=[])
app.command(simulate)


@simulate.default
def _simulate(*arguments: Annotated[str, Parameter(allow_leading_hyphen=True, show=False)]) -> int:
    """Simulated machines and recorded days; ``aegisflow simulate --help`` lists what there is."""
    from aegisflow.cli.simulate import run_simulator

    return run_simulator(arguments)
