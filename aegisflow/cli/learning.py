"""Until when machines are healthy and being learned, from the command line, through a running plant."""

import sys
from typing import Annotated

from cyclopts import Parameter

from aegisflow.api import endpoints as ends
from aegisflow.cli.arguments import DEFAULT_PLANT, AsJson, PlantPath, ServeUrl
from aegisflow.cli.client import OperatorClient, print_answer
from aegisflow.domain.learning import LearningAct
from aegisflow.errors import BadValueError

__all__ = ["learn"]

Flag = Parameter(negative="")


def learn(
    device: Annotated[str | None, Parameter(help="the device; left out, all that have a period are listed")] = None,
    *,
    until: Annotated[str, Parameter(help="it is healthy until then: an ISO 8601 time, or from now on, as 8h")] = "",
    extend: Annotated[bool, Flag, Parameter(help="learn on, --until another time")] = False,
    accept: Annotated[bool, Flag, Parameter(help="what was learned is normal, also after a restart")] = False,
    discard: Annotated[bool, Flag, Parameter(help="throw it away: as before the period")] = False,
    reason: Annotated[str, Parameter(help="why, in a few words; kept with the period and in the audit")] = "",
    as_json: AsJson = False,
    plant: PlantPath = DEFAULT_PLANT,
    url: ServeUrl = None,
) -> int:
    """Say until when a device is healthy and being learned, or decide about it; return the exit code."""
    said = [("--extend", extend), ("--accept", accept), ("--discard", discard)]
    acts = [name for name, given in said if given]
    if len(acts) > 1:
        raise BadValueError(acts[1], f"beside {acts[0]}", "one of them")
    client = OperatorClient(plant, url)
    if not acts and not until:
        answer = client.call(ends.LIST_LEARNING)
        if device is not None:
            chosen = [one for one in answer.learning if one.device_id == device]
            answer = answer.model_copy(update={"learning": chosen})
        lines = [f"{one.device_id}: {one.text}; reason: {one.words}" for one in answer.learning]
        lines += [f"did not answer: {name}: {why}" for name, why in answer.unavailable.items()]
        print_answer(answer, lines or ["nothing is being learned by anybody's word"], as_json=as_json)
        return 0
    if device is None:
        raise BadValueError("device", None, "a device of the plant, such as pump-02")
    act = LearningAct(acts[0].removeprefix("--")) if acts else LearningAct.BEGIN
    if act in (LearningAct.ACCEPT, LearningAct.DISCARD) and until:
        raise BadValueError("--until", f"beside {acts[0]}", "only with --extend, or alone")
    body = {"act": act, "until": until, "reason": reason}
    told = client.call(ends.LEARN_DEVICE, {"id": device}, body).learning
    if act is LearningAct.DISCARD:
        sys.stdout.write(f"{device}: what was learned is thrown away; what was normal before is again\n")
    for one in told:
        sys.stdout.write(f"{one.device_id}: {one.text}\n")
    return 0
