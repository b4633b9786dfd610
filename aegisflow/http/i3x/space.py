"""The plant as i3X's address space: namespaces, types, and objects with their relationships.

::

    plant ──HasChildren──► lines/… ──HasChildren──► devices/… ──HasComponent──► devices/…/SENSOR
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from aegisflow.domain.equipment import DeviceSpec, PlantSpec

I3X_URI = "https://cesmii.org/i3x"
TYPES_URI = "urn:aegisflow:types"
ROOT = "plant"
_PAIRS = (("HasParent", "HasChildren"), ("HasComponent", "ComponentOf"))
_PLACE = {"type": "object", "properties": {"name": {"type": "string"}}}
"""The schema of the plant and of a line: they have a name and no measurement."""


@dataclass(frozen=True, slots=True)
class Element:
    """An object of the address space."""

    element_id: str
    name: str
    type_id: str
    parent: str | None
    description: str = ""
    device_id: str = ""
    """The device that it is, or belongs to; empty for the plant and for lines."""
    sensor: str = ""
    """Empty for all but sensors."""
    system: Mapping[str, Any] = field(default_factory=dict)

    @property
    def is_composition(self) -> bool:
        """Whether it is made of others: a device of its sensors."""
        return bool(self.device_id) and not self.sensor


class AddressSpace:
    """What a plant looks like to clients of i3X, as configured now."""

    def __init__(self, plant: PlantSpec) -> None:
        self.types = {entry["elementId"]: entry for entry in _types(plant)}
        self.relationships = {entry["elementId"]: entry for entry in _relationship_types()}
        self.elements = {element.element_id: element for element in _elements(plant)}
        self._below: dict[str, list[Element]] = {}
        for element in self.elements.values():
            if element.parent is not None:
                self._below.setdefault(element.parent, []).append(element)

    def namespaces(self) -> list[dict[str, Any]]:
        """Return the namespaces of types."""
        return [{"uri": I3X_URI, "displayName": "i3X"}, {"uri": TYPES_URI, "displayName": "AegisFlow"}]

    def components(self, element: Element) -> list[Element]:
        """Return what an object is made of."""
        return self._below.get(element.element_id, []) if element.is_composition else []

    def related(self, element: Element) -> list[tuple[str, Element]]:
        """Return what an object is related to, each with the name of the relationship that leads there."""
        found = [("HasChildren", child) for child in self._below.get(element.element_id, [])]
        found += [("HasComponent", child) for child in self.components(element)]
        if element.parent is not None:
            parent = self.elements[element.parent]
            found.append(("HasParent", parent))
            if parent.is_composition:
                found.append(("ComponentOf", parent))
        return found

    def shape(self, element: Element, *, with_metadata: bool) -> dict[str, Any]:
        """Return an object as i3X writes it."""
        said: dict[str, Any] = {
            "elementId": element.element_id,
            "displayName": element.name,
            "typeElementId": element.type_id,
            "parentId": element.parent,
            "isComposition": element.is_composition,
            "isExtended": False,
        }
        if with_metadata:
            relationships: dict[str, Any] = {}
            for name, other in self.related(element):
                relationships.setdefault(name, []).append(other.element_id)
            said["metadata"] = {
                "description": element.description or element.name,
                "typeNamespaceUri": TYPES_URI,
                "sourceTypeId": element.type_id,
                "relationships": relationships,
                "system": dict(element.system),
            }
        return said


def _relationship_types() -> Iterator[dict[str, Any]]:
    for pair in _PAIRS:
        for name, reverse in (pair, pair[::-1]):
            yield {
                "elementId": name,
                "displayName": name,
                "namespaceUri": I3X_URI,
                "relationshipId": name,
                "reverseOf": reverse,
            }


def _types(plant: PlantSpec) -> Iterator[dict[str, Any]]:
    yield _type("PlantType", "Plant", _PLACE)
    yield _type("LineType", "Line", _PLACE)
    yield _type("MeasurementType", "Measurement", {"type": "number"})
    kinds: dict[str, dict[str, Any]] = {}
    for device in plant.devices.values():
        # Any value may be absent; the unit is that of the first device of the kind, each object tells its own.
        properties = kinds.setdefault(device.kind, {})
        for name, spec in device.sensors.items():
            properties.setdefault(name, {"type": ["number", "null"], "x-unit": spec.unit})
    for kind, properties in kinds.items():
        yield _type(f"kinds/{kind}", kind, {"type": "object", "properties": properties})


def _type(element_id: str, name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "elementId": element_id,
        "displayName": name,
        "namespaceUri": TYPES_URI,
        "sourceTypeId": element_id,
        "version": "1.0.0",
        "schema": dict(schema),
    }


def _elements(plant: PlantSpec) -> Iterator[Element]:
    yield Element(ROOT, plant.name, "PlantType", None)
    for line in plant.lines.values():
        at = f"lines/{line.line_id}"
        yield Element(at, line.line_id, "LineType", ROOT, line.description)
        for device_id in line.devices:
            yield from _device(plant.devices[device_id], at)


def _device(device: DeviceSpec, line: str) -> Iterator[Element]:
    at = f"devices/{device.device_id}"
    yield Element(at, device.device_id, f"kinds/{device.kind}", line, device.description, device.device_id)
    for name, spec in device.sensors.items():
        system = {"unit": spec.unit, "kind": spec.kind}
        yield Element(f"{at}/{name}", name, "MeasurementType", at, spec.description, device.device_id, name, system)
