"""A message is kept before it is acknowledged, once, and its way can be followed to the end."""

from __future__ import annotations

import pytest
from partners import a_shipment, seed_of

from epcis.exchange.channel import ChannelRefused
from epcis.exchange.mailbox import (
    MessageRefused,
    MessageState,
    body_of,
    receipt_of,
    send_again,
)
from epcis.exchange.secret_box import SecretBox, SecretSealed
from epcis.exchange.worker import ATTEMPTS_MAX
from epcis.fsck import fsck


def test_a_message_goes_its_way_and_its_events_are_kept(site):
    site.connect("maker", "https", partner="0355555000013")
    taken = site.receive("maker", "m-1", a_shipment(1))
    assert taken.message.state is MessageState.RECEIVED
    site.work()
    found = site.message(taken.message.id)
    assert found.state is MessageState.KEPT
    assert list(found.way) == ["received", "understood", "kept", "acknowledged"]
    assert found.outcome["events"]["stored"] == 1
    assert site.events() == 1
    with site.store.read() as snapshot:  # its bytes are those of the document now, and the same
        assert b"".join(body_of(snapshot, found)) == a_shipment(1)


def test_a_repeat_is_the_same_message_and_other_bytes_under_its_id_are_refused(site):
    site.connect("maker", "https")
    first = site.receive("maker", "m-1", a_shipment(1))
    again = site.receive("maker", "m-1", a_shipment(1))
    assert again.is_repeat
    assert again.message.id == first.message.id
    with pytest.raises(MessageRefused, match="used before for other bytes"):
        site.receive("maker", "m-1", a_shipment(2))
    site.work()
    assert site.events() == 1
    assert len(site.messages()) == 1


def test_the_same_id_on_another_channel_is_another_message(site):
    for name in ("one", "two"):
        site.connect(name, "https")
        site.receive(name, "m-1", a_shipment(1))
    site.work()
    assert [one.state for one in site.messages()] == [MessageState.KEPT] * 2
    assert site.events() == 1


def test_what_cannot_be_read_is_set_aside_with_its_reason_and_stops_nobody(site):
    site.connect("maker", "https")
    poison = site.receive("maker", "m-1", b"%PDF-1.4 no shipment").message.id
    good = site.receive("maker", "m-2", a_shipment(1)).message.id
    site.work()
    aside = site.message(poison)
    assert aside.state is MessageState.SET_ASIDE
    assert aside.reason
    assert site.message(good).state is MessageState.KEPT
    with site.store.read() as snapshot:
        assert b"".join(body_of(snapshot, aside)) == b"%PDF-1.4 no shipment"


def test_every_step_of_a_message_is_in_the_log(site):
    site.connect("maker", "https")
    site.receive("maker", "m-1", a_shipment(1))
    site.connect("erp", "folder")
    site.send("erp", "o-1", a_shipment(2))
    site.work()
    assert [str(one) for one in fsck(site.store, now=site.now)] == []


def test_what_a_folder_channel_sends_comes_in_order_and_once_however_often_it_is_put_in_line(site):
    site.connect("erp", "folder")
    for number in (1, 2, 3, 2, 1):
        site.send("erp", f"o-{number}", a_shipment(number), f"ship {number}.xml")
    site.work()
    out = sorted((site.exchange.folder / "erp" / "out").iterdir())
    assert [one.name.partition("-")[2] for one in out] == [f"ship-{n}.xml" for n in (1, 2, 3)]
    assert [one.read_bytes() for one in out] == [a_shipment(n) for n in (1, 2, 3)]


def test_a_partner_who_is_away_is_asked_again_later_and_nothing_overtakes(site):
    site.connect("away", "https", address="http://127.0.0.1:9/in")
    first, second = (site.send("away", f"o-{n}", a_shipment(n)) for n in (1, 2))
    site.work()
    waiting = site.message(first)
    assert waiting.state is MessageState.WAITING
    assert waiting.attempts == 1
    assert "127.0.0.1:9" in waiting.reason
    assert site.message(second).attempts == 0
    for _ in range(ATTEMPTS_MAX):
        site.later(hours=5)
        site.work()
    given_up = site.message(first)
    assert given_up.state is MessageState.DEAD
    assert "given up after" in given_up.reason
    with site.store.write(site.now) as tx:
        send_again(tx, first)
    assert site.message(first).state is MessageState.WAITING


