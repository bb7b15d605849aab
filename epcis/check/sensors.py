"""Rules over sensor elements.

Standard: EPCIS 2.0 section 7.3.7; conformance requirement TCR-53.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from epcis.check.fault import error, warning
from epcis.check.when import instant
from epcis.units import UNITS, comparable, unit
from schemas import cbv

if TYPE_CHECKING:
    from collections.abc import Iterator

    from epcis.check.fault import RuleFault
    from epcis.model import Event, SensorElement, SensorReport
    from epcis.units import Unit

_IN_EITHER: Final = {
    "time": "time",
    "device_id": "deviceID",
    "device_metadata": "deviceMetadata",
    "raw_data": "rawData",
    "data_processing_method": "dataProcessingMethod",
    "biz_rules": "bizRules",
}
"""What a sensor element says for all of its reports, or each report says for itself."""

_VALUES: Final = (
    "value",
    "string_value",
    "boolean_value",
    "hex_binary_value",
    "uri_value",
    "min_value",
    "max_value",
    "mean_value",
    "s_dev",
    "perc_rank",
    "perc_value",
    "exception",
    "component",
    "microorganism",
    "chemical_substance",
)


_NUMBERS: Final = ("value", "min_value", "max_value", "mean_value", "s_dev", "perc_value")
_DIMENSIONS: Final = {one.dimension for one in UNITS.values()}
_DIMENSION_OF: Final = {"relative humidity": "ratio", "absolute humidity": "density"}
"""Measurements whose name is not that of their dimension."""
_PERCENTILE_MAX: Final = 100
_UNITS_NAMED_MAX: Final = 4
_SECOND_WORD: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")


def senses_something(event: Event) -> Iterator[RuleFault]:
    """Every sensor element holds reports that say what was measured, once and in order."""
    field = "sensorElementList"
    for element in event.sensor_elements or ():
        if not element.reports:
            yield error(
                "sensor-report-missing",
                "a sensor element holds no report",
                "Give at least one sensorReport.",
                field,
            )
        yield from _metadata(element, field)
        for report in element.reports:
            yield from _report(report, field)


def _metadata(element: SensorElement, field: str) -> Iterator[RuleFault]:
    metadata = element.metadata
    if metadata is None:
        return
    twice = [
        name
        for attribute, name in _IN_EITHER.items()
        if getattr(metadata, attribute) is not None
        and any(getattr(report, attribute) is not None for report in element.reports)
    ]
    if twice:
        # TCR-53 has such events refused, yet GS1's own examples say it twice.
        yield warning(
            "sensor-attribute-twice",
            f"{', '.join(twice)} stand in sensorMetadata and in a sensorReport",
            "Say it once: for all reports in sensorMetadata, or in each report.",
            field,
        )
    start, end = (instant(t) if t else None for t in (metadata.start_time, metadata.end_time))
    if start is not None and end is not None and end < start:
        yield error(
            "sensor-ends-before-start",
            "the observation ends before it starts",
            "Check startTime and endTime.",
            field,
        )


def _report(report: SensorReport, field: str) -> Iterator[RuleFault]:
    if not report.type and not report.exception:
        yield error(
            "sensor-type-missing",
            "a sensor report does not say what was measured",
            "Give its type, e.g. gs1:Temperature.",
            field,
        )
    elif report.type and _is_unknown_measurement(report.type):
        yield warning(
            "word-unknown",
            f"'{report.type}' is no measurement of the GS1 Web Vocabulary",
            "Use one of its measurement types, or a URI of your own.",
            field,
        )
    if all(getattr(report, name) is None for name in _VALUES) and not report.extensions:
        yield warning(
            "sensor-value-missing",
            "a sensor report holds no value",
            "Give value, or another of the values a report may hold.",
            field,
        )
    if (report.perc_rank is None) != (report.perc_value is None):
        yield error(
            "sensor-percentile-half",
            "percRank and percValue stand together, or not at all",
            "Give both.",
            field,
        )
    rank = _number(report.perc_rank)
    if rank is not None and not 0 <= rank <= _PERCENTILE_MAX:
        yield warning(
            "sensor-percentile-outside",
            f"percRank {report.perc_rank} is no percentile",
            "A percentile rank runs from 0 to 100.",
            field,
        )
    yield from _unit(report, field)
    low, high = (_number(text) for text in (report.min_value, report.max_value))
    if low is not None and high is not None and low > high:
        yield error(
            "sensor-range-inverted",
            f"minValue {report.min_value} is more than maxValue {report.max_value}",
            "Exchange the two.",
            field,
        )


def _unit(report: SensorReport, field: str) -> Iterator[RuleFault]:
    """What is measured in numbers has a unit, and one that measures it."""
    word = cbv.bare("measurement", report.type or "")
    name = _SECOND_WORD.sub(" ", word).lower()
    dimension = _DIMENSION_OF.get(name, name)
    is_number = any(getattr(report, one) is not None for one in _NUMBERS)
    if dimension not in _DIMENSIONS or not is_number:
        return
    known = ", ".join(one.code for one in _of_dimension(dimension))
    if report.uom is None:
        yield warning(
            "sensor-unit-missing",
            f"a report of {word} does not say in which unit",
            f"Give uom, e.g. {known}.",
            field,
        )
    elif unit(report.uom).dimension not in (dimension, f"unit {report.uom}"):
        yield warning(
            "sensor-unit-foreign",
            f"{report.uom} is no unit of {word}",
            f"Correct type or uom; {word} is measured in {known}.",
            field,
        )


def _of_dimension(dimension: str) -> tuple[Unit, ...]:
    some = next(one for one in UNITS.values() if one.dimension == dimension)
    return comparable(some.code)[:_UNITS_NAMED_MAX]


def _is_unknown_measurement(word: str) -> bool:
    if cbv.is_standard("measurement", word):
        return False
    return ":" not in word or word.startswith((cbv.GS1_VOC, "gs1:"))


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None
