import pytest

from aegisflow.config import load
from aegisflow.domain.equipment import FaultResponse
from aegisflow.errors import ConfigError
from tests.support.places import ROOT


def written(tmp_path, response: str):
    text = (
        "kinds: {pump: {sensors: {p: {unit: PSI}}}, motor: {sensors: {p: {unit: PSI}}}}\n"
        "lines: {line-1: {devices: {pump-01: pump, motor-01: motor}}}\n"
        f"faults: {{leak: {{when: {{p: low}}, response: {response}}}}}\n"
    )
    (tmp_path / "plant.yaml").write_text(text, "utf-8")
    return load(tmp_path / "plant.yaml", {}).plant


def test_what_to_do_differs_by_kind_only_in_what_the_kind_says(tmp_path) -> None:
    plant = written(tmp_path, "{cause: seal, action: stop, respond_within: 15min, kinds: {motor: {action: call}}}")
    assert plant.response("leak", "pump") == FaultResponse("seal", "", 900.0, "stop")
    assert plant.response("leak", "motor") == FaultResponse("seal", "", 900.0, "call")
    assert plant.response("unheard_of", "pump") is None


def test_a_kind_alone_says_nothing_of_the_others(tmp_path) -> None:
    plant = written(tmp_path, "{kinds: {motor: {action: call}}}")
    assert plant.response("leak", "pump") is None
    assert plant.response("leak", "motor") == FaultResponse(action="call")


def test_a_fault_of_which_nobody_says_anything_has_no_response(tmp_path) -> None:
    assert written(tmp_path, "{}").responses == {}


@pytest.mark.parametrize(
    ("response", "told"),
    [
        ("{kinds: {pmup: {action: call}}}", "pump"),
        ("{respond_within: 0}", "respond_within"),
        ("{actoin: stop}", "action"),
        ("{action: " + "x" * 2_001 + "}", "at most 2,000 characters"),
    ],
)
def test_a_mistake_in_it_is_told_with_what_was_expected(tmp_path, response: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        written(tmp_path, response)


def test_the_default_plant_says_what_to_do_about_each_of_its_faults() -> None:
    plant = load(ROOT / "config" / "plant.yaml", {}).plant
    faults = {rule.name for device in plant.devices.values() for rule in device.faults}
    assert faults == plant.responses.keys()
    for by_kind in plant.responses.values():
        for response in by_kind.values():
            assert response.cause
            assert response.consequence
            assert response.action
            assert response.respond_within_s
