"""Every floor's tables, imported so that the one `metadata` knows them all."""

import verification.tables  # noqa: F401  # for their declarations
