"""A dossier shows the same events and proves them whether or not they lie in the archive."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from zipfile import ZipFile

import pytest

from compliance.dossier import ExportRefused, LotHistory, Pack, export, verify_export
from compliance.retention.duty import Duty
from compliance.retention.policy import RetentionPolicy
from epcis.capture import record
from epcis.fsck import fsck
from tests.compliance.test_dossier import GTIN, NOW, STORY

LATER = datetime(2040, 1, 1, tzinfo=UTC)
SAME = ("events.ndjson", "events.csv")


def shown(store, keys, path, selection):
    export(store, selection, path, keys, now=LATER, by="inspector")
    assert verify_export(path, keys.root_pem()).exit_code == 0
    with ZipFile(path) as file:
        return [file.read(name) for name in SAME]


def test_a_dossier_is_the_same_before_and_while_archived(store, keys, tmp_path):
    with store.write(NOW) as tx:
        record(tx, STORY)
    selections = [LotHistory(GTIN, "L7"), Pack(GTIN, "101")]
    before = [shown(store, keys, tmp_path / f"{n}.asice", one) for n, one in enumerate(selections)]
    folder = tmp_path / "archive"
    lines = Duty(store, RetentionPolicy(), folder, tmp_path, LATER, "tester").run(lambda *_: None)
    assert lines[0].entries == len(STORY)
    after = [shown(store, keys, tmp_path / f"{n}a.asice", one) for n, one in enumerate(selections)]
    assert after == before
    assert before[0][0]
    assert list(fsck(store, now=LATER)) == []
    shutil.move(folder, tmp_path / "tape")
    with pytest.raises(ExportRefused, match="in file events-20"):
        export(store, selections[0], tmp_path / "no.asice", keys, now=LATER, by="inspector")
    assert not (tmp_path / "no.asice").exists()
