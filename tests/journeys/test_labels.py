"""A label by command, over HTTP and on the page, read back by our own reader."""

from __future__ import annotations

import httpx
import pytest

from verification.image.picture import read_picture

TEXT = "(01)09506000134352(21)A&<b>(17)270531(10)L1"


def test_one_label_by_every_door(serving, packtrail, tmp_path):
    made = packtrail("label", TEXT, "-o", tmp_path / "label.png", "--sign", "cold")
    assert made.code == 0, made.err
    (symbol,) = read_picture((tmp_path / "label.png").read_bytes()).symbols
    again = packtrail(
        "label", TEXT, "-o", tmp_path / "x.svg", "--format", "svg", "--check", symbol.raw
    )
    assert again.code == 0, again.err
    wrong = packtrail(
        "label", TEXT, "-o", tmp_path / "x", "--check", symbol.raw.replace("L1", "L2")
    )
    assert (wrong.code, "(10)" in wrong.err) == (1, True)
    key = packtrail("access", "new-key", "line", "--scopes", "verify", "--json").json["key"]
    with (
        serving() as server,
        httpx.Client(base_url=server.address, headers={"Authorization": f"Bearer {key}"}) as http,
    ):
        for form, kind in (("png", "image/png"), ("pdf", "application/pdf")):
            got = http.get("/label", params={"text": TEXT, "format": form})
            assert (got.status_code, got.headers["content-type"]) == (200, kind)
            assert read_picture(got.content).symbols[0].raw == symbol.raw
        zpl = http.post("/label", json={"text": TEXT, "format": "zpl", "signs": ["Fragile"]})
        assert zpl.text.startswith("^XA")
        told = http.post("/label/check", json={"text": TEXT, "scanned": symbol.raw}).json()
        assert told == {"same": True, "differences": []}
        page = http.get("/labels", params={"text": TEXT, "scanned": symbol.raw})
        assert "reads as it should" in page.text
        assert "A&amp;&lt;b&gt;" in page.text


@pytest.mark.parametrize("text", ["(01)09506000134353(21)A1", "(01)09506000134352(21)A^~", "", "x"])
def test_what_is_no_label_is_refused_at_every_door(packtrail, serving, text, tmp_path):
    refused = packtrail("label", text, "-o", tmp_path / "x")
    assert refused.code in (1, 2)
    assert refused.err.strip()
    assert not (tmp_path / "x").exists()
    with serving() as server, httpx.Client(base_url=server.address) as http:
        answer = http.get("/label", params={"text": text})
        assert answer.status_code == 422
        assert answer.json()["findings"]
