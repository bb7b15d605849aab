"""Two processes sign the log at once, or one is killed and its commit comes late: all is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from chain import pack, see

from compliance.seal import checkpoint
from compliance.seal.operator_keys import open_keys
from compliance.service.settings import Settings
from epcis.capture import capture
from epcis.codec.document import write_event_json
from epcis.fsck import fsck

NOW = datetime(2026, 6, 1, tzinfo=UTC)


def test_a_checkpoint_that_came_late_is_told_by_the_next_signature(store, tmp_path, monkeypatch):
    keys = open_keys(Settings(data_dir=tmp_path))

    def sign(hour: int) -> None:
        capture(store, write_event_json(see(hour, [pack(hour)], "storing")), now=NOW)
        checkpoint.seal_log(store, keys, now=NOW + timedelta(hours=hour))

    sign(1)
    sign(2)
    with monkeypatch.context() as late:
        late.setattr(checkpoint, "_log_what_was_signed", lambda *_, **__: None)
        sign(3)  # as one that looked before the second was there
    assert [one.code for one in fsck(store, now=NOW)] == ["store.row-differs"]
    checkpoint.seal_log(store, keys, now=NOW + timedelta(hours=4))
    assert list(fsck(store, now=NOW)) == []
    sign(5)
    assert list(fsck(store, now=NOW)) == []
