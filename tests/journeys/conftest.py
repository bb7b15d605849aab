"""Journeys are made with a newcomer's hands."""

from hands import environment, home, packtrail, serving  # noqa: F401  # fixtures