def test_a_file_name_of_a_partner_leads_nowhere(site):
    site.connect("erp", "folder")
    site.send("erp", "o-1", b"x", "../../../etc/passwd")
    site.send("erp", "o-2", b"y", "..\\..\\boot.ini")
    site.send("erp", "o-3", b"z", "")
    site.work()
    out = site.exchange.folder / "erp" / "out"
    assert {one.parent for one in out.rglob("*")} == {out}
    assert len(list(out.iterdir())) == 3


def test_half_written_files_are_never_read(site):
    site.connect("erp", "folder")
    site.work()
    come = site.exchange.folder / "erp" / "in"
    (come / "a.xml.tmp").write_bytes(a_shipment(1)[:50])
    (come / ".b.xml").write_bytes(a_shipment(2)[:50])
    growing = come / "c.xml"
    growing.write_bytes(a_shipment(3)[:50])
    (come / "link.xml").symlink_to("/etc/passwd")
    from epcis.exchange.worker import serve_channel

    assert not serve_channel(site.exchange, "erp")
    growing.write_bytes(a_shipment(3))
    assert not serve_channel(site.exchange, "erp")  # it grew since the last look
    site.work()
    assert [one.file_name for one in site.messages()] == ["c.xml"]
    (come / "a.xml.tmp").write_bytes(a_shipment(1))
    (come / "a.xml.tmp").rename(come / "a.xml")
    serve_channel(site.exchange, "erp")
    site.work()
    assert [one.file_name for one in site.messages()] == ["c.xml", "a.xml"]
    assert {one.state for one in site.messages()} == {MessageState.KEPT}
    done = {one.name for one in (come / "done").iterdir()}
    assert done == {"c.xml", "a.xml"}
    receipts = site.exchange.folder / "erp" / "receipts"
    assert len(list(receipts.iterdir())) == 2


def test_a_file_that_was_taken_but_not_moved_away_is_not_captured_twice(site):
    site.connect("erp", "folder")
    site.work()
    come = site.exchange.folder / "erp" / "in"
    for _ in range(2):  # the second time as after a crash between its row and its move
        (come / "a.xml").write_bytes(a_shipment(1))
        from epcis.exchange.worker import serve_channel

        serve_channel(site.exchange, "erp")
        site.work()
    assert len(site.messages()) == 1
    assert site.events() == 1


def test_a_secret_is_sealed_and_opens_with_its_own_key_file_only(site, tmp_path):
    from epcis.exchange.channel import ChannelKind, NewChannel
    from epcis.exchange.connecting import connect_partner

    wanted = NewChannel("p", ChannelKind.HTTPS, secrets={"key": "pt_very_secret"})
    connect_partner(site.exchange, wanted, by="Ada")
    channel = site.channel("p")
    assert channel.secret(site.exchange.box, "key") == "pt_very_secret"
    assert "very_secret" not in repr(channel) + str(channel.as_dict()) + channel.sealed
    with pytest.raises(SecretSealed):
        channel.secret(SecretBox.of(bytes(32)), "key")
    seed = seed_of(tmp_path / "site")
    assert SecretBox.of(seed).key == site.exchange.box.key
    assert SecretBox.of(seed, "pass").key != site.exchange.box.key


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({"name": "Upper", "kind": "folder"}, "no name for a channel"),
        ({"name": "../x", "kind": "folder"}, "no name for a channel"),
        ({"name": "x", "kind": "folder", "colour": "red"}, "has no 'colour'"),
        ({"name": "x", "kind": "folder", "partner": "12"}, "no GLN-13"),
    ],
)
def test_a_channel_that_cannot_work_is_refused_with_the_reason(site, wanted, said):
    with pytest.raises(ChannelRefused, match=said):
        site.connect(**wanted)


def test_a_message_without_receipt_has_none(site):
    site.connect("erp", "folder")
    number = site.send("erp", "o-1", b"x")
    with site.store.read() as snapshot:
        assert receipt_of(snapshot, number).content == b""
