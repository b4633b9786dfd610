"""The source of the repository, read as text: files, their syntax, and who imports whom."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

from tests.support.places import ROOT


def python_files(*folders: str, below: Path = ROOT) -> list[Path]:
    """Return the files of Python in some folders of the repository, in order."""
    return [path for folder in folders for path in sorted((below / folder).rglob("*.py"))]


@cache
def parsed(path: Path) -> ast.Module:
    """Return a file as Python reads it."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def nodes(path: Path) -> list[ast.AST]:
    """Return all that stands in a file, as parsed."""
    return list(ast.walk(parsed(path)))


def largest(*folders: str) -> list[tuple[int, str]]:
    """Return lines and path of each file, the longest first."""
    sizes = (
        (len(path.read_text(encoding="utf-8").splitlines()), path.relative_to(ROOT).as_posix())
        for path in python_files(*folders)
    )
    return sorted(sizes, reverse=True)


def modules(*folders: str, below: Path = ROOT) -> dict[str, Path]:
    """Return dotted name to file of each module in some folders."""
    found = {}
    for path in python_files(*folders, below=below):
        parts = path.relative_to(below).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def import_circle(known: Mapping[str, Path]) -> list[str]:
    """Return the modules of one circle in order, the first again as the last; empty if there is none.

    Counted is what runs while a module is imported: its own text outside of functions, and the ``__init__`` of each
    package around what it names, unless the module lies in that package itself.
    """
    try:
        TopologicalSorter({name: loads(name, known) for name in known}).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def room_circle(known: Mapping[str, Path]) -> list[str]:
    """Return the rooms of one circle in order, the first again as the last; empty if there is none.

    A room is what lies directly in the package; counted is every import, whenever it runs.
    """
    arrows: dict[str, set[str]] = {}
    for name, path in known.items():
        here = _room(name)
        for node in nodes(path):
            targets = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module:
                targets = [node.module]
            there = {_room(target) for target in targets if target in known}
            arrows.setdefault(here, set()).update(there - {here})
    try:
        TopologicalSorter(arrows).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def loads(name: str, known: Mapping[str, Path]) -> set[str]:
    """Return which of the known modules are imported by the import of one of them."""
    found = set()
    for target in _named(name, known):
        parts = target.split(".")
        around = {".".join(parts[:depth]) for depth in range(1, len(parts))}
        found |= {target} | {package for package in around if package in known and not within(name, package)}
    return found - {name}


def within(name: str, package: str) -> bool:
    """Say whether a dotted name is a package or lies in it."""
    return name == package or name.startswith(package + ".")


def _named(name: str, known: Mapping[str, Path]) -> Iterator[str]:
    path = known[name]
    own_package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _at_import(parsed(path).body):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
            continue
        source = node.module or ""
        if node.level:
            package = own_package.split(".")[: len(own_package.split(".")) - node.level + 1]
            source = ".".join([*package, source] if source else package)
        for alias in node.names:
            target = f"{source}.{alias.name}" if f"{source}.{alias.name}" in known else source
            if target in known:
                yield target


def _at_import(body: list[ast.stmt]) -> Iterator[ast.Import | ast.ImportFrom]:
    """Yield the imports that run when the module is imported; those for the type checker alone do not."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            yield node
        elif isinstance(node, ast.If):
            if "TYPE_CHECKING" not in ast.unparse(node.test):
                yield from _at_import(node.body)
            yield from _at_import(node.orelse)
        elif isinstance(node, ast.Try):
            handlers = [statement for handler in node.handlers for statement in handler.body]
            yield from _at_import([*node.body, *handlers, *node.orelse, *node.finalbody])
        elif isinstance(node, ast.ClassDef | ast.With):
            yield from _at_import(node.body)


def main() -> None:
    """Print the ten longest files, for reading: what grows is seen before it is too long."""
    for lines, where in largest("aegisflow", "simulator", "benchmarks")[:10]:
        print(f"{lines:5d}  {where}")


if __name__ == "__main__":
    main()
