"""The names of sensor data in documents and in the event model (EPCIS 2.0 section 7.3.7).

XML writes them as attributes, JSON-LD as members, both under the same names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from epcis.model import SensorMetadata, SensorReport

if TYPE_CHECKING:
    from collections.abc import Mapping

_METADATA: Final = {
    "time": "time",
    "startTime": "start_time",
    "endTime": "end_time",
    "deviceID": "device_id",
    "deviceMetadata": "device_metadata",
    "rawData": "raw_data",
    "dataProcessingMethod": "data_processing_method",
    "bizRules": "biz_rules",
}
_REPORT: Final = {
    "type": "type",
    "exception": "exception",
    "deviceID": "device_id",
    "deviceMetadata": "device_metadata",
    "rawData": "raw_data",
    "dataProcessingMethod": "data_processing_method",
    "bizRules": "biz_rules",
    "time": "time",
    "microorganism": "microorganism",
    "chemicalSubstance": "chemical_substance",
    "value": "value",
    "component": "component",
    "stringValue": "string_value",
    "booleanValue": "boolean_value",
    "hexBinaryValue": "hex_binary_value",
    "uriValue": "uri_value",
    "minValue": "min_value",
    "maxValue": "max_value",
    "meanValue": "mean_value",
    "sDev": "s_dev",
    "percRank": "perc_rank",
    "percValue": "perc_value",
    "uom": "uom",
    "coordinateReferenceSystem": "coordinate_reference_system",
}
SENSOR_FIELDS: Final[Mapping[type[SensorMetadata | SensorReport], dict[str, str]]] = {
    SensorMetadata: _METADATA,
    SensorReport: _REPORT,
}
"""Attributes of either record by their names in documents."""
NUMBERS: Final = frozenset(
    {"value", "minValue", "maxValue", "meanValue", "sDev", "percRank", "percValue"}
)
WORD_KINDS: Final = {"type": "measurement", "exception": "alert", "component": "comp"}
"""Members that hold a standard word, and the vocabulary it is of (`schemas.cbv`)."""
