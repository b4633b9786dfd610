"""The plant through i3X: by CESMII's own client, and what its specification asks of answers (release candidate 1.0)."""

from collections.abc import Iterator
from typing import Any

import i3x
import jsonschema
import pytest
from starlette.testclient import TestClient

from aegisflow.domain.credentials import AgentAccess
from aegisflow.http.i3x.subscriptions import MAX_UPDATES, TTL_S, SyncSubscription, SyncSubscriptions
from tests.support.memory_plant import MemoryPlant
from tests.support.operator_tokens import AGENTS, ANNA
from tests.support.web_server import served

V1 = "/i3x/v1"


def post(web: TestClient, path: str, headers: dict[str, str] = AGENTS, **body: Any) -> Any:
    return web.post(f"{V1}{path}", json=body, headers=headers)


@pytest.fixture
def client(plant: MemoryPlant) -> Iterator[i3x.Client]:
    with served(plant, "token-of-agents") as address, i3x.Client(f"{address}{V1}", headers=dict(AGENTS)) as known:
        yield known


def test_the_public_client_finds_its_way_from_the_root_to_a_value(client: i3x.Client, plant: MemoryPlant) -> None:
    assert client.server_info is not None
    assert client.server_info.spec_version == "1.0"
    (root,) = client.get_objects(root=True)
    (line,) = [one.object for one in client.get_related_objects([root.element_id], "HasChildren")]
    devices = [one.object for one in client.get_related_objects([line.element_id], "HasChildren")]
    assert [device.display_name for device in devices] == list(plant.spec.devices)
    sensors = [one.object for one in client.get_related_objects([devices[0].element_id], "HasComponent")]
    assert [sensor.display_name for sensor in sensors] == list(plant.spec.devices["pump-01"].sensors)
    shown = plant.device_status("pump-01").value.sensors[0]
    value = client.get_value(sensors[0].element_id)
    assert value.value == shown.value
    assert value.timestamp.endswith("Z")


def test_the_public_client_reads_a_device_with_its_parts_and_its_past(client: i3x.Client) -> None:
    device = client.get_value("devices/pump-01", max_depth=0)
    assert device.is_composition
    assert device.components is not None
    assert {f"devices/pump-01/{name}" for name in device.value} <= set(device.components)
    past = client.get_history("devices/pump-01/pressure", "2026-01-31T06:00:00Z", "2026-01-31T08:00:00Z")
    times = [value.timestamp for value in past.values]
    assert times
    assert times == sorted(times)
    assert times[0] >= "2026-01-31T06:00:00Z"


def test_the_public_client_subscribes_and_syncs(client: i3x.Client) -> None:
    subscription = client.create_subscription("shift")
    client.register_items(subscription, ["devices/pump-01", "devices/pump-01/pressure"])
    (first,) = client.sync_subscription(subscription)
    assert {one.element_id for one in first.updates} == {"devices/pump-01", "devices/pump-01/pressure"}
    assert [one.sequence_number for one in client.sync_subscription(subscription)] == [first.sequence_number]
    assert client.sync_subscription(subscription, first.sequence_number) == []
    assert client.get_subscription(subscription).display_name == "shift"
    client.unsubscribe(subscription)
    with pytest.raises(i3x.NotFoundError):
        client.sync_subscription(subscription)


def test_each_value_conforms_to_the_schema_of_its_type(web: TestClient) -> None:
    types = {one["elementId"]: one for one in web.get(f"{V1}/objecttypes", headers=AGENTS).json()["result"]}
    spaces = {one["uri"] for one in web.get(f"{V1}/namespaces", headers=AGENTS).json()["result"]}
    objects = web.get(f"{V1}/objects", params={"includeMetadata": "true"}, headers=AGENTS).json()["result"]
    ids = [one["elementId"] for one in objects]
    assert len({*ids, *types}) == len(ids) + len(types)
    values = post(web, "/objects/value", elementIds=ids).json()["results"]
    assert [one["elementId"] for one in values] == ids
    for entry, value in zip(objects, values, strict=True):
        kind = types[entry["typeElementId"]]
        assert kind["namespaceUri"] in spaces
        if value["result"]["value"] is None:
            assert value["result"]["quality"] in ("Bad", "GoodNoData")
        else:
            jsonschema.validate(value["result"]["value"], kind["schema"])


def test_each_relationship_leads_back(web: TestClient) -> None:
    types = web.get(f"{V1}/relationshiptypes", headers=AGENTS).json()["result"]
    reverse = {one["elementId"]: one["reverseOf"] for one in types}
    ids = [one["elementId"] for one in web.get(f"{V1}/objects", headers=AGENTS).json()["result"]]
    found = post(web, "/objects/related", elementIds=ids).json()["results"]
    edges = {
        (one["elementId"], edge["sourceRelationship"], edge["object"]["elementId"])
        for one in found
        for edge in one["result"]
    }
    assert edges
    assert {(there, reverse[name], here) for here, name, there in edges} == edges


