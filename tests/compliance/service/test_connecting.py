"""A partner is connected on one page: preset, certificate in any form, test message, receipt."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime

import httpx
import pytest
from as2_sites import own_pem, serving, trust
from asn1crypto import pkcs12 as asn1
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    pkcs7,
    pkcs12,
)
from partners import Site
from typer.testing import CliRunner

from compliance.seal import Keys
from compliance.service.app import create_app
from compliance.service.cli import command_line
from compliance.service.context import ServiceContext
from epcis.exchange.certificate_file import ROUNDS_MAX, certificate_in
from epcis.exchange.certificates import make_own_key
from epcis.exchange.channel import ChannelRefused
from epcis.exchange.presets import PRESETS
from epcis.exchange.worker import serve_channel
from epcis.ledger.store import Store
from tests.compliance.service.hands import Clock, signed

PARTNER = "0355555000013"
NAMES = {"name": "maker", "partner": PARTNER, "own_name": "US", "partner_name": "MAKER"}


@pytest.fixture(scope="module")
def key():
    return make_own_key("MAKER", datetime.now(UTC))


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture
def context(store, settings, now):
    import msgspec

    near = msgspec.structs.replace(settings, webhooks_to_private_addresses=True)
    return ServiceContext.of(near, store, Keys.open(settings.keys_folder), Clock(now))


@pytest.fixture
async def client(context, store, now):
    transport = httpx.ASGITransport(create_app(context), client=("127.0.0.1", 5))
    headers = signed(store, now, "operator", "admin") | {"accept": "text/html"}
    async with httpx.AsyncClient(
        transport=transport, base_url="http://localhost", headers=headers
    ) as client:
        yield client


@pytest.fixture
def maker(tmp_path, now):
    """The partner, with a server of its own."""
    with closing(Store.open(f"sqlite:///{tmp_path / 'maker.db'}")) as store:
        store.create_all()
        site = Site(store, tmp_path / "maker", now)
        site.connect("us", "as2", own_name="MAKER", partner_name="US")
        with serving(site) as door:
            yield site, door.address


async def ours(client):
    """Our certificate, as the page gives it to the person who sends it to the partner."""
    page = (await client.get("/channels/maker/connected")).text
    return page[page.index("-----BEGIN") : page.index("-----END")] + "-----END CERTIFICATE-----\n"


@pytest.mark.anyio
async def test_a_partner_is_connected_on_one_page_down_to_its_receipt(client, context, maker):
    site, address = maker
    chosen = (await client.get("/channels/connect")).text
    assert all(f"preset={name}" in chosen for name in PRESETS)
    assert "Drop" not in (await client.get("/channels/connect?preset=portal")).text
    form = NAMES | {"preset": "sap-ich", "address": address}
    file = {"certificate": ("maker.cer", own_pem(site, "us"))}
    made = await client.post("/channels/connect", data=form, files=file)
    assert made.status_code == 303, made.text
    assert "send one" in (await client.get(made.headers["location"])).text
    tried = await client.post("/channels/connect/try", data={"name": "maker"})
    assert tried.status_code == 303
    serve_channel(context.exchange, "maker")
    page = (await client.get(tried.headers["location"])).text
    # The partner has not entered our certificate yet: it says so, and the page what to do.
    assert "could not check our signature" in page
    trust(site, "us", (await ours(client)).encode())
    await client.post("/channels/connect/try", data={"name": "maker"})
    serve_channel(context.exchange, "maker")
    assert "receipt confirms it" in (await client.get(tried.headers["location"])).text
    steps = (await client.get("/channels/maker/connected", headers={"accept": "*/*"})).json()
    done = {one["step"] for one in steps if one["state"] == "done"}
    assert {"Our certificate", "The partner's certificate", "Test message"} <= done


@pytest.mark.anyio
async def test_a_wrong_address_is_explained(client, context, maker):
    site, _ = maker
    form = NAMES | {"preset": "as2", "address": "http://127.0.0.1:9/as2"}
    form |= {"pem": own_pem(site, "us").decode()}
    assert (await client.post("/channels/connect", data=form)).status_code == 303
    await client.post("/channels/connect/try", data={"name": "maker"})
    serve_channel(context.exchange, "maker")
    assert "nothing listens there" in (await client.get("/channels/maker/connected")).text


@pytest.mark.anyio
async def test_where_anything_is_refused_nothing_is_made_and_no_password_comes_back(client):
    form = NAMES | {"preset": "as2", "password": "hush-hush"}
    file = {"certificate": ("maker.cer", b"no certificate")}
    refused = await client.post("/channels/connect", data=form, files=file)
    assert refused.status_code == 422
    assert "no X.509 certificate" in refused.text
    assert "hush-hush" not in refused.text
    assert (await client.get("/channels", headers={"accept": "*/*"})).json() == []
    for preset in ("nobody", ""):
        unknown = await client.post("/channels/connect", data=NAMES | {"preset": preset})
        assert unknown.status_code == 422


@pytest.mark.anyio
async def test_programs_connect_by_a_preset_too(client):
    wanted = {"name": "maker", "preset": "tracelink",
              "settings": {"own_name": "US", "partner_name": "TL"}}  # fmt: skip
    made = await client.post("/channels", json=wanted)
    assert made.status_code == 201, made.text
    assert made.json()["settings"]["encryption"] == "aes256-cbc"
    assert (await client.post("/channels", json={"name": "other"})).status_code == 422
    assert (await client.post("/channels", json={"name": "o", "preset": "x"})).status_code == 422


def forms_of(key):
    """One certificate in every form that partners send."""
    one = key.certificate
    locked = BestAvailableEncryption(b"word")
    yield one.public_bytes(Encoding.PEM), ""
    yield b"Bag Attributes\n" + one.public_bytes(Encoding.PEM), ""
    yield one.public_bytes(Encoding.DER), ""
    yield pkcs7.serialize_certificates([one], Encoding.DER), ""
    yield pkcs7.serialize_certificates([one], Encoding.PEM), ""
    yield pkcs12.serialize_key_and_certificates(None, None, None, [one], NoEncryption()), ""
    yield pkcs12.serialize_key_and_certificates(None, None, None, [one], locked), "word"


def test_a_certificate_is_read_from_every_form_that_partners_send(key):
    for content, password in forms_of(key):
        assert certificate_in(content, password) == key.certificate


def hostile(key):
    one = key.certificate
    locked = BestAvailableEncryption(b"word")
    both = pkcs12.serialize_key_and_certificates(b"m", key.key, one, None, locked)
    yield both, "word", "private key"
    alone = pkcs12.serialize_key_and_certificates(None, None, None, [one], locked)
    yield alone, "other", "does not open"
    yield alone, "", "does not open"
    heavy = asn1.Pfx.load(alone)
    heavy["mac_data"]["iterations"] = ROUNDS_MAX * 100
    yield heavy.dump(force=True), "word", "more work"
    for content, _ in forms_of(key):
        yield content[: len(content) // 2], "", "no X.509 certificate"
    for content in (b"", b"\x30\x80" * 40_000, b"\x30" * 99_000, b"-----BEGIN CERTIFICATE-----\n"):
        yield content, "", "no X.509 certificate"
    yield b"x" * 200_000, "", "too large"
    other = make_own_key("OTHER", datetime.now(UTC)).certificate
    yield pkcs7.serialize_certificates([one, other], Encoding.DER), "", "enter one"


def test_what_is_no_certificate_or_holds_a_key_is_refused_with_what_to_do(key):
    for content, password, words in hostile(key):
        with pytest.raises(ChannelRefused, match=words):
            certificate_in(content, password)


def test_keys_as2_cannot_use_are_refused(site_certificate):
    from epcis.exchange.certificates import certificate_of_partner

    with pytest.raises(ChannelRefused, match="is not RSA"):
        certificate_of_partner(site_certificate)


@pytest.fixture
def site_certificate():
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "EC")])
    made = x509.CertificateBuilder(
        name, name, key.public_key(), 1, datetime(2026, 1, 1, tzinfo=UTC),
        datetime(2030, 1, 1, tzinfo=UTC),
    )  # fmt: skip
    return made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM)


def test_the_command_line_connects_tries_and_says_what_is_left(tmp_path, monkeypatch, key):
    monkeypatch.setenv("PACKTRAIL_DATA_DIR", str(tmp_path))
    (tmp_path / "maker.p12").write_bytes(list(forms_of(key))[-1][0])
    (tmp_path / "word").write_text("word\n")
    arguments = [
        "exchange", "connect", "as2", "maker", "--set", "own_name=US", "--set",
        "partner_name=MAKER", "--certificate", str(tmp_path / "maker.p12"),
        "--password", f"@{tmp_path / 'word'}",
    ]  # fmt: skip
    done = CliRunner().invoke(command_line("exchange"), arguments)
    assert done.exit_code == 1, done.output
    assert "Our certificate: done" in done.output
    assert "Test message: failed: channel maker has no address" in done.output
    portal = ["exchange", "connect", "portal", "erp"]
    done = CliRunner().invoke(command_line("exchange"), portal)
    assert done.exit_code == 0, done.output
    assert "Test message: done" in done.output
