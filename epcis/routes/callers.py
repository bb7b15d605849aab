"""What a route may demand of its caller."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends

from epcis.http_context import Caller, needs

MayQuery = Annotated[Caller, Depends(needs("query"))]
"""A caller that may read."""
MayCapture = Annotated[Caller, Depends(needs("capture"))]
"""A caller that may send events."""
