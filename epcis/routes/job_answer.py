"""A capture job as an answer, in JSON and in XML. Standard: EPCIS 2.0 section 8.1.3."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson
from fastapi.responses import Response
from lxml import etree

from epcis.routes.problems import writable

if TYPE_CHECKING:
    from datetime import datetime

    from epcis.capture_job import Job
    from epcis.routes.negotiation import Agreement

EPCIS_2: Final = "urn:epcglobal:epcis:xsd:2"
"""Namespace of EPCIS 2.0."""


def job_answer(found: Job, agreement: Agreement) -> Response:
    """A capture job in the form that was agreed on."""
    if agreement.is_xml:
        content = etree.tostring(job_element(found), xml_declaration=True, encoding="UTF-8")
    else:
        content = orjson.dumps(job_object(found))
    return Response(content, headers=agreement.headers, media_type=agreement.media_type)


def job_object(found: Job) -> dict[str, object]:
    """A capture job as JSON."""
    answer: dict[str, object] = {
        "captureID": found.id,
        "createdAt": _written(found.created),
        "running": found.running,
        "success": found.success,
        "captureErrorBehaviour": found.behaviour.value,
        "errors": list(found.errors),
    }
    if found.events is not None:
        answer |= {"events": dict(found.events), "findings": list(found.findings)}
    if found.finished is not None:
        answer["finishedAt"] = _written(found.finished)
    return answer


def job_element(found: Job) -> etree._Element:
    """A capture job as XML, `EPCISCaptureJob` of the standard's schema."""
    root = etree.Element(
        f"{{{EPCIS_2}}}EPCISCaptureJob",
        nsmap={"epcis": EPCIS_2},
        attrib={
            "running": str(found.running).lower(),
            "success": str(found.success).lower(),
            "captureID": found.id,
        },
    )
    etree.SubElement(root, "captureErrorBehaviour").text = found.behaviour.value
    etree.SubElement(root, "createdAt").text = _written(found.created)
    if found.finished is not None:
        etree.SubElement(root, "finishedAt").text = _written(found.finished)
    if found.errors:
        errors = etree.SubElement(root, "errors")
        for one in found.errors:
            error = etree.SubElement(errors, "error")
            for name in ("type", "title", "status", "detail"):
                etree.SubElement(error, name).text = writable(str(one[name]))
    if found.events is not None:
        counts = {name: str(count) for name, count in found.events.items()}
        etree.SubElement(root, "events", attrib=counts)
    if found.findings:
        findings = etree.SubElement(root, "findings")
        for one in found.findings:
            finding = etree.SubElement(findings, "finding")
            for name in ("code", "severity", "what", "hint"):
                etree.SubElement(finding, name).text = writable(str(one[name]))
    return root


def _written(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
