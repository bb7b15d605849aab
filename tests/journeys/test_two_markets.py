"""Two markets, two really started servers, one the other's peer: a pack of Ireland in Finland.

Each request is judged as in the market where it is made, over REST, SOAP and bulk; an alert has one
id that both sides can look up.
"""

from __future__ import annotations

import json
import os
import secrets
from contextlib import ExitStack

import httpx
import pytest
from hands import hand, serve_in
from lxml import etree

GTIN = "05901234123457"
LOT, EXPIRY = "L1", "310531"
ALPHABET = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"


def random_serial() -> str:
    """Twelve characters, letters and digits, as the uploaded serials of the product are."""
    return "A7" + "".join(secrets.choice(ALPHABET) for _ in range(10))


PRODUCT = {
    "code": GTIN,
    "name": "Trailol 20 mg tablets",
    "common_name": "trailolum",
    "form": "tablet",
    "strength": "20 mg",
    "pack_type": "box",
    "pack_size": 30,
    "markets": [
        {"country": country, "mah_name": "Trail", "mah_address": "Road 1"}
        for country in ("IE", "FI")
    ],
}
MODE = {"emvs-data-entry-mode": "non-manual"}
PEOPLE = {
    "IE": {
        "maker": {"role": "mah", "location": "plant", "authorisation": "trail"},
        "rival": {"role": "mah", "location": "works", "authorisation": "rival"},
        "till": {"role": "pharmacy", "location": "P1", "authorisation": "A1"},
        "fimea": {"role": "repository", "market": "FI"},
    },
    "FI": {
        "anna": {"role": "pharmacy", "location": "P1", "authorisation": "A1"},
        "bert": {"role": "pharmacy", "location": "P2", "authorisation": "A1"},
        "agency": {"role": "nca"},
    },
}
"""The first pharmacies of both countries call their premises and licences alike."""


def ok(answer):
    assert answer.status_code == 200, answer.text
    return answer.json()


class Country:
    """One market's repository, and its clients by name."""

    def __init__(self, market, folder, stack, **settings):
        kept = {key: text for key, text in os.environ.items() if not key.startswith("PACKTRAIL_")}
        self.environment = kept | {
            "PYTHONUNBUFFERED": "1",
            "PACKTRAIL_DATA_DIR": str(folder / market),
            "PACKTRAIL_MARKET": market,
            "PACKTRAIL_OWNER_GLN": "0355555000013",
            **settings,
        }
        run = hand(self.environment)
        scopes = "capture,recall,verify,query,supply,act,destroy"
        names = ("nobody", *PEOPLE[market])
        self.keys = {
            name: run("access", "new-key", name, "--scopes", scopes).out.strip() for name in names
        }
        self.keys["admin"] = run(
            "access", "new-key", "admin", "--scopes", "verify,admin"
        ).out.strip()
        self.address = stack.enter_context(serve_in(self.environment)).address
        for name, told in PEOPLE[market].items():
            ok(self.ask("admin", "PUT", f"/fmd/participants/{name}", json=told))

    def ask(self, name, method, path, **more):
        headers = {"Authorization": f"Bearer {self.keys[name]}"} | more.pop("headers", {})
        return httpx.request(method, self.address + path, headers=headers, timeout=60, **more)

    def rest(self, name, serial, state=None, lot=LOT):
        path = f"/fmd/product/gs1/{GTIN}/pack/{serial}?batch={lot}&expiry={EXPIRY}"
        if state is None:
            return self.ask(name, "GET", path, headers=MODE)
        return self.ask(name, "PATCH", path, headers=MODE, json={"state": state})

    def soap(self, name, operation, serial):
        """Return code and the whole answer."""
        body = f"""<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>
          <{operation}Request><Body><Product><ProductCode scheme="GTIN">{GTIN}</ProductCode>
          <Batch><Id>{LOT}</Id><ExpDate>{EXPIRY}</ExpDate></Batch></Product><Pack sn="{serial}"/>
          </Body></{operation}Request></s:Body></s:Envelope>"""
        root = etree.fromstring(self.ask(name, "POST", "/fmd/soap", content=body).content)
        return root.find(".//ReturnCode").get("code"), root

    def sees(self, name, alert):
        answer = self.ask(name, "GET", f"/fmd/alerts/{alert}")
        return answer.json() if answer.status_code == 200 else answer.status_code


