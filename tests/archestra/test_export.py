"""The export as a whole: what the provider takes, one policy in two formats, and mutants that must be noticed."""

import re
import subprocess
from dataclasses import replace

import pytest

from aegisflow.api.instructions import operations_engineer
from aegisflow.archestra.export import export_files, write_export
from aegisflow.archestra.placement import Placement, make_placement
from aegisflow.config.archestra import ArchestraSettings
from tests.support.archestra_checks import problems
from tests.support.terraform import read_module


def test_the_export_of_the_shipped_plant_is_right_in_all_that_can_be_checked(files, expected, placement):
    assert problems(files, expected, placement) == []


def test_the_same_plant_gives_the_same_bytes(files, shipped, placement):
    assert export_files(shipped, placement) == files
    assert all(text.endswith("\n") and not re.search(r"[ \t]+$", text, re.MULTILINE) for text in files.values())


MUTANTS = (
    (
        "a refusal dropped, the default open",
        "policies.tf",
        'action = "block_always"\n  tool_ids',
        'action = "allow_when_context_is_untrusted"\n  tool_ids',
    ),
    (
        "the default dropped",
        "policies.tf",
        re.compile(r'resource "archestra_tool_invocation_policy_default" "refused" \{.*?\n\}\n', re.S),
        "",
    ),
    ("a person no longer asked", "policies.tf", '"require_approval"', '"allow_when_context_is_untrusted"'),
    ("equal turned", "policies.tf", '"equal"\n      value    = "50"', '"notEqual"\n      value    = "50"'),
    ("equal becomes contains", "policies.tf", '"equal"\n      value    = "50"', '"contains"\n      value    = "5"'),
    (
        "an amount left open",
        "policies.tf",
        re.compile(
            r'    \{\n      key      = "reduction_pct"\n      operator = "equal"\n      value    = "80"\n    \},\n'
        ),
        "",
    ),
    (
        "a shutdown let through",
        "policies.tf",
        'value    = "emergency_shutdown"\n  }]\n  action = "block_always"',
        'value    = "emergency_shutdown"\n  }]\n  action = "require_approval"',
    ),
    ("a restart let through", "openappa/appa.toml", re.compile(r'(command:restart\)"\n)requires = .*'), r"\1"),
    ("a tool forgotten", "policies.tf", re.compile(r'.*__get_anomaly_history"\],\n'), ""),
    ("a tool not assigned", "main.tf", re.compile(r'.*__get_incident_reports"\],\n'), ""),
    ("another tool's name", "main.tf", "__get_device_status", "__get_device_state"),
    ("a permissive organisation", "organization.tf", '"restrictive"', '"permissive"'),
    (
        "an installation for each person",
        "main.tf",
        'name       = "aegisflow"\n  scope      = "org"',
        'name       = "aegisflow"\n  scope      = "personal"',
    ),
    ("tools behind a search", "main.tf", 'tool_exposure_mode = "full"', 'tool_exposure_mode = "search_and_run_only"'),
    ("no such attribute", "main.tf", "system_prompt", "prompt"),
    ("no such value", "main.tf", "llm_provider", "llm_vendor"),
    ("a reference to nothing", "limits.tf", "archestra_agent.aegisflow.id", "archestra_agent.other.id"),
    ("a variable that is not there", "limits.tf", "var.command_limit", "var.commands"),
    (
        "a secret that is shown",
        "variables.tf",
        re.compile(r'(variable "llm_api_key" \{\n.*\n.*\n)  sensitive .*\n'),
        r"\1",
    ),
    ("a secret in the file", "main.tf", "var.llm_api_key", '"sk-123"'),
    ("the cost unlimited", "limits.tf", '"token_cost"\n', '"mcp_server_calls"\n'),
    ("notes do not taint", "policies.tf", 'action = "mark_as_untrusted"', 'action = "mark_as_trusted"'),
    ("manuals do not taint", "openappa/appa.toml", re.compile(r'(query_device_manual"\n)delta = .*\n'), r"\1"),
    (
        "every manual but ours is trusted",
        "policies.tf",
        '"equal"\n    value    = "shipped"',
        '"notEqual"\n    value    = "shipped"',
    ),
    ("the last contract first", "openappa/appa.toml", re.compile(r"\(command:reduce_load,reduction_pct:20\)"), ""),
    ("any amount", "openappa/appa.toml", "reduction_pct:80", "reduction_pct:*"),
    (
        "nobody asked",
        "openappa/appa.toml",
        'requires = { trust = "trusted", attention = ["plant-operator"] }',
        'requires = { trust = "trusted" }',
    ),
    (
        "the default contract open",
        "openappa/appa.toml",
        re.compile(r'(execute_device_command"\n)requires = .*\n'),
        r"\1",
    ),
    ("an authority that always agrees", "openappa/appa.toml", 'builtin = "hitl"', 'builtin = "approve"'),
    ("a trace that says otherwise", "openappa/traces/refused.appa", "expect deny", "expect allow"),
)
"""Name, file, what is replaced (a text once, or a pattern) and by what."""


