from pathlib import Path

import yaml

from aegisflow.bus.sources.router import Sources
from tests.support.source_bench import load_text, plant_text


def test_a_device_whose_readings_must_be_signed_takes_none_from_a_source(tmp_path: Path) -> None:
    text = plant_text({"topic": "x/{device}"}, {"pump-01": {"pressure": "bar"}, "pump-02": {"pressure": "bar"}})
    plant = yaml.safe_load(text)
    plant["broker"] = {"readings_key_env": "KEY"}
    plant["lines"]["l"]["devices"]["pump-02"]["signed"] = True
    configuration = load_text(tmp_path, yaml.safe_dump(plant))
    sources = Sources(configuration.sources, configuration.plant.devices)
    assert (sources.device_of("x/pump-01"), sources.device_of("x/pump-02")) == ("pump-01", None)