@pytest.mark.parametrize(
    "path", ["/objecttypes/query", "/relationshiptypes/query", "/objects/list", "/objects/related", "/objects/value"]
)
def test_what_is_not_there_fails_alone(web: TestClient, path: str) -> None:
    said = post(web, path, elementIds=["nonesuch"]).json()
    assert said["success"] is False
    assert said["results"][0]["responseDetail"]["status"] == 404


def test_a_past_of_means_says_that_it_is_partial(web: TestClient) -> None:
    span = {"startTime": "2026-01-31T06:00:00Z", "endTime": "2026-01-31T08:00:00Z"}
    said = post(web, "/objects/history", AGENTS, elementIds=["devices/pump-01", "nonesuch"], **span)
    assert said.status_code == 206
    assert said.json()["responseDetail"]["status"] == 206
    assert said.json()["results"][1]["responseDetail"]["status"] == 404


def test_only_info_is_told_without_a_token_and_a_persons_opens_it_too(web: TestClient) -> None:
    assert web.get(f"{V1}/info").json()["result"]["capabilities"]["update"] == {"current": False, "history": False}
    refused = web.get(f"{V1}/namespaces")
    assert (refused.status_code, refused.json()["success"]) == (401, False)
    assert web.get(f"{V1}/namespaces", headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert web.get(f"{V1}/namespaces", headers=ANNA).status_code == 200


def test_an_agent_that_may_not_use_the_tool_may_not_read_the_same_here(web: TestClient, plant: MemoryPlant) -> None:
    plant.identities.replace({}, AgentAccess(tools_off=frozenset({"get_device_status"})))
    assert post(web, "/objects/value", elementIds=["plant"]).status_code == 403


def test_nothing_can_be_written(web: TestClient) -> None:
    for path in ("/objects/value", "/objects/history"):
        said = web.put(f"{V1}{path}", json={"updates": []}, headers=AGENTS)
        assert (said.status_code, said.json()["success"]) == (501, False)
    assert post(web, "/subscriptions/stream", clientId="c", subscriptionId="s").status_code == 501


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/objects/value", {"elementIds": "plant"}),
        ("/objects/value", {"elementIds": ["plant"], "maxDepth": -1}),
        ("/objects/value", {}),
        ("/objects/history", {"elementIds": ["plant"], "startTime": "yesterday", "endTime": "now"}),
        ("/subscriptions", {"displayName": "nobody's"}),
        ("/subscriptions/sync", {"subscriptionId": "s"}),
        ("/subscriptions/sync", {"clientId": "c"}),
    ],
)
def test_what_makes_no_sense_is_a_bad_request(web: TestClient, path: str, body: dict[str, Any]) -> None:
    said = post(web, path, **body)
    assert (said.status_code, said.json()["responseDetail"]["status"]) == (400, 400)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'"' + b"x" * 1_000_001 + b'"'])
def test_a_body_that_is_no_object_is_a_bad_request(web: TestClient, content: bytes) -> None:
    assert web.post(f"{V1}/objects/value", content=content, headers=AGENTS).status_code == 400


def test_a_subscription_is_nobody_elses(web: TestClient) -> None:
    made = post(web, "/subscriptions", clientId="mine").json()["result"]["subscriptionId"]
    assert post(web, "/subscriptions/sync", clientId="mine", subscriptionId=made).status_code == 200
    assert post(web, "/subscriptions/sync", clientId="other", subscriptionId=made).status_code == 404
    assert post(web, "/subscriptions/sync", ANNA, clientId="mine", subscriptionId=made).status_code == 404


def test_a_subscription_that_nobody_syncs_is_forgotten() -> None:
    now = [0.0]
    subscriptions = SyncSubscriptions(lambda: now[0])
    made = subscriptions.create(("agent a", "c"), "")
    assert made is not None
    now[0] = TTL_S
    assert subscriptions.find(("agent a", "c"), made.subscription_id) is made
    now[0] += TTL_S + 1
    assert subscriptions.find(("agent a", "c"), made.subscription_id) is None


def test_what_is_kept_for_a_client_that_never_acknowledges_is_bounded() -> None:
    subscription = SyncSubscription(("agent a", "c"), "", 0.0)
    batches = [[{"elementId": f"e{one}", "value": batch} for one in range(100)] for batch in range(102)]
    dropped = [subscription.add(batch) for batch in batches]
    assert dropped == [False] * (MAX_UPDATES // 100) + [True, True]
    assert [one["sequenceNumber"] for one in subscription.pending()][:1] == [3]
    subscription.acknowledge(-1)
    assert subscription.pending() == []
