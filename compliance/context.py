"""The application's context for the routes of this package and of the packages below it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, cast

from epcis.http_context import EpcisSettings
from verification.context import VerificationContext

if TYPE_CHECKING:
    from pathlib import Path

    from starlette.requests import HTTPConnection

    from epcis.exchange.exchange import Exchange


class ComplianceSettings(EpcisSettings, Protocol):
    """The operator's settings that this package's routes read."""

    @property
    def exports_folder(self) -> Path:
        """The folder of finished dossiers."""

    @property
    def archive_folder(self) -> Path:
        """The folder of the archive's files."""

    @property
    def retention_policy(self) -> Path | None:
        """File of the operator's own retention policy; None: the one we ship."""

    @property
    def public_address(self) -> str:
        """Under which others reach this server; empty: not set."""

    @property
    def owner_gln(self) -> str:
        """GLN of this installation's company; empty where it is not set."""

    @property
    def schemas_dir(self) -> Path | None:
        """Folder of schema files to use instead of Packtrail's own."""

    @property
    def redaction_profiles(self) -> Path | None:
        """Folder of the operator's own redaction profiles."""


@dataclass(frozen=True, kw_only=True)
class ComplianceContext(VerificationContext):
    """The parts of an application that compliance needs."""

    settings: ComplianceSettings
    exchange: Exchange


def compliance_settings_of(request: HTTPConnection) -> ComplianceSettings:
    """The operator's settings that this package reads."""
    return cast("ComplianceContext", request.app.state.context).settings


def exchange_of(request: HTTPConnection) -> Exchange:
    """What exchange with partners works with."""
    return cast("ComplianceContext", request.app.state.context).exchange
