"""Base class of the errors every package raises when it declines a request."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  # a refusal is an answer, shown to a person
    """The request was declined and nothing was changed; the text says why and what to do."""
