"""An inspector is at the door: cases, licences and audits are entered, and a packet is made."""

from __future__ import annotations

from zipfile import ZipFile

import httpx
from hands import environment, home, packtrail, serving  # noqa: F401  # fixtures

GTIN = "00355555678908"


def test_a_packet_for_fda_is_made_on_the_command_line(packtrail, examples, tmp_path):  # noqa: F811
    example = examples / "shipment.xml"
    assert packtrail("capture", example).code == 0
    entered = packtrail(
        "licence", "enter", "0355555000013", "manufacturer", "registration", "510-1", "--name",
        "Example Pharma Inc", "--authority", "FDA", "--valid-from", "2010-01-01", "--json",
    )  # fmt: skip
    assert entered.json["kind"] == "registration"
    case = packtrail(
        "case", "open", "suspect", "stolen", GTIN, "--lot", "L77", "--what", "lorry stolen",
        "--fact", "contact=Ada", "--json",
    ).json["id"]  # fmt: skip
    assert packtrail("case", "step", case, "investigating").code == 0
    assert packtrail("case", "step", case, "terminated").code == 1
    assert packtrail("case", "correct", case, "--fact", "strength=500 mg").code == 0
    changed = packtrail("case", "correct", case, "--fact", "strength=5 mg")
    assert changed.code == 1
    assert packtrail("case", "correct", case, "--fact", "strength").code == 2
    assert "reason" in changed.err
    assert packtrail("case", "step", case, "illegitimate", "--note", "police report").code == 0
    form = {
        one["name"]: one["value"] for one in packtrail("case", "form-3911", case, "--json").json
    }
    assert (form["classification"], form["contact"], form["lot"]) == ("stolen", "Ada", "L77")
    assert case in packtrail("case", "list").out
    audit = packtrail(
        "audit", "plan", "2027-01-01", "--scope", "all", "--auditor", "TÜV", "--json"
    ).json["id"]
    assert packtrail("audit", "done", audit, "2027-01-02", "--outcome", "fine").code == 0
    assert audit in packtrail("audit", "list").out
    out, root = tmp_path / "packet.asice", tmp_path / "root.pem"
    span = ("--from", "2020-01-01", "--to", "2099-01-01")
    made = packtrail("export", *span, "--kind", "dscsa inspection", "-o", out)
    assert made.code == 0, made.err
    root.write_text(packtrail("keys", "root").out)
    assert packtrail("verify-export", out, "--trust", root).code == 0
    with ZipFile(out) as archive:
        report = archive.read("report.json").decode()
        assert '"regulator-us"' in archive.read("manifest.json").decode()
    assert "lorry stolen" in report
    assert "510-1" in report
    assert packtrail("fsck").code == 0, "cases, licences and audits stand in the log"
    ended = packtrail("licence", "end", entered.json["id"], "2026-01-01")
    assert ended.code == 0
    assert packtrail("licence", "end", entered.json["id"], "2026-01-01").code == 1


def test_what_is_asked_wrongly_is_told_in_a_sentence(packtrail, tmp_path):  # noqa: F811
    out = tmp_path / "no.asice"
    span = ("--from", "2020-01-01", "--to", "2099-01-01", "-o", out)
    odd = packtrail("export", *span, "--profile", "neighbour")
    assert (odd.code, "there are internal, partner, public" in odd.err) == (2, True)
    (tmp_path / "odd.json").write_text("{}")
    assert packtrail("export", *span, "--profile", tmp_path / "odd.json").code == 2
    assert packtrail("export", *span, "--profile", tmp_path / "none.json").code == 2
    assert packtrail("export", *span, "--party", "123").code == 2
    assert packtrail("licence", "enter", "1", "king", "x", "1", "--name", "x", "--authority", "x",
                     "--valid-from", "soon").code == 1  # fmt: skip
    assert packtrail("case", "open", "rumour", "x", GTIN, "--what", "x").code == 2
    assert packtrail("case", "form-3911", "C-none").code == 1
    assert packtrail("audit", "plan", "soon", "--scope", "x", "--auditor", "x").code == 2
    assert not out.exists()


def test_the_same_over_http_and_on_the_page(packtrail, serving, examples):  # noqa: F811
    example = examples / "shipment.xml"
    assert packtrail("capture", example).code == 0
    with serving() as server, httpx.Client(base_url=server.address) as client:
        licence = {"gln": "0355555000013", "name": "Example Pharma Inc", "role": "manufacturer",
                   "kind": "registration", "authority": "FDA", "number": "510-1",
                   "valid_from": "2010-01-01"}  # fmt: skip
        entered = client.post("/partners/licences", json=licence)
        assert entered.status_code == 201, entered.text
        assert client.post("/partners/licences", json={**licence, "role": "x"}).status_code == 422
        of_partner = client.get("/partners/licences", params={"gln": "0355555000013"})
        assert [one["number"] for one in of_partner.json()] == ["510-1"]
        end = f"/partners/licences/{entered.json()['id']}/end"
        assert client.post(end, json={"day": "2026-01-01"}).json()["ended"] == "2026-01-01"
        assert client.post(end, json={"day": "2026-01-01"}).status_code == 409
        opened = client.post("/cases", json={"kind": "suspect", "category": "stolen",
            "gtin": GTIN, "lot": "L77", "what": "lorry stolen"})  # fmt: skip
        place = f"/cases/{opened.json()['id']}"
        assert client.post(f"{place}/steps", json={"act": "investigating"}).status_code == 201
        assert client.post(f"{place}/steps", json={"act": "terminated"}).status_code == 409
        assert client.get(place).json()["state"] == "investigating"
        assert client.get(f"{place}/form-3911").json()[4]["value"] == "stolen"
        assert client.get(f"{place}/form-3911?edition=9").status_code == 422
        facts = {"facts": {"strength": "500 mg"}}
        assert client.post(f"{place}/facts", json=facts).json()["facts"] == facts["facts"]
        again = client.post(f"{place}/facts", json={"facts": {"strength": "5 mg"}})
        assert again.status_code == 422
        assert again.headers["content-type"] == "application/problem+json"
        assert client.post("/cases/C-none/facts", json=facts).status_code == 404
        assert client.get("/cases/C-none").status_code == 404
        assert client.post("/cases/C-none/steps", json={"act": "note"}).status_code == 404
        planned = client.post(
            "/audits", json={"planned": "2027-01-01", "scope": "all", "auditor": "TÜV"}
        ).json()
        done = {"done": "2027-01-02", "outcome": "fine"}
        assert client.post(f"/audits/{planned['id']}/done", json=done).json()["outcome"] == "fine"
        assert client.post(f"/audits/{planned['id']}/done", json=done).status_code == 409
        assert len(client.get("/audits").json()) == len(client.get("/cases").json()) == 1
        names = [one["name"] for one in client.get("/exports/profiles").json()]
        assert names == sorted(names)
        assert "regulator-eu" in names
        asked = {"kind": "period", "from": "2020-01-01", "to": "2030-01-01", "by": "record time"}
        assert client.post("/exports", json={**asked, "profile": "x"}).status_code == 422
        page = client.post("/dossiers", data={**asked, "profile": "public"}, follow_redirects=True)
        assert "period 2020-01-01" in page.text
        assert "for public" in page.text
        assert "Bearer" not in client.post("/dossiers", data={**asked, "profile": "x"}).text
