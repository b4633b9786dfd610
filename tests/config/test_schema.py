import json

import jsonschema
import pytest
from ruamel.yaml import YAML

from aegisflow.config import json_schema
from aegisflow.config.schema import schema_text
from tests.support.places import ROOT

CONFIG = ROOT / "config"


def default_plant() -> dict:
    return YAML(typ="safe", pure=True).load(CONFIG / "plant.yaml")


def accepts(plant: dict) -> bool:
    return jsonschema.Draft202012Validator(json_schema()).is_valid(plant)


def test_the_schema_beside_the_plant_is_up_to_date():
    written = (CONFIG / "plant.schema.json").read_text(encoding="utf-8")
    assert written == schema_text(), "run: python -m aegisflow.config.schema config/plant.schema.json"


def test_the_schema_is_a_schema():
    jsonschema.Draft202012Validator.check_schema(json.loads(schema_text()))


def test_editors_accept_the_default_plant():
    jsonschema.validate(default_plant(), json_schema())


def test_editors_accept_every_form_of_a_device():
    plant = default_plant()
    plant["lines"]["line-1"]["devices"]["pump-04"] = {
        "kind": "pump",
        "silent_after": 90,
        "sensors": {"pressure": {"normal": [None, 35], "alarm": {"low": None}}, "humidity": None},
    }
    plant["kinds"]["pump"]["sensors"]["turbidity"] = {"unit": "NTU"}
    plant["broker"] |= {"tls": True, "protocol": 5}
    assert accepts(plant)


@pytest.mark.parametrize(
    ("section", "wrong"),
    [
        ("broker", {"hots": "x"}),
        ("broker", {"port": 0}),
        ("broker", {"topics": {"sensors": "a/b"}}),
        ("kinds", {"a b": {}}),
        ("kinds", {"pump": {"sensors": {"p": {"unit": ""}}}}),
        ("kinds", {"pump": {"sensors": {"p": {"unit": 5}}}}),
        ("kinds", {"pump": {"sensors": {"p": {"normal": [1]}}}}),
        ("lines", {"line-1": {"devices": ["pump-01"]}}),
        ("sections", {}),
    ],
)
def test_editors_refuse_what_the_loader_refuses(section, wrong):
    assert not accepts(default_plant() | {section: wrong})


def test_editors_explain_keys():
    sensor = json_schema()["$defs"]["SensorPart"]["properties"]
    assert sensor["span"]["description"].startswith("What the instrument can report")
    assert "°C" in json.dumps(sensor["unit"], ensure_ascii=False)


def test_the_default_plant_points_editors_to_the_schema():
    first = (CONFIG / "plant.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=plant.schema.json"
