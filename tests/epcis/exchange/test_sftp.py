"""Files over SFTP with a real server: whole ones only, once, and from nobody but the partner."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from contextlib import contextmanager

import asyncssh
import pytest
from partners import a_shipment

from epcis.exchange.channel import ChannelKind, NewChannel
from epcis.exchange.connecting import connect_partner
from epcis.exchange.mailbox import MessageState, list_refusals
from epcis.exchange.sftp import FILES_PER_LOOK


def text_of(key, *, private=False):
    return (key.export_private_key() if private else key.export_public_key()).decode().strip()


@pytest.fixture(scope="module")
def keys():
    return {name: asyncssh.generate_private_key("ssh-ed25519") for name in ("host", "us", "other")}


@contextmanager
def server(folder, keys, port=0):
    """A partner's SFTP server over a folder; its port."""
    loop, ready, done = asyncio.new_event_loop(), Future(), asyncio.Event()

    async def run():
        listening = await asyncssh.listen(
            "127.0.0.1", port, server_host_keys=[keys["host"]],
            authorized_client_keys=asyncssh.import_authorized_keys(text_of(keys["us"])),
            sftp_factory=lambda channel: asyncssh.SFTPServer(channel, chroot=str(folder)),
        )  # fmt: skip
        async with listening:
            ready.set_result(listening.get_port())
            await done.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    try:
        yield ready.result()
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join()
        loop.close()


@pytest.fixture
def partner(tmp_path):
    folder = tmp_path / "partner"
    for name in ("to-us", "from-us"):
        (folder / name).mkdir(parents=True)
    return folder


def connect(site, port, keys, *, user_key="us", host_key="host", **more):
    settings = {
        "host": "127.0.0.1", "port": str(port), "user": "us", "in_folder": "to-us",
        "out_folder": "from-us", "host_key": text_of(keys[host_key]), **more,
    }  # fmt: skip
    secrets = {"private_key": text_of(keys[user_key], private=True)}
    wanted = NewChannel("maker", ChannelKind.SFTP, "", settings, secrets)
    return connect_partner(site.exchange, wanted, by="Ada")


def look(site):
    """Two looks, the second when files have rested."""
    for _ in range(2):
        site.work()
        site.later(minutes=1)
    site.work()


def refusals(site):
    with site.store.read() as snapshot:
        return [one.what for one in list_refusals(snapshot)]


def test_files_go_and_come_whole_and_once(site, partner, keys):
    with server(partner, keys) as port:
        connect(site, port, keys)
        sent = site.send("maker", "o-1", a_shipment(1), "../ship 1.xml")
        (partner / "to-us/a.xml").write_bytes(a_shipment(2))
        (partner / "to-us/.b.xml").write_bytes(a_shipment(3)[:50])
        (partner / "to-us/c.xml.part").write_bytes(a_shipment(3)[:50])
        (partner / "to-us/folder.xml").mkdir()
        site.work()
        assert not [one for one in site.messages() if one.direction == "in"]  # it may still grow
        look(site)
        (partner / "to-us/a.xml").write_bytes(a_shipment(2))  # as after a crash before it was moved
        look(site)
    assert site.message(sent).state is MessageState.DELIVERED
    [out] = (partner / "from-us").iterdir()
    assert out.name.endswith("ship-1.xml")
    assert out.read_bytes() == a_shipment(1)
    [taken] = [one for one in site.messages() if one.direction == "in"]
    assert (taken.file_name, taken.state) == ("a.xml", MessageState.KEPT)
    assert [one.name for one in (partner / "to-us/done").iterdir()] == ["a.xml"]
    left = {one.name for one in (partner / "to-us").iterdir()}
    assert left == {"done", ".b.xml", "c.xml.part", "folder.xml"}
    assert refusals(site) == []


def test_what_was_taken_is_deleted_where_the_partner_wants_that(site, partner, keys):
    (partner / "to-us/a.xml").write_bytes(a_shipment(1))
    with server(partner, keys) as port:
        connect(site, port, keys, after="delete")
        look(site)
    assert site.events() == 1
    assert not list((partner / "to-us").iterdir())


def test_a_file_that_is_too_large_is_put_aside_and_stops_nobody(site, partner, keys):
    import dataclasses

    site.exchange = dataclasses.replace(site.exchange, size_bytes_max=10_000)
    (partner / "to-us/a.xml").write_bytes(b"x" * 20_000)
    (partner / "to-us/b.xml").write_bytes(a_shipment(1))
    with server(partner, keys) as port:
        connect(site, port, keys)
        look(site)
    assert site.events() == 1
    assert [one.name for one in (partner / "to-us/refused").iterdir()] == ["a.xml"]


def test_many_files_are_taken_a_few_at_a_time(site, partner, keys):
    for number in range(FILES_PER_LOOK + 1):
        (partner / f"to-us/{number:04d}.xml").write_bytes(b"no shipment")
    with server(partner, keys) as port:
        connect(site, port, keys)
        site.work()
        site.later(minutes=1)
        site.work()
        assert len(list((partner / "to-us/done").iterdir())) == FILES_PER_LOOK


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"host_key": "other"}, "another key than the one entered"),
        ({"user_key": "other"}, "refuses our user name, key or password"),
    ],
)
def test_nothing_is_sent_to_another_server_or_by_another_key(site, partner, keys, wrong, words):
    (partner / "to-us/a.xml").write_bytes(a_shipment(1))
    with server(partner, keys) as port:
        connect(site, port, keys, **wrong)
        sent = site.send("maker", "o-1", a_shipment(2))
        look(site)
    found = site.message(sent)
    assert found.state is MessageState.WAITING
    assert words in found.reason
    assert not list((partner / "from-us").iterdir())
    [noted] = refusals(site)
    assert words in noted
    assert "PRIVATE KEY" not in noted + found.reason


def test_a_server_that_is_away_gets_the_file_when_it_is_back(site, partner, keys):
    with server(partner, keys) as port:
        connect(site, port, keys)
    sent = site.send("maker", "o-1", a_shipment(1))
    site.work()
    assert site.message(sent).state is MessageState.WAITING
    with server(partner, keys, port):
        look(site)
    assert site.message(sent).state is MessageState.DELIVERED


def test_a_key_that_is_none_is_named(site, partner, keys):
    with server(partner, keys) as port:
        settings = {"host": "127.0.0.1", "port": str(port), "user": "us", "out_folder": "from-us",
                    "host_key": "ssh-ed25519 nonsense"}  # fmt: skip
        connect_partner(
            site.exchange, NewChannel("maker", ChannelKind.SFTP, "", settings), by="Ada"
        )
        sent = site.send("maker", "o-1", a_shipment(1))
        site.work()
    assert "is no key of OpenSSH" in site.message(sent).reason
