"""Lists in plant.yaml: wherever the schema that editors read says list, a list is taken."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from aegisflow.config import file as _file  # noqa: F401 - all sections are known once it is imported
from aegisflow.config import load
from aegisflow.config.fields import Section


def sections(section: type[Section] = Section) -> Iterator[type[Section]]:
    for one in section.__subclasses__():
        yield one
        yield from sections(one)


def lists() -> list[Any]:
    found = []
    for section in sections():
        for key, schema in section.model_json_schema(by_alias=True, mode="validation").get("properties", {}).items():
            kinds = [schema, *schema.get("anyOf", ())]
            if any(kind.get("type") == "array" for kind in kinds):
                found.append(pytest.param(section, key, id=f"{section.__name__}.{key}"))
    return found


@pytest.mark.parametrize(("section", "key"), lists())
def test_a_key_that_editors_know_as_a_list_takes_one(section: type[Section], key: str) -> None:
    try:
        section.model_validate({key: ["x"]})
    except ValidationError as error:
        about_it = [one for one in error.errors() if one["loc"][:1] == (key,)]
        # What is in it may be wrong; that it is a list is not.
        assert not [one for one in about_it if one["type"] in ("tuple_type", "list_type", "dict_type")], about_it


def test_d5_values_that_stand_for_no_value_are_declared_in_plant_yaml(tmp_path: Path) -> None:
    path = tmp_path / "plant.yaml"
    path.write_text(
        "kinds: {pump: {sensors: {flow: {unit: l/s, missing_values: [-999, 65535]}}}}\n"
        "lines: {one: {devices: {pump-01: pump}}}\n"
    )
    assert load(path, {}).plant.devices["pump-01"].sensors["flow"].missing_values == (-999.0, 65_535.0)
