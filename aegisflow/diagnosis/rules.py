"""The diagnosis by rules: the plant is asked for what is known, and ``domain.diagnosis`` puts it together."""

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.diagnosis import AlarmDiagnosis, by_rules, question_to_manuals
from aegisflow.plant.protocol import Plant

__all__ = ["diagnose"]

_PASSAGES = 6


def diagnose(plant: Plant, alarm: Alarm) -> AlarmDiagnosis:
    """Return what the rules make of an alarm.

    Raises:
        RequestError: manuals or reports cannot be asked now.
    """
    device = plant.inventory().devices.get(alarm.device_id)
    rules = device.faults if device else ()
    question = question_to_manuals(alarm.fault_type)
    found = plant.find_passages(question, alarm.device_id if device else None, _PASSAGES).value
    similar = plant.similar_incidents((alarm,)).get(alarm.alarm_id, ())
    units = {name: sensor.unit for name, sensor in device.sensors.items()} if device else {}
    rule = next((rule for rule in rules if rule.name == alarm.fault_type), None)
    return by_rules(alarm, rule, found.passages, similar, units, plant.now())