@pytest.mark.parametrize(("what", "file", "old", "new"), MUTANTS, ids=[mutant[0] for mutant in MUTANTS])
def test_a_mistake_in_the_export_is_noticed(shipped, expected, what, file, old, new):
    placement = make_placement()
    files = export_files(shipped, placement)
    text = files[file]
    changed = text.replace(old, new, 1) if isinstance(old, str) else old.sub(new, text, count=1)
    assert changed != text
    try:
        found = problems({**files, file: changed}, expected, placement)
    except (AssertionError, KeyError, ValueError):
        return
    assert found, what


def test_no_secret_stands_in_the_files(files):
    module = read_module(files)
    secrets = {name for name, body in module.variables.items() if body.get("sensitive")}
    assert {"llm_api_key"} < secrets
    assert all(
        module.variables[name].get("default") in (None, "", "sqlite:////app/var/aegisflow.db") for name in secrets
    )
    assert not re.search(r"arch_[a-z0-9]{4}|sk-[a-z0-9]|Bearer [A-Za-z0-9_-]{8}", "".join(files.values()))


def test_archestra_runs_the_image_with_the_environment_of_the_seed(shipped):
    item = read_module(export_files(shipped, make_placement())).one("mcp_registry_catalog_item")
    assert item["local_config"]["docker_image"] == "var.image"
    assert item["local_config"]["transport_type"] == "stdio"
    kinds = {one["key"]: one["type"] for one in item["local_config"]["environment"]}
    assert kinds == {
        "MQTT_BROKER_HOST": "plain_text",
        "MQTT_BROKER_PORT": "number",
        "AEGISFLOW_STORE_URL": "secret",
        "SPEED_MULTIPLIER": "number",
        "ANTHROPIC_API_KEY": "secret",
        "ANTHROPIC_BASE_URL": "plain_text",
    }


def test_a_server_elsewhere_is_reached_with_its_token(shipped):
    module = read_module(export_files(shipped, make_placement(remote="http://10.0.0.7:8765")))
    assert module.variables["aegisflow_url"]["default"] == "http://10.0.0.7:8765/mcp"
    assert module.one("mcp_registry_catalog_item")["requires_auth"] is True
    assert module.one("mcp_server_installation")["access_token"] == "var.aegisflow_token"
    assert module.variables["aegisflow_token"]["sensitive"] is True
    assert "default" not in module.variables["aegisflow_token"]


def test_the_agent_is_told_what_the_mcp_prompt_says_and_what_is_refused_here(files, shipped):
    assert read_module(files).one("agent")["system_prompt"] == 'file("${path.module}/operations_engineer.md")'
    blocked = shipped.archestra.blocked
    assert files["operations_engineer.md"] == operations_engineer(shipped.plant, refused=blocked)
    assert "Not here: emergency_shutdown, restart." in files["operations_engineer.md"]
    free = replace(shipped, archestra=ArchestraSettings.model_validate({"blocked": []}))
    assert export_files(free, make_placement())["operations_engineer.md"] == operations_engineer(shipped.plant)


def test_a_name_of_a_plant_cannot_break_out_of_its_text(shipped, expected, placement):
    name = 'a "b" ${file("/etc/passwd")} %{ for x in y } \\ \n} resource "x" "y" {'
    plant = replace(shipped.plant, name=name)
    files = export_files(replace(shipped, plant=plant), placement)
    module = read_module(files)
    assert {"key": "plant", "value": name} in module.one("agent")["labels"]
    assert problems(files, expected, placement) == []


def test_names_that_differ_only_in_signs_are_two_policies(shipped):
    devices = {name: replace(shipped.plant.devices["pump-01"], device_id=name) for name in ("p-1", "p_1", "p.1")}
    rule = replace(shipped.plant.policy.rules[2], devices=("p-1", "p_1"))
    policy = replace(shipped.plant.policy, rules=(rule,))
    named = replace(shipped, plant=replace(shipped.plant, devices=devices, policy=policy))
    files = export_files(named, make_placement())
    asked = [one for one in read_module(files).of_type("tool_invocation_policy") if one["action"] == "require_approval"]
    assert {one["conditions"][2]["value"] for one in asked} == {"p-1", "p_1"}
    assert len(asked) == 2 * 10


@pytest.mark.foreign("terraform")
def test_terraform_reads_the_files_and_finds_them_in_form(files, tmp_path):
    write_export(tmp_path, files)
    environment = {"PATH": "/usr/local/bin:/usr/bin", "CHECKPOINT_DISABLE": "1", "HOME": str(tmp_path)}
    done = subprocess.run(
        ["terraform", "fmt", "-check", "-diff", str(tmp_path)], capture_output=True, text=True, env=environment
    )
    assert done.stdout == ""
    assert done.returncode == 0, done.stderr


@pytest.mark.foreign("appa")
def test_openappa_itself_agrees_with_the_traces(files, tmp_path):
    write_export(tmp_path, files)
    command = ["appa", "replay", "--config", "appa.toml", "traces"]
    assert subprocess.run(command, cwd=tmp_path / "openappa", capture_output=True).returncode == 0


def test_the_readme_is_one_page_and_names_every_variable_without_a_default(files: dict[str, str], placement: Placement):
    page = files["README.md"]
    assert len(page.splitlines()) <= 70
    module = read_module(files)
    for name, body in module.variables.items():
        if "default" not in body:
            assert f"TF_VAR_{name}=" in page
    assert "claims no SIL" in page
