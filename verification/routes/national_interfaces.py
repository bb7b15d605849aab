"""The table of national interfaces: routers, the reference page and tests are made from it.

To add one, write its module and name it here: docs/how-to/add-a-national-interface.md.
"""

from __future__ import annotations

from verification.routes import national_rest, national_soap

INTERFACES = (
    national_rest.INTERFACE,
    national_soap.INTERFACE,
)
"""Every family of national interfaces that is served here."""
