"""What `deploy/observability/` asks of Prometheus is what /metrics says, judged by Prometheus' own tool."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from aegisflow.app import App
from aegisflow.bus.fake import FakeBus
from aegisflow.config import HttpSettings
from tests.support.places import ROOT
from tests.support.running import Running, configuration_in

FOLDER = ROOT / "deploy/observability"
BY_PROMETHEUS = {"up"}
needs_promtool = pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool is not installed")


def promtool(*arguments: str, given: bytes = b"") -> str:
    done = subprocess.run(["promtool", *arguments], input=given, capture_output=True, cwd=FOLDER)
    told = (done.stdout + done.stderr).decode()
    assert done.returncode == 0, told
    return told


@pytest.fixture(scope="module")
def scraped(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What /metrics says of a plant with an alarm and a silent machine, with the values of its sensors."""
    running = Running(tmp_path_factory.mktemp("plant"))
    configuration = running.app.configuration
    object.__setattr__(configuration, "http", HttpSettings(sensor_metrics=True))
    running.app = App(configuration, running.bus)
    running.plant = running.app.plant
    with running.app:
        running.overheat()
        return running.app.metrics.render()


def values(scraped: bytes, name: str) -> dict[str, float]:
    lines = (line for line in scraped.decode().splitlines() if re.match(rf"{name}[ {{]", line))
    return {(parts := line.rpartition(" "))[0].removeprefix(name): float(parts[2]) for line in lines}


def names(scraped: bytes) -> set[str]:
    """Return the series that a scrape can have, those that come with the first event among them."""
    found = set()
    for line in scraped.decode().splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split()
            found.add(name if kind != "counter" or name.endswith("_total") else f"{name}_total")
    return found


def expressions() -> dict[str, list[str]]:
    """Return what is asked, by the place that asks it."""
    rules = yaml.safe_load((FOLDER / "aegisflow.rules.yml").read_text(encoding="utf-8"))
    asked = {
        rule.get("alert") or rule["record"]: [rule["expr"]] for group in rules["groups"] for rule in group["rules"]
    }
    board = json.loads((FOLDER / "dashboard.json").read_text(encoding="utf-8"))
    for panel in board["panels"]:
        asked[panel["title"]] = [target["expr"] for target in panel["targets"]]
    for variable in board["templating"]["list"]:
        asked[f"variable {variable['name']}"] = [variable["query"]] if variable["type"] == "query" else []
    return asked


def test_alarms_are_counted_by_severity_line_and_state(scraped: bytes) -> None:
    found = values(scraped, "aegisflow_alarms")
    assert (
        found['{line="line-1",severity="critical",state="unacknowledged"}']
        + found['{line="line-1",severity="high",state="unacknowledged"}']
        == 1.0
    )
    assert sum(found.values()) == 1.0
    assert len(found) == 4 * 6, "those without an alarm are 0, so that a rule sees them rise"


def test_values_of_sensors_are_shown_where_the_file_wants_them(scraped: bytes, tmp_path: Path) -> None:
    found = values(scraped, "aegisflow_sensor_value")
    assert any('device="pump-01"' in labels and 'sensor="temperature"' in labels for labels in found)
    without = App(configuration_in(tmp_path), FakeBus()).metrics.render()
    assert "aegisflow_sensor_value" not in without.decode()


def test_a_plant_that_does_not_run_yet_has_no_values_and_no_failure(tmp_path: Path) -> None:
    rendered = App(configuration_in(tmp_path), FakeBus()).metrics.render()
    assert values(rendered, "aegisflow_alarms") == {}
    assert values(rendered, "aegisflow_devices") == {"": 2.0}


def test_every_metric_that_rules_and_dashboard_name_exists(scraped: bytes) -> None:
    known = names(scraped)
    rules = yaml.safe_load((FOLDER / "aegisflow.rules.yml").read_text(encoding="utf-8"))
    recorded = {rule["record"] for group in rules["groups"] for rule in group["rules"] if "record" in rule}
    asked = expressions()
    assert len(asked) > 20
    for place, several in asked.items():
        for expression in several:
            for name in re.findall(r"\b(?:aegisflow[a-z_:]*|up)\b(?=[{\[ ),]|$)", re.sub(r'"[^"]*"', "", expression)):
                assert name in known | recorded | BY_PROMETHEUS, f"{place}: {name}"


def test_every_rule_is_tried_by_a_unit_test() -> None:
    tried = (FOLDER / "aegisflow.rules.test.yml").read_text(encoding="utf-8")
    rules = yaml.safe_load((FOLDER / "aegisflow.rules.yml").read_text(encoding="utf-8"))
    alerts = {rule["alert"] for group in rules["groups"] for rule in group["rules"] if "alert" in rule}
    assert {alert for alert in alerts if alert not in tried} == set()


@needs_promtool
def test_promtool_takes_the_metrics_the_rules_and_the_configuration(scraped: bytes) -> None:
    promtool("check", "metrics", given=scraped)
    promtool("check", "rules", "aegisflow.rules.yml")
    promtool("check", "config", "prometheus.yml")


@needs_promtool
def test_promtool_finds_that_the_rules_call_people_when_they_should_and_only_then() -> None:
    assert "SUCCESS" in promtool("test", "rules", "aegisflow.rules.test.yml")
