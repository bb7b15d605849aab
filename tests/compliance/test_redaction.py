"""A recipient's copy shows what his profile allows, proves the same events, and leaks nothing."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from zipfile import ZipFile

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pypdfium2 import PdfDocument

from compliance.dossier import (
    AuditTrail,
    AuthorityReport,
    EventPeriod,
    ExportRefused,
    Inspection,
    LotHistory,
    Recipient,
    Shipment,
    export,
    verify_export,
)
from compliance.dossier.index import HEADER, RECORD
from compliance.dossier.redaction import (
    PROFILES,
    RedactionProfile,
    Redactor,
    Treatment,
    find_profile,
    shipped,
)
from compliance.dossier.words import DataClass
from compliance.recall.recall import open_recall
from epcis.capture import record
from epcis.ledger.entry import LeafKind
from epcis.ledger.record import EventParts
from epcis.ledger.store import Store
from epcis.model import BizTransaction, Node, ObjectEvent, Party, Place
from tests.compliance.test_dossier import GTIN, NOW, at, pack
from tests.verdicts import verify_and_log
from verification.decision.act import Asked

SHIPPED = sorted(path.stem for path in PROFILES.glob("*.json"))
SELLER, BUYER = "urn:epc:id:sgln:0355555.00001.0", "urn:epc:id:sgln:0399999.00002.0"
SHOP = "https://shop.test/ns"
SECRETS = {
    DataClass.PLACES: ("urn:epc:id:sgln:0355555.77777.0", "0355555777779", "Dover-premises"),
    DataClass.PARTIES: ("0355555.00001.0", "0355555000013", "0399999.00002.0", "0399999000024"),
    DataClass.DOCUMENTS: ("ORDER-4711",),
    DataClass.PRICES: ("1234.56-EUR",),
    DataClass.LOTS: ("LOT-SECRET-7",),
    DataClass.PEOPLE: ("Quentin-Clerk", "Ada-Inspector"),
    DataClass.NOTES: ("because-the-cork-leaked",),
    DataClass.OTHER: ("colour-of-the-truck",),
}
"""Of each class, words that stand nowhere else in the story."""
STORY = (
    ObjectEvent(**at(0), action="ADD", biz_step="commissioning", disposition="active",
                epcs=tuple(pack(n) for n in range(100, 104)),
                ilmd=(Node(namespace="urn:epcglobal:cbv:mda", name="lotNumber",
                           children=("LOT-SECRET-7",)),)),
    ObjectEvent(**at(2), action="OBSERVE", biz_step="shipping", disposition="in_transit",
                epcs=(pack(100), pack(101)),
                read_point=Place(id="urn:epc:id:sgln:0355555.77777.0"),
                biz_transactions=(BizTransaction(id="urn:x:ORDER-4711", type="po"),),
                sources=(Party(type="owning_party", id=SELLER),),
                destinations=(Party(type="owning_party", id=BUYER),),
                extensions=(Node(namespace=SHOP, name="price", children=("1234.56-EUR",)),
                            Node(namespace=SHOP, name="truck", children=("colour-of-the-truck",)))),
    ObjectEvent(**at(3), action="OBSERVE", biz_step="inspecting", epcs=(pack(100),)),
)  # fmt: skip
ALL_RECORDED = EventPeriod(NOW - timedelta(days=30), NOW + timedelta(days=30), by_record_time=True)
SPAN = (ALL_RECORDED.from_, ALL_RECORDED.to)
KINDS = {
    "recorded": ALL_RECORDED,
    "lot": LotHistory(GTIN, "LOT-SECRET-7"),
    "shipment": Shipment("urn:x:ORDER-4711"),
    "trail": AuditTrail(*SPAN, who="Quentin-Clerk"),
    "inspection": Inspection(*SPAN),
    "authority": AuthorityReport(*SPAN),
}


def tell(store: Store) -> Store:
    """Packs are made, sold at a price and asked for; a lot is recalled; somebody signs in."""
    with store.write(NOW - timedelta(days=1)) as tx:
        record(tx, STORY)
        tx.log(LeafKind.ACCESS, b'{"act":"signed-in","name":"Quentin-Clerk"}')
    verify_and_log(
        store, Asked(GTIN, "101"), now=NOW, client="Quentin-Clerk", location="Dover-premises"
    )
    open_recall(
        store, GTIN, "LOT-SECRET-7", reason="because-the-cork-leaked", by="Ada-Inspector", now=NOW
    )
    return store


@pytest.fixture
def told(store: Store) -> Store:
    return tell(store)


@pytest.fixture(scope="module")
def told_once(tmp_path_factory) -> Iterator[Store]:
    """The same story in a file, for tests that only read it."""
    store = Store.open(str(tmp_path_factory.mktemp("told") / "packtrail.db"))
    store.create_all()
    yield tell(store)
    store.close()


@dataclass
class Copy:
    """A dossier that was made for somebody, and checked with the script inside of it."""

    members: dict[str, bytes]
    said: bytes

    @classmethod
    def made(cls, store, selection, keys, folder: Path, **how) -> Copy:
        out = folder / "copy.asice"
        out.unlink(missing_ok=True)
        export(
            store,
            selection,
            out,
            keys,
            now=NOW + timedelta(hours=1),
            by="Ada-Inspector",
            recipient=Recipient(**how),
        )
        outcome = verify_export(out, keys.root_pem())
        assert outcome.exit_code == 0, outcome.findings
        with ZipFile(out) as archive:
            members = {name: archive.read(name) for name in archive.namelist()}
        (folder / "check.py").write_bytes(members["verify_dossier.py"])
        (folder / "root.pem").write_bytes(keys.root_pem())
        done = subprocess.run(
            [sys.executable, "-I", "check.py", "copy.asice", "root.pem"],
            cwd=folder, capture_output=True, check=False, timeout=60,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout
        return cls(members, done.stdout)

    @property
    def manifest(self) -> dict:
        return json.loads(self.members["manifest.json"])

    @property
    def extracts(self) -> list[dict]:
        return [json.loads(x) for x in self.members.get("extracts.ndjson", b"").splitlines()]

    @property
    def places(self) -> list[int]:
        index = self.members["log/index.bin"][HEADER.size :]
        return [RECORD.unpack_from(index, x)[0] for x in range(0, len(index), RECORD.size)]

    def text(self) -> str:
        """Every word anywhere in it: members as bytes, the PDF's text, the workbook's parts."""
        found = [content.decode("utf-8", "replace") for content in self.members.values()]
        pages = PdfDocument(self.members["report.pdf"])
        found += ["".join(page.get_textpage().get_text_range().split()) for page in pages]
        found += [str(pages.get_metadata_dict())]
        pages.close()
        if book := self.members.get("events.xlsx"):
            with ZipFile(io.BytesIO(book)) as inner:
                found += [inner.read(name).decode("utf-8", "replace") for name in inner.namelist()]
        return "\n".join(found)


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize("kind", KINDS)
def test_nothing_of_a_hidden_class_stands_anywhere_in_a_copy(told_once, keys, tmp_path, name, kind):
    profile = shipped(name)
    text = Copy.made(told_once, KINDS[kind], keys, tmp_path, profile=profile).text()
    for data, words in SECRETS.items():
        if profile.treats(data) is not Treatment.KEEP:
            assert [word for word in words if word in text] == [], data
    if profile.is_open and kind == "recorded":
        missing = [word for word in SECRETS[DataClass.DOCUMENTS] if word not in text]
        assert not missing, "the search would find what is there"


def test_two_recipients_copies_prove_the_same_events(told, keys, tmp_path):
    regulator = Copy.made(told, ALL_RECORDED, keys, tmp_path, profile=shipped("regulator-us"))
    public = Copy.made(told, ALL_RECORDED, keys, tmp_path, profile=shipped("public"))
    assert set(regulator.places) < set(public.places), "the first export is an entry of the log"
    assert b"INTACT" in regulator.said
    assert b"INTACT" in public.said
    steps = {one["place"]: one["said"].get("bizStep") for one in public.extracts}
    assert "shipping" in steps.values()
    assert not set(steps) - set(public.places)


def test_the_manifest_names_profile_version_and_digest(told, keys, tmp_path):
    copy = Copy.made(told, ALL_RECORDED, keys, tmp_path, profile=shipped("partner"))
    said = copy.manifest["redaction"]
    assert (said["name"], said["version"]) == ("partner", "1")
    assert said["sha256"] == shipped("partner").sha256()
    assert said["classes"]["documents"] == "leave out"
    assert copy.manifest["extracts"] == len(copy.extracts)


def test_a_sign_tells_equal_values_apart_and_differs_from_copy_to_copy(told, keys, tmp_path):
    profile = shipped("regulator-eu-39bc")
    copy = Copy.made(told, ALL_RECORDED, keys, tmp_path, profile=profile)
    (asked,) = [one["said"] for one in copy.extracts if one["kind"] == "verdict"]
    assert asked["client"].startswith("hidden:")
    assert asked["client"] == asked["record"]["client"]
    (sold,) = [x["said"] for x in copy.extracts if x["said"].get("bizStep") == "shipping"]
    seller, buyer = sold["sourceList"][0], sold["destinationList"][0]
    assert (seller["type"], seller["source"][:7]) == ("owning_party", "hidden:")
    assert seller["source"] != buyer["destination"]
    again = Copy.made(told, ALL_RECORDED, keys, tmp_path, profile=profile)
    assert again.extracts[0] == copy.extracts[0]
    one, two = (Redactor(profile, b"s" * 32, own=own) for own in (None, "/414/0399999000024"))
    assert one.person("Ada") != two.person("Ada")


def test_a_partner_reads_its_own_name_and_nobody_elses(told, keys, tmp_path):
    copy = Copy.made(
        told, ALL_RECORDED, keys, tmp_path, profile=shipped("partner"), party="/414/0399999000024"
    )
    (sold,) = [x["said"] for x in copy.extracts if "destinationList" in x["said"]]
    assert "sourceList" not in sold
    assert sold["destinationList"][0]["destination"] == BUYER
    assert "0355555.00001.0" not in copy.text()


def test_an_operators_own_profile_goes_before_ours(tmp_path):
    own = shipped("partner").as_dict()
    own["classes"]["lots"] = "leave out"
    (tmp_path / "partner.json").write_text(json.dumps(own))
    found = find_profile("partner", tmp_path)
    assert found.treats(DataClass.LOTS) is Treatment.LEAVE_OUT
    assert found.sha256() != shipped("partner").sha256()
    assert RedactionProfile.parse(json.dumps(found.as_dict()).encode()) == found


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"classes": {}}, "must name each of"),
        ({"kinds": ["gossip"]}, "'kinds' must be"),
        ({"name": ""}, "'name' must be a text"),
        ({"name": "x" * 21}, "20 characters"),
        ({"colour": "red"}, "not known: colour"),
    ],
)
def test_a_profile_with_a_fault_is_refused_and_the_fault_named(tmp_path, change, word):
    (tmp_path / "odd.json").write_text(json.dumps({**shipped("public").as_dict(), **change}))
    with pytest.raises(ExportRefused, match=word):
        find_profile("odd", tmp_path)


def test_what_is_no_profile_is_refused(tmp_path):
    with pytest.raises(ExportRefused, match="there are internal"):
        shipped("../../etc/passwd")
    (tmp_path / "odd.json").write_bytes(b"{")
    with pytest.raises(ExportRefused, match="not JSON"):
        find_profile("odd", tmp_path)


NAMES = st.text(max_size=6)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from([*("ilmd", "type", "ex:price", "client", "odd")]), JSON))
def test_what_is_stated_is_always_part_of_what_is_there(said):
    parts = EventParts(b'{"type":"ObjectEvent"}', json.dumps(said).encode() if said else b"")
    everything = Redactor(shipped("internal"), b"s" * 32)
    for apply in (everything.event, everything.record):
        left = apply(parts)
        assert left.is_whole
        assert not left.stated
    for name in SHIPPED:
        left = Redactor(shipped(name), b"s" * 32).record(parts)
        assert set(left.stated) <= {"type", *said}
        assert not (left.is_whole and left.stated)
        assert left.is_public or not left.is_whole


def test_a_price_is_found_however_it_is_written():
    redactor = Redactor(shipped("regulator-us"), b"s" * 32)
    whole = redactor.event(EventParts(b'{"type":"ObjectEvent"}', b'{"ilmd":{"ex:colour":"red"}}'))
    assert whole.is_whole
    for name in ("ex:unitPRICE", "ex:Amount", "x:discountRate", "price"):
        said = f'{{"ilmd":{{"cbvmda:lotNumber":"L7","{name}":"9.99"}}}}'.encode()
        left = redactor.event(EventParts(b'{"type":"ObjectEvent"}', said))
        assert left.is_public
        assert left.stated == {"ilmd": {"cbvmda:lotNumber": "L7"}}


def test_a_run_with_hidden_entries_still_shows_that_nothing_is_missing(told, keys, tmp_path):
    """Complete by proof: each place of the period is there, with its content or its leaf hash."""
    day = EventPeriod(NOW - timedelta(hours=30), NOW + timedelta(minutes=1), by_record_time=True)
    copy = Copy.made(told, day, keys, tmp_path, profile=shipped("public"))
    run = copy.manifest["complete"]
    inside = [place for place in copy.places if run["first"] <= place <= run["last"]]
    assert inside == list(range(run["first"], run["last"] + 1))
    assert copy.manifest["counts"]["withheld"] > 0
    assert f"entries {run['first']} to {run['last']}" in copy.members["README.txt"].decode()


def resealed(folder: Path, keys, change) -> tuple[int, str]:
    """The outcome for a copy whose members were changed and sealed again by the same house."""
    from compliance.dossier.package import Package
    from compliance.seal.cades import sign_beside

    path = folder / "forged.asice"
    with ZipFile(folder / "copy.asice") as archive, path.open("w+b") as file:
        members = {name: archive.read(name) for name in archive.namelist()}
        change(members)
        said = json.loads(members["manifest.json"])
        said["files"] = [
            {"name": one["name"], "size": len(content), "sha256": sha256(content).hexdigest()}
            for one in said["files"]
            if (content := members.get(one["name"])) is not None
        ]
        members["manifest.json"] = json.dumps(said).encode()
        package = Package(file)
        for name, content in members.items():
            if name not in {"mimetype", "SHA256SUMS"} and not name.startswith("META-INF"):
                package.add(name, content)
        package.seal(lambda manifest: sign_beside(manifest, keys))
    outcome = verify_export(path, keys.root_pem())
    return outcome.exit_code, outcome.findings[0].code


def test_even_the_house_cannot_leave_a_gap_or_misplace_a_statement(told, keys, tmp_path):
    day = EventPeriod(NOW - timedelta(hours=30), NOW + timedelta(minutes=1), by_record_time=True)
    Copy.made(told, day, keys, tmp_path, profile=shipped("public"))

    def shorter(members: dict[str, bytes]) -> None:
        said = json.loads(members["manifest.json"])
        said["complete"]["last"] -= 1
        members["manifest.json"] = json.dumps(said).encode()

    def misplaced(members: dict[str, bytes]) -> None:
        lines = members["extracts.ndjson"].splitlines(keepends=True)
        members["extracts.ndjson"] = b"".join(reversed(lines))

    def silent(members: dict[str, bytes]) -> None:
        del members["extracts.ndjson"]

    assert resealed(tmp_path, keys, lambda members: None) == (0, "dossier.intact")
    assert resealed(tmp_path, keys, shorter) == (1, "dossier.log.incomplete")
    assert resealed(tmp_path, keys, misplaced) == (1, "dossier.extracts.place")
    assert resealed(tmp_path, keys, silent) == (1, "dossier.extracts.count")