@pytest.fixture(scope="module")
def serials():
    return [random_serial() for _ in range(12)]


@pytest.fixture(scope="module")
def countries(tmp_path_factory, serials):
    folder = tmp_path_factory.mktemp("markets")
    with ExitStack() as stack:
        ireland = Country("IE", folder, stack)
        (folder / "fi.key").write_text(ireland.keys["fimea"])
        peers = [{"name": "ie", "base_url": ireland.address, "key_file": "fi.key"}]
        (folder / "peers.json").write_text(json.dumps(peers))
        more = {"PACKTRAIL_PEERS_FILE": str(folder / "peers.json"), "PACKTRAIL_PEER_BUDGET_S": "20"}
        finland = Country("FI", folder, stack, **more)
        assert ireland.ask("rival", "POST", "/fmd/uploads/batch", json={}).status_code == 400
        ok(ireland.ask("maker", "POST", "/fmd/uploads/product", json=PRODUCT))
        lot = {"code": GTIN, "lot": LOT, "expiry": "2031-05-31", "markets": ["IE", "FI"]}
        ok(ireland.ask("maker", "POST", "/fmd/uploads/batch", json=lot | {"serials": serials}))
        yield ireland, finland


def test_a_second_pharmacy_abroad_is_a_second_supply_and_undoes_nothing(countries, serials):
    ireland, finland = countries
    serial = serials[0]
    seen = ok(finland.rest("anna", serial))
    assert (seen["state"], seen["isIntermarket"], seen["colour"]) == ("Active", True, "green")
    assert ok(finland.rest("anna", serial, "Supplied"))["state"] == "Supplied"
    code, answer = finland.soap("bert", "G120", serial)
    alert = answer.findtext(".//UniqueAlertId")
    assert code == "NMVS_NC_PCK_19"
    assert alert.startswith("FI-")
    at_home = ireland.sees("fimea", alert)
    abroad = finland.sees("bert", alert)
    for told in (at_home, abroad):
        assert (told["hub"], told["serial"], told["market"]) == ("A7", serial, "FI")
        assert told["cause"] == "clone"
    assert (at_home["client"], abroad["client"]) == ("FI:bert", "bert")
    assert finland.soap("bert", "G121", serial)[0] == "NMVS_NC_PCK_21"
    assert ireland.rest("till", serial, "Active").status_code == 409  # P1 and A1, but of Ireland
    assert finland.soap("anna", "G121", serial)[0] == "NMVS_SUCCESS"
    assert ok(ireland.rest("till", serial))["state"] == "Active"


def test_an_alert_is_seen_and_worked_by_those_it_concerns(countries, serials):
    ireland, finland = countries
    finland.rest("anna", serials[1], "Supplied")
    alert = finland.rest("bert", serials[1], "Supplied").json()["alertId"]
    owner = ireland.sees("maker", alert)
    assert (owner["client"], owner["location"]) == ("", "")
    assert [ireland.sees(name, alert) for name in ("rival", "till", "nobody")] == [404] * 3
    assert [finland.sees(name, alert) for name in ("anna", "nobody")] == [404] * 2
    assert finland.sees("agency", alert)["client"] == "bert"
    step = {"status": "Under investigation"}
    moved = ireland.ask("maker", "POST", f"/fmd/alerts/{alert}/steps", json=step)
    assert ok(moved)["status"] == "Under investigation"
    assert finland.ask("anna", "POST", f"/fmd/alerts/{alert}/steps", json=step).status_code == 404
    again = finland.rest("bert", serials[1], "Supplied").json()["alertId"]
    assert (again, ireland.sees("maker", alert)["count"]) == (alert, 2)
    assert finland.sees("bert", alert)["count"] == 2


