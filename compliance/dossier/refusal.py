"""Why a dossier is not made."""

from __future__ import annotations


class ExportRefused(Exception):  # noqa: N818  # a refusal, shown to a person
    """No dossier was made; the message says why and what to do."""


class CannotSeal(ExportRefused):
    """Nothing is wrong with what was asked: no seal or time stamp could be had for it."""
