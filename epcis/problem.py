"""A refusal as HTTP tells it, for code that knows nothing of any web framework."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from schemas.finding import Finding


@dataclass
class Problem(Exception):  # noqa: N818  # RFC 9457 calls it a problem
    """A refusal, answered as RFC 9457 problem+json.

    `type` is the EPCIS exception (`epcisException:ValidationException`) where the standard has one.
    """

    status: int
    title: str
    detail: str
    type: str = "about:blank"
    findings: tuple[Finding, ...] = ()
    headers: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """The problem as a JSON object.

        >>> Problem(404, "Not found", "no such pack").as_dict()["status"]
        404
        """
        body: dict[str, object] = {
            "type": self.type,
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
        }
        if self.findings:
            body["findings"] = [finding.as_dict() for finding in self.findings]
        return body
