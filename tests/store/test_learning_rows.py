"""What a device has learned, as a row of the store and back."""

from dataclasses import replace

import pytest

from aegisflow.domain.alarms.model import Severity
from aegisflow.domain.callers import Caller, CallerKind
from aegisflow.domain.device import Device
from aegisflow.domain.equipment import FaultRule
from aegisflow.domain.learning import LearningAct
from aegisflow.models import LearningRow
from aegisflow.store.rows import learning_of, learning_row
from tests.support.samples import device_spec, healthy


@pytest.mark.parametrize("faults", [(), (FaultRule("leak", Severity.HIGH, {"pressure": ("low",)}),)])
def test_what_was_learned_comes_back_from_the_store_to_the_last_bit(faults: tuple[FaultRule, ...]) -> None:
    device = Device(replace(device_spec(), faults=faults))
    for reading in healthy(450):
        device.record(reading)
    device.learn(LearningAct.BEGIN, "1h", Caller("kim", CallerKind.OPERATOR), "overhauled", 2250.0)
    for reading in healthy(200, 3, 2250.0):
        device.record(reading)
    kept = device.learning.kept(device.latest_at, 3250.0)
    assert kept is not None
    row = learning_row(kept)
    assert learning_of(LearningRow(**row)) == kept
    assert row["period"].startswith('{"device_id":"compressor-01","since":2250.0')
    assert learning_of(LearningRow(**learning_row(replace(kept, before=None)))).before is None
