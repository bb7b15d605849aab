"""AS2 between two companies: each refusal has its disposition, and nothing is lost or doubled."""

from __future__ import annotations

from contextlib import ExitStack, closing
from datetime import UTC, datetime

import pytest
from as2_sites import own_pem, serving, trust
from partners import Site, a_shipment

from epcis.exchange.channel import ChannelRefused
from epcis.exchange.mailbox import MessageState, list_refusals, receipt_of
from epcis.ledger.store import Store


class Pair:
    """A wholesaler (`us`) and a manufacturer (`them`), connected."""

    def __init__(self, us, them, ours, theirs) -> None:
        self.us, self.them, self.ours, self.theirs = us, them, ours, theirs

    def connect(self, **settings):
        """Both ends of a channel, with their certificates exchanged."""
        self.us.connect("them", "as2", own_name="US", partner_name="THE MAKER",
                        address=self.theirs.address, receipt_address=self.ours.address,
                        **settings)  # fmt: skip
        self.them.connect("us", "as2", own_name="THE MAKER", partner_name="US",
                          address=self.ours.address, receipt_address=self.theirs.address,
                          **settings)  # fmt: skip
        trust(self.us, "them", own_pem(self.them, "us"))
        trust(self.them, "us", own_pem(self.us, "them"))

    def refusals(self, site):
        with site.store.read() as snapshot:
            return [one.code for one in list_refusals(snapshot)]


@pytest.fixture
def pair(tmp_path):
    with ExitStack() as stack:
        sites = []
        for name in ("us", "them"):
            opened = Store.open(f"sqlite:///{tmp_path / name}.db")
            opened.create_all()
            stack.enter_context(closing(opened))
            sites.append(Site(opened, tmp_path / name, datetime(2026, 6, 1, 12, tzinfo=UTC)))
        ours, theirs = (stack.enter_context(serving(one)) for one in sites)
        yield Pair(*sites, ours, theirs)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"receipt": "async"},
        {"receipt": "none"},
        {"compression": "before signing", "signature": "sha512", "mic": "sha512"},
        {"compression": "after signing", "encryption": "aes128-cbc", "signature": "sha384"},
        {"encryption": "aes256-gcm"},
        {"encryption": "aes128-gcm", "compression": "after signing", "mic": "sha1", "sha1": "yes"},
        {"signature": "none", "signed_only": "no"},
        {"signature": "none", "signed_only": "no", "compression": "before signing"},
        {"encryption": "none", "encrypted_only": "no"},
        {"encryption": "none", "encrypted_only": "no", "signature": "none", "signed_only": "no"},
        {"receipt_signed": "no"},
    ],
    ids=lambda one: " ".join(f"{name}={value}" for name, value in one.items()) or "usual",
)
def test_a_file_arrives_byte_for_byte_and_its_receipt_confirms_it(pair, settings):
    pair.connect(**settings)
    sent = pair.us.send("them", "s-1", a_shipment(1), "ship 1.xml")
    pair.us.work()
    pair.them.work()
    [arrived] = [one for one in pair.them.messages() if one.direction == "in"]
    assert arrived.state is MessageState.KEPT, arrived
    assert arrived.file_name == "ship 1.xml"
    assert arrived.media_type == "application/xml"
    assert pair.them.events() == 1
    found = pair.us.message(sent)
    asked = settings.get("receipt") != "none"
    assert found.state is (MessageState.RECEIPTED if asked else MessageState.DELIVERED), found
    assert not found.reason
    with pair.us.store.read() as snapshot:
        assert bool(receipt_of(snapshot, sent).content) is asked


def test_an_answer_that_was_lost_is_asked_for_again_and_the_receipt_is_the_same(pair):
    pair.connect()
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.theirs.is_silent = True
    pair.us.work()
    assert pair.us.message(sent).state is MessageState.WAITING
    pair.theirs.is_silent = False
    pair.us.later(minutes=5)
    pair.them.later(minutes=5)
    pair.us.work()
    pair.them.work()
    assert pair.us.message(sent).state is MessageState.RECEIPTED
    assert pair.theirs.answers[0] == pair.theirs.answers[1]
    assert pair.them.events() == 1
    assert len(pair.them.messages()) == 1


def test_a_replay_is_called_a_duplicate_and_does_nothing(pair):
    pair.connect()
    pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    pair.them.work()
    headers, body = pair.theirs.requests[0]
    pair.them.later(days=4)
    _, _, content = pair.theirs.take(headers, body)
    assert b"processed/warning: duplicate-document" in content
    assert len(pair.them.messages()) == 1
    assert pair.refusals(pair.them) == ["duplicate-document"]


def test_other_bytes_under_a_known_id_are_refused(pair):
    pair.connect()
    pair.us.send("them", "s-1", a_shipment(1))
    pair.us.send("them", "s-2", a_shipment(2))
    pair.us.work()
    (first, _), (second, body) = pair.theirs.requests
    _, _, content = pair.theirs.take(second | {"message-id": first["message-id"]}, body)
    assert b"processed/error: duplicate-document" in content


def stranger(pair, site, channel):
    """The channel trusts somebody else in place of its partner."""
    from epcis.exchange.certificates import CertificateOwner, certificates_of, end_certificate

    with site.store.write(site.now) as tx:
        for one in certificates_of(tx, channel, CertificateOwner.PARTNER):
            end_certificate(tx, channel, one.sha256)


