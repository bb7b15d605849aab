"""The word for an act that is not done because of what was asked, on every floor."""

from __future__ import annotations


class Refused(Exception):  # noqa: N818  # a refusal is an answer, told to a person
    """What was asked is not done, and nothing was changed; the text says why and what to do."""
