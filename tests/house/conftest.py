"""The house is tried with a newcomer's hands."""

from hands import environment, home, packtrail, serving  # noqa: F401  # fixtures
