"""How the house is built, counted: ``python -m benchmarks.house CHECKOUT [CHECKOUT ...]``.

Files, lines, rooms, imports between rooms, circles, the longest functions and the comments are read from the
source. How many files a reading, a question and a command cross is found out by doing them: a plant on a
FakeBus runs in a process of its own while every function that is called in ``aegisflow`` is noted.
"""

import argparse
import ast
import io
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import tokenize
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import CodeType, FrameType
from typing import Any, get_type_hints

Figures = dict[str, object]
_LONGEST = 5


def count(root: Path) -> Figures:
    """Return the figures of a checkout's package."""
    package = root / "aegisflow"
    sources = {path: path.read_text("utf-8") for path in sorted(package.rglob("*.py"))}
    lengths = [len(text.splitlines()) for text in sources.values()]
    graph = {_module(root, path): set(_imports(root, path, ast.parse(text))) for path, text in sources.items()}
    arrows = {(_room(one), _room(other)) for one, others in graph.items() for other in others}
    comments = sum(_comments(text) for text in sources.values())
    return {
        "files": len(sources),
        "lines": sum(lengths),
        "median lines of a file": statistics.median(lengths),
        "longest file": max(lengths),
        "rooms": len({_room(name) for name in graph}),
        "arrows between rooms": len({(one, other) for one, other in arrows if one != other}),
        "circles of modules": [" > ".join(circle) for circle in circles(graph)],
        "longest functions": [f"{lines} {name}" for lines, name in _longest(package, sources)],
        "comments per 100 lines": round(100 * comments / sum(lengths), 2),
    }


def _module(root: Path, path: Path) -> str:
    parts = path.relative_to(root).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _room(module: str) -> str:
    """Return the folder of a module; a file at the top of the package is a room of its own."""
    path = module.split(".")
    return ".".join(path[:-1]) if len(path) > 2 else module


def _imports(root: Path, path: Path, tree: ast.AST) -> Iterator[str]:
    """Yield the modules of the package that a file imports, at once or later."""
    for node in _at_run_time(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] != "aegisflow":
                continue
            for end in range(len(parts), 0, -1):
                file = root.joinpath(*parts[:end])
                if file.with_suffix(".py").exists() or (file / "__init__.py").exists():
                    found = ".".join(parts[:end])
                    if found != _module(root, path):
                        yield found
                    break


def _at_run_time(node: ast.AST) -> Iterator[ast.AST]:
    """Yield what is below a node, without what only type checkers see."""
    for child in ast.iter_child_nodes(node):
        if not (isinstance(child, ast.If) and "TYPE_CHECKING" in ast.dump(child.test)):
            yield child
            yield from _at_run_time(child)


