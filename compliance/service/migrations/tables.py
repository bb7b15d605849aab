"""Every floor's tables, imported so that the one `metadata` knows them all."""

import compliance.tables  # noqa: F401
