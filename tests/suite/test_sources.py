from pathlib import Path

import pytest

from tests.support.sources import import_circle, modules

WHOLE = {
    "whole/__init__.py": "from whole.part import Part\n",
    "whole/part.py": "class Part: pass\n",
    "whole/other.py": "from whole.part import Part\n",
    "user.py": "from whole.other import Part\n",
}


def circle_in(folder: Path, changed: dict[str, str]) -> set[str]:
    for name, text in (WHOLE | changed).items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    return set(import_circle(modules(".", below=folder)))


def test_a_package_that_shows_what_its_modules_have_is_no_circle(tmp_path: Path) -> None:
    assert circle_in(tmp_path, {}) == set()


@pytest.mark.parametrize(
    "text",
    [
        "import typing\nif typing.TYPE_CHECKING:\n    import user\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import user\n",
        "def late():\n    import user\n",
    ],
)
def test_what_is_not_imported_at_import_makes_no_circle(tmp_path: Path, text: str) -> None:
    assert circle_in(tmp_path, {"whole/part.py": text}) == set()


@pytest.mark.parametrize(
    ("text", "circle"),
    [
        ("import user\n", {"user", "whole.part"}),
        ("from user import Part\n", {"user", "whole.part"}),
        ("try:\n    import user\nexcept ImportError:\n    user = None\n", {"user", "whole.part"}),
        ("class Part:\n    import whole.other\n", {"whole.other", "whole.part"}),
        ("from whole import Part\n", {"whole", "whole.part"}),
        ("from . import other\n", {"whole.other", "whole.part"}),
        ("from .other import Part\n", {"whole.other", "whole.part"}),
    ],
)
def test_a_circle_is_found_in_whatever_form_it_is_written(tmp_path: Path, text: str, circle: set[str]) -> None:
    found = circle_in(tmp_path, {"whole/part.py": text})
    assert found >= circle


def test_a_circle_through_the_package_around_what_is_imported_is_found(tmp_path: Path) -> None:
    """``import whole.part`` runs ``whole/__init__.py`` first."""
    changed = {"whole/__init__.py": "import user\n", "user.py": "import whole.part\n"}
    assert circle_in(tmp_path, changed) == {"whole", "user"}
