"""Commands by Sparkplug B: what is written, and whether the births that were seen let it be written."""

import pytest

from aegisflow.bus import BusMessage
from aegisflow.bus.sources.router import Sources
from aegisflow.bus.sparkplug.command import is_rebirth, told
from aegisflow.bus.written import WrittenWire, encode_written, metric_of
from aegisflow.config.presets import over_preset
from aegisflow.config.sources import SourceSettings
from aegisflow.domain.commands.writing import OrderSpec, WritingSpec, WrittenCommand
from simulator.sparkplug import BOOLEAN, DOUBLE, INT64, metric, payload, written
from tests.support.samples import device_spec, sensor_spec

NOW = 1_773_480_413.0
DCMD, NCMD = "spBv1.0/G/DCMD/edge/D", "spBv1.0/G/NCMD/edge"


def write(value: object, datatype: str, alias: int | None = None, topic: str = DCMD) -> WrittenCommand:
    order = OrderSpec(topic, value, "sparkplug_b", metric="Outputs/Speed", datatype=datatype, alias=alias)
    return WritingSpec({"restart": order}).write("cmd-1", "restart", {})


@pytest.mark.parametrize(
    ("datatype", "value"),
    [("Double", -12.5), ("Float", 0.5), ("Int32", 70_000), ("UInt64", 2**63), ("Boolean", True), ("UInt8", 255)],
)
@pytest.mark.parametrize("alias", [None, 7])
def test_the_other_side_reads_what_is_written(datatype: str, value: object, alias: int | None) -> None:
    ((name, number, read),) = written(encode_written(write(value, datatype, alias), NOW, NOW + 30.0))
    assert (name, number) == (("Outputs/Speed", None) if alias is None else ("", 7))
    assert read == value


@pytest.fixture
def sources() -> Sources:
    settings = over_preset(SourceSettings(preset="sparkplug_b"), "sparkplug_b")
    return Sources({"line": settings}, {"D": device_spec("D", sensor_spec("temperature"))})


def hear(sources: Sources, kind: str, device: str, *metrics: bytes, seq: int | None = 0) -> None:
    topic = f"spBv1.0/G/{kind}/edge" + (f"/{device}" if device else "")
    route = sources.route(topic)
    assert route is not None
    route.source.decode(route, BusMessage(topic, payload(NOW, list(metrics), seq)), NOW)


def born(sources: Sources) -> None:
    hear(sources, "NBIRTH", "", metric(0, INT64, name="bdSeq"), metric(1.0, DOUBLE, name="Outputs/Speed", alias=3))
    hear(sources, "DBIRTH", "D", metric(1.0, DOUBLE, name="Outputs/Speed", alias=7), seq=1)


def objection(sources: Sources, one: WrittenCommand) -> str:
    wanted = metric_of(one)
    assert wanted is not None
    return sources.objection(one.topic, wanted)


def test_a_metric_is_written_only_as_a_birth_has_announced_it(sources: Sources) -> None:
    plain = write(1.0, "Double")
    assert "no birth of its edge node" in objection(sources, plain)
    born(sources)
    assert objection(sources, plain) == ""
    assert objection(sources, write(1.0, "Double", 7)) == ""
    assert "the alias 7, and plant.yaml says 8" in objection(sources, write(1.0, "Double", 8))
    assert "the data type 10" in objection(sources, write(1, "Int32"))
    assert objection(sources, write(1.0, "Double", 3, NCMD)) == ""
    assert "the alias 3" in objection(sources, write(1.0, "Double", 7, NCMD))
    other = WritingSpec({"restart": OrderSpec(DCMD, 1.0, "sparkplug_b", metric="Other", datatype="Double")})
    assert "announces no metric 'Other'" in objection(sources, other.write("cmd-1", "restart", {}))
    assert objection(Sources({}, {}), plain) == "no source of Sparkplug B follows its births"


@pytest.mark.parametrize(("kind", "device", "seq"), [("DDEATH", "D", 2), ("NDEATH", "", None)])
def test_nothing_is_written_to_what_is_gone_until_it_is_born_again(
    sources: Sources, kind: str, device: str, seq: int | None
) -> None:
    born(sources)
    hear(sources, kind, device, metric(0, INT64, name="bdSeq"), seq=seq)
    assert "no birth has been seen of it since it was last gone" in objection(sources, write(1.0, "Double"))
    hear(sources, "NBIRTH", "", metric(0, INT64, name="bdSeq"))
    assert objection(sources, write(1.0, "Double"))  # the node is there, and its device is not
    born(sources)
    assert objection(sources, write(1.0, "Double")) == ""


def test_a_request_for_births_is_no_command_to_a_machine_and_anything_beside_it_is() -> None:
    rebirth, stop = metric(True, BOOLEAN, name="Node Control/Rebirth"), metric(False, BOOLEAN, name="Run")
    device = device_spec("D", sensor_spec("temperature"))
    wire = WrittenWire({device.device_id: device})
    assert is_rebirth(payload(NOW, [rebirth]))
    for content in (payload(NOW, [rebirth, stop]), payload(NOW, [stop]), payload(NOW, []), b"\xff"):
        assert not is_rebirth(content)
        assert wire.foreign(BusMessage(NCMD, content)) is not None
    assert wire.foreign(BusMessage(NCMD, payload(NOW, [rebirth]))) is None
    assert told(payload(NOW, [stop])) == "Run False"