@pytest.mark.parametrize("later", ["sync", "async"])
def test_a_signature_of_another_certificate_is_refused(pair, later):
    pair.connect(receipt=later)
    stranger(pair, pair.them, "us")
    other = Site(pair.them.store, pair.them.exchange.folder.parent, pair.them.now)
    other.connect("other", "as2", own_name="OTHER", partner_name="ONE")
    trust(pair.them, "us", own_pem(other, "other"))
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    pair.them.work()
    found = pair.us.message(sent)
    assert found.state is MessageState.DEAD
    assert "could not check our signature" in found.reason
    assert pair.refusals(pair.them) == ["authentication-failed"]
    assert pair.them.events() == 0


def test_a_message_for_another_key_is_refused(pair):
    pair.connect()
    stranger(pair, pair.us, "them")
    other = Site(pair.us.store, pair.us.exchange.folder.parent, pair.us.now)
    other.connect("other", "as2", own_name="OTHER", partner_name="ONE")
    trust(pair.us, "them", own_pem(other, "other"))
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    assert pair.refusals(pair.them) == ["decryption-failed"]
    # The receipt is signed by the partner's true key, which this channel no longer trusts.
    assert pair.us.message(sent).state is MessageState.DEAD


def test_bytes_altered_on_the_way_are_refused(pair):
    pair.connect(encryption="none", encrypted_only="no")
    pair.theirs.tamper = lambda headers, body: (headers, body.replace(b"X1", b"X9"))
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    assert "were altered on the way" in pair.us.message(sent).reason
    assert pair.refusals(pair.them) == ["integrity-check-failed"]
    assert pair.them.messages() == []


@pytest.mark.parametrize("cipher", ["aes256-cbc", "aes256-gcm"])
def test_encrypted_bytes_that_were_altered_are_refused(pair, cipher):
    pair.connect(encryption=cipher)

    def flip(headers, body):
        return headers, body[:-40] + bytes([body[-40] ^ 1]) + body[-39:]

    pair.theirs.tamper = flip
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    assert pair.us.message(sent).state is MessageState.DEAD
    assert set(pair.refusals(pair.them)) <= {
        "decryption-failed", "authentication-failed", "integrity-check-failed"
    }  # fmt: skip
    assert pair.them.messages() == []


def test_an_unknown_partner_is_refused_before_its_body_is_read(pair):
    from epcis.exchange.as2_inbound import As2Visit

    headers = {"as2-from": "NOBODY", "as2-to": "THE MAKER", "message-id": "<1@x>",
               "disposition-notification-to": "x"}  # fmt: skip
    answer = As2Visit(pair.them.exchange, headers).refused_at_once()
    assert answer is not None
    assert b"processed/error: unknown-trading-partner" in answer.content
    headers["receipt-delivery-option"] = "http://127.0.0.1:9/victim"
    answer = As2Visit(pair.them.exchange, headers).refused_at_once()
    assert answer is not None
    assert answer.status == 403
    pair.them.work()
    assert pair.them.messages() == []


@pytest.mark.parametrize(
    ("settings", "missing"),
    [
        ({"signature": "none"}, "not signed"),
        ({"encryption": "none"}, "not encrypted"),
    ],
)
def test_a_message_with_too_little_protection_is_refused(pair, settings, missing):
    pair.connect(**settings)
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    found = pair.us.message(sent)
    assert found.state is MessageState.DEAD
    assert missing in found.reason
    assert pair.refusals(pair.them) == ["insufficient-message-security"]


def test_a_receipt_over_other_bytes_is_no_receipt(pair):
    pair.connect(encryption="none", encrypted_only="no", signature="none", signed_only="no",
                 receipt_signed="no")  # fmt: skip
    pair.theirs.tamper = lambda headers, body: (headers, body + b" ")
    sent = pair.us.send("them", "s-1", a_shipment(1))
    pair.us.work()
    found = pair.us.message(sent)
    assert found.state is MessageState.DEAD
    assert "confirms other bytes" in found.reason


def test_two_certificates_are_good_at_once_while_keys_change(pair):
    from epcis.exchange.certificates import enter_own_certificate, make_own_key

    pair.connect()
    for site in (pair.us, pair.them):
        site.later(hours=1)  # of two keys of one moment none would be the older
    new = make_own_key("US", pair.us.now)
    with pair.us.store.write(pair.us.now) as tx:
        made = enter_own_certificate(tx, "them", new, pair.us.exchange.box, by="Ada")
    sent = [pair.us.send("them", "s-1", a_shipment(1))]
    pair.us.work()  # signed by the old key still
    trust(pair.them, "us", made.pem.encode())
    back = [pair.them.send("us", "t-1", a_shipment(2))]
    pair.them.work()  # encrypted for the new one
    from epcis.exchange.certificates import CertificateOwner, certificates_of, end_certificate

    with pair.us.store.write(pair.us.now) as tx:
        end_certificate(tx, "them", certificates_of(tx, "them", CertificateOwner.OURS)[0].sha256)
    sent.append(pair.us.send("them", "s-2", a_shipment(3)))
    pair.us.work()
    states = {pair.us.message(one).state for one in sent}
    states |= {pair.them.message(one).state for one in back}
    assert states == {MessageState.RECEIPTED}


def test_two_channels_of_the_same_names_are_refused(site):
    site.connect("one", "as2", own_name="A", partner_name="B")
    with pytest.raises(ChannelRefused, match="would belong to both"):
        site.connect("two", "as2", own_name="A", partner_name="B")
