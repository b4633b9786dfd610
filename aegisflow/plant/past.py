"""What belongs to an alarm: the reports that are like it, the pattern that it is a part of, and its diagnosis."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from aegisflow.domain.alarms.model import Alarm
from aegisflow.domain.diagnosis import AlarmDiagnosis
from aegisflow.domain.incidents.model import Pattern, SimilarIncident
from aegisflow.domain.incidents.similarity import patterns_of
from aegisflow.errors import UnavailableError
from aegisflow.plant.protocol import Plant

__all__ = ["Past", "past_of"]


class Past(NamedTuple):
    """What is known of the past of some alarms, each by its id."""

    similar: Mapping[str, Sequence[SimilarIncident]]
    patterns: Mapping[str, Sequence[Pattern]]
    unavailable: Mapping[str, str]
    """Why it is not known; empty when it is."""
    diagnoses: Mapping[str, AlarmDiagnosis]


def past_of(plant: Plant, alarms: Sequence[Alarm]) -> Past:
    """Return the past of some alarms; one that cannot be asked for is named, since an alarm is told without it, too."""
    if not alarms:
        return Past({}, {}, {}, {})
    try:
        similar, patterns = plant.similar_incidents(alarms), plant.patterns()
        diagnoses = plant.diagnoses([alarm.alarm_id for alarm in alarms])
    except UnavailableError as error:
        return Past({}, {}, {"incident reports": str(error)}, {})
    kinds = {name: spec.kind for name, spec in plant.inventory().devices.items()}
    found = {one.alarm_id: patterns_of(one, kinds.get(one.device_id, ""), patterns) for one in alarms}
    return Past(similar, found, {}, diagnoses)
