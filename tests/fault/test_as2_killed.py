"""Two companies exchange files over AS2 while both are killed and started again.

`python -m benchmarks.exchange --killed 1000` does the same with a thousand documents each way.
"""

from __future__ import annotations

import pytest
from as2_killed import exchange_while_killed, lost_or_doubled

DOCUMENTS, KILLS, LONGEST_S = 40, 8, 240


@pytest.mark.parametrize("receipt", ["sync", "async"])
def test_no_document_is_lost_or_doubled_while_both_sides_are_killed(tmp_path, receipt):
    both = exchange_while_killed(
        tmp_path, documents=DOCUMENTS, kills=KILLS, longest_s=LONGEST_S, receipt=receipt
    )
    for one in both:
        assert lost_or_doubled(one, DOCUMENTS) == []
        one.site.store.close()
