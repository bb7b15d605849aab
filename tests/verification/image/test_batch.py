"""A folder of pictures, read on all cores, answered in order."""

from __future__ import annotations

from tests.verification.image.conftest import PACK, drawn, saved
from verification.image.batch import read_pictures


def test_readings_come_in_the_order_of_the_files(tmp_path):
    paths = []
    for number in range(12):
        path = tmp_path / f"{number:02}.png"
        path.write_bytes(saved(drawn(PACK.replace("A1B2C3D4", f"SERIAL{number:02}"))))
        paths.append(path)
    paths.insert(5, tmp_path / "gone.png")
    answers = list(read_pictures(paths, processes=2))
    assert [path for path, _ in answers] == paths
    assert answers[5][1].error.endswith("No such file or directory")
    del answers[5]
    serials = [reading.symbols[0].reading.serial for _, reading in answers]
    assert serials == [f"SERIAL{number:02}" for number in range(12)]


def test_a_caller_that_stops_early_leaves_no_worker_behind(tmp_path):
    path = tmp_path / "pack.png"
    path.write_bytes(saved(drawn()))
    readings = read_pictures([path] * 30, processes=1)
    assert next(readings)[1].symbols
    readings.close()


def test_no_pictures_is_no_readings():
    assert list(read_pictures([], processes=1)) == []