@pytest.mark.parametrize("state", [None, "Supplied"])
def test_a_serial_unknown_to_the_market_that_knows_the_product_is_a_falsification(countries, state):
    ireland, finland = countries
    made_up = random_serial()
    answer = finland.rest("anna", made_up, state)
    said = answer.json()
    assert (answer.status_code, said["operationCode"]) == (404, "41020001")
    assert said["colour"] == "red"
    for told in (ireland.sees("maker", said["alertId"]), finland.sees("anna", said["alertId"])):
        assert (told["hub"], told["serial"]) == ("A3", made_up)
    code, answer = finland.soap("bert", "G120" if state else "G110", made_up)
    assert code == "NMVS_NC_PC_02"
    assert ireland.sees("maker", answer.findtext(".//UniqueAlertId"))["hub"] == "A3"


def test_a_recall_in_one_market_stops_there_and_not_in_the_other(countries, serials):
    ireland, finland = countries
    lot = {"code": GTIN, "lot": "L2", "expiry": "2031-05-31", "markets": ["IE", "FI"]}
    more = [random_serial() for _ in range(2)]
    ok(ireland.ask("maker", "POST", "/fmd/uploads/batch", json=lot | {"serials": more}))
    recall = {"code": GTIN, "lot": "L2", "reason": "particles", "markets": ["FI"]}
    wrong = ireland.ask("maker", "POST", "/fmd/uploads/recall", json=recall | {"markets": ["SE"]})
    assert wrong.status_code == 422
    stranger = ireland.ask("rival", "POST", "/fmd/uploads/recall", json=recall)
    assert stranger.status_code == 403
    ok(ireland.ask("maker", "POST", "/fmd/uploads/recall", json=recall))
    stopped = finland.rest("anna", more[0], "Supplied", lot="L2")
    assert (stopped.status_code, stopped.json()["colour"]) == (409, "red")
    assert "alertId" not in stopped.json()
    seen = ok(finland.rest("anna", more[0], lot="L2"))
    assert (seen["batchState"], seen["colour"], "warning" in seen) == ("Recalled", "red", True)
    assert ok(ireland.rest("till", more[0], "Supplied", lot="L2"))["state"] == "Supplied"


def test_a_repository_speaks_for_its_own_market_and_clients_only(countries, serials):
    ireland, _ = countries
    request = {"operation": "supply", "code": GTIN, "serial": serials[2]}
    till = {"client": "x", "role": "pharmacy", "location": "P9", "authorisation": "A9"}
    for name, origin in (
        ("fimea", till | {"market": "SE"}),
        ("fimea", till | {"role": "repository"}),
        ("fimea", till | {"location": ""}),
        ("till", till),
        ("nobody", till),
    ):
        body = {"request": request, "origin": origin}
        assert ireland.ask(name, "POST", "/fmd/intermarket", json=body).status_code == 403
    assert ok(ireland.rest("till", serials[2]))["state"] == "Active"


def test_who_is_not_registered_is_refused(countries, serials):
    ireland, finland = countries
    pack = {"gtin": GTIN, "serial": serials[3]}
    for country in (ireland, finland):
        assert country.rest("nobody", serials[3], "Supplied").status_code == 403
        assert country.soap("nobody", "G120", serials[3])[0] == "NMVS_FE_AU_03"
        assert country.ask("nobody", "POST", "/packs/supply", json=pack).status_code == 403
        bulk = {"packs": [{"productCode": GTIN, "serialNumber": serials[3]}], "state": "Supplied"}
        sent = country.ask("nobody", "POST", "/fmd/product/packs", json=bulk, headers=MODE)
        assert sent.status_code == 403
        assert (
            country.ask("nobody", "POST", "/fmd/uploads/product", json=PRODUCT).status_code == 403
        )
    assert ok(ireland.rest("till", serials[3]))["state"] == "Active"