def circles(graph: Mapping[str, set[str]]) -> list[list[str]]:
    """Return the strongly connected components of more than one module (Tarjan)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        index[name] = low[name] = len(index)
        stack.append(name)
        for other in sorted(graph.get(name, ())):
            if other not in index:
                visit(other)
                low[name] = min(low[name], low[other])
            elif other in stack:
                low[name] = min(low[name], index[other])
        if low[name] == index[name]:
            component = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(component) > 1:
                found.append(sorted(component))

    for name in sorted(graph):
        if name not in index:
            visit(name)
    return found


def _longest(package: Path, sources: Mapping[Path, str]) -> list[tuple[int, str]]:
    functions = [
        ((node.end_lineno or 0) - node.lineno + 1, f"{path.relative_to(package)}:{node.name}")
        for path, text in sources.items()
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return sorted(functions, reverse=True)[:_LONGEST]


def _comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    marks = ("# noqa", "# type:", "# ---", "# fmt:")
    return sum(token.type == tokenize.COMMENT and not token.string.startswith(marks) for token in tokens)


# --- what runs in the checkout itself ----------------------------------------------------------


class Crossed:
    """Notes in which files of the package functions are called, in any thread."""

    def __init__(self, package: str) -> None:
        self._package = package
        self._calls: set[tuple[str, CodeType]] = set()
        self._idle: set[tuple[str, CodeType]] = set()

    def look(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(self._package):
            self._calls.add((threading.current_thread().name, frame.f_code))

    def rest(self, seconds: float) -> None:
        """Learn what is called, and in which thread, while nobody does anything."""
        self._calls = set()
        time.sleep(seconds)
        self._idle |= self._calls

    def during(self, act: Callable[[], object]) -> list[str]:
        """Return the files of the functions that are called during an act, and not while nobody does anything."""
        self._calls = set()
        act()
        files = {code.co_filename[len(self._package) :].lstrip("/") for _, code in self._calls - self._idle}
        return sorted(files)


def walk() -> dict[str, list[str]]:
    """Do a reading, a question and a command, and return the files that each crossed."""
    import aegisflow

    crossed = Crossed(str(Path(aegisflow.__file__).parent))
    threading.setprofile(crossed.look)
    sys.setprofile(crossed.look)
    from starlette.testclient import TestClient

    from aegisflow.actors import ticker
    from aegisflow.app import App
    from aegisflow.bus.fake import FakeBus
    from aegisflow.config import load

    ticker.EVERY_S = 3_600.0  # ticks are everybody's, and belong to no walk
    plant_file = Path(aegisflow.__file__).parents[1] / "config" / "plant.yaml"
    with tempfile.TemporaryDirectory() as folder:
        text = plant_file.read_text("utf-8").replace("model: auto", "model: none")
        text = text.replace("../manuals", f"{folder}/manuals").replace("../var/", f"{folder}/")
        token = "a" * 43
        text += f'\noperators:\n  anna: {{token_sha256: "{_sha256(token)}"}}\n'
        file = Path(folder, "plant.yaml")
        file.write_text(text, "utf-8")
        configuration, bus = load(file), FakeBus()
        with App(configuration, bus) as app:
            build, operators = _operators_app()
            people = getattr(app, "identities", configuration.operators)  # of before there were roles, as the file says
            web = TestClient(build(lambda: app.plant, operators(people)), base_url="http://127.0.0.1")
            web.headers["Authorization"] = f"Bearer {token}"
            machine = _Machine(bus)
            for _ in range(60):
                machine.report()
            _expect(web.get("/operator/agents"))  # a first request starts threads of its own
            crossed.rest(4.0)
            return {
                "reading": crossed.during(machine.report),
                "question": crossed.during(lambda: _expect(web.get("/operator/figures"))),
                "command": crossed.during(lambda: _command(web, bus, machine)),
            }


class _Machine:
    """One machine that reports ordinary values, and less power once its load is reduced."""

    def __init__(self, bus: Any) -> None:
        self._bus = bus
        self._at = time.time() - 600.0
        self.load = 1.0

    def report(self) -> None:
        """Send a reading and wait until it is acknowledged."""
        self._at += 5.0
        swing = 0.1 * (int(self._at / 5) % 7 - 3)
        values = {"temperature": 75 + swing, "pressure": 31.5 + swing, "vibration": 1.5 + swing / 10}
        values |= {"humidity": 40 + swing, "power_consumption": self.load * 20 + swing}
        before = len(self._bus.acknowledged)
        self._bus.deliver_reading("pump-02", self._at, values)
        self._bus.wait_until(lambda: len(self._bus.acknowledged) > before, 20.0)

    def answer(self, command_id: str) -> None:
        ack = {"command_id": command_id, "device_id": "pump-02", "result": "accepted", "mode": "reduced_load"}
        self._bus.deliver("aegisflow/acks/pump-02", json.dumps({**ack, "at": _iso(time.time())}).encode())


def _command(web: Any, bus: Any, machine: _Machine) -> None:
    """Have an operator reduce a load, and the machine obey until the readings show it."""
    body = {"device_id": "pump-02", "command": "reduce_load", "justification": "to see what it crosses"}
    receipt = _expect(web.post("/operator/commands", json={**body, "parameters": {"reduction_pct": 50}}))
    bus.wait_until(lambda: any(sent.topic == "aegisflow/commands/pump-02" for sent in bus.published), 20.0)
    machine.load = 0.5
    machine.answer(receipt["command_id"])
    machine._at = time.time() + 0.1
    for _ in range(40):
        machine._at -= 4.0  # of the next second: newer than the command
        machine.report()
        commands = _expect(web.get("/operator/commands"))["commands"]
        if commands[0]["stage"] == "verified":
            return
        time.sleep(0.2)
    raise SystemExit(f"the command was not verified: {commands[0]}")


def _expect(response: Any) -> dict[str, Any]:
    if response.status_code != 200:
        raise SystemExit(f"{response.status_code}: {response.text}")
    return dict(response.json())


def _operators_app() -> tuple[Any, Any]:
    """Return what builds the operators' routes and the class of who may use them, wherever this version keeps them."""
    import aegisflow

    package = Path(aegisflow.__file__).parent
    for file in package.rglob("*.py"):
        if "def build_operator_app" in file.read_text("utf-8"):
            build = import_module(_module(package.parent, file)).build_operator_app
            return build, get_type_hints(build)["operators"]
    raise SystemExit("this version has no application for operators only")


def _sha256(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()


def _iso(at: float) -> str:
    from aegisflow.domain.times import format_instant

    return format_instant(at)


def crossings(root: Path) -> Figures:
    """Return what each walk crosses in a checkout, as it says itself."""
    environment = {**os.environ, "PYTHONPATH": str(root)}
    done = subprocess.run(
        [sys.executable, str(Path(__file__).resolve()), "--walk"],
        env=environment, cwd=root, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"{root}: {done.stderr[-3_000:]}")
    walks: dict[str, list[str]] = json.loads(done.stdout.splitlines()[-1])
    return {f"files that a {name} crosses": files for name, files in walks.items()}


def main() -> None:
    if sys.argv[1:] == ["--walk"]:
        print(json.dumps(walk()), flush=True)
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks.house", description=__doc__)
    parser.add_argument("checkouts", type=Path, nargs="+")
    parser.add_argument("--names", action="store_true", help="name the files that are crossed")
    options = parser.parse_args()
    counted = [count(root.resolve()) | crossings(root.resolve()) for root in options.checkouts]
    for name in counted[0]:
        shown = [figures[name] for figures in counted]
        if name.startswith("files that") and not options.names:
            shown = [len(files) for files in shown]  # type: ignore[arg-type]
        if any(isinstance(value, list) for value in shown):
            for root, value in zip(options.checkouts, shown, strict=True):
                print(f"{name}, {root}:", *(value if isinstance(value, list) and value else ["none"]), sep="\n    ")
        else:
            print(f"{name:<32}", *(f"{value!s:>12}" for value in shown))


if __name__ == "__main__":
    main()
