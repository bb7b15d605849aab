"""No webhook reaches into the house, however its address is dressed up."""

from __future__ import annotations

import asyncio
import ipaddress
import socket

import pytest

from epcis.subscribe.delivery import delivery_client, post_checked
from epcis.subscribe.destination import BadDestination, Destination, check, is_public, resolve


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/",
        "http://localhost:8080/",
        "http://10.1.2.3/",
        "http://172.16.0.1/",
        "http://192.168.1.1/",
        "http://169.254.169.254/latest/meta-data/",
        "http://100.64.0.1/",
        "http://0.0.0.0/",
        "http://224.0.0.1/",
        "http://[::1]/",
        "http://[::]/",
        "http://[fe80::1]/",
        "http://[fc00::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[2002:7f00:1::]/",
        "https://[2002:5db8:d822::]/",
        "https://[::10.0.0.1]/",
        "https://[64:ff9b:1::a00:1]/",
        "https://[2001:db8:64::169.254.169.254]/",
        "https://[2a00:1450:4001:64::10.1.2.3]/",
        "https://[2a00:1450:a00:1::]/",
        "https://[fe80::a9fe:a9fe]/",
        "https://[fd00:ec2::254]/",
    ],
)
def test_private_addresses_are_refused_when_subscribing(address):
    with pytest.raises(BadDestination, match="public"):
        check(Destination.parse(address), private_allowed=False)
    check(Destination.parse(address), private_allowed=True)


@pytest.mark.parametrize(
    "address",
    ["http://93.184.216.34/", "https://93.184.216.34:22/", "https://[2a00:1450:4001:64::1]:25/"],
)
def test_public_addresses_are_reached_by_https_and_at_web_ports_only(address):
    with pytest.raises(BadDestination, match=r"https|port"):
        check(Destination.parse(address), private_allowed=False)
    for good in ("https://93.184.216.34/", "https://[2a00:1450:4001:64::1]:8443/hook"):
        check(Destination.parse(good), private_allowed=False)


@pytest.mark.parametrize(
    "address", ["", "partner.example", "http://", "http://x:99999/", "http://[::1/", "x" * 3000]
)
def test_what_is_no_address_is_refused(address):
    with pytest.raises(BadDestination):
        Destination.parse(address)


@pytest.mark.parametrize("name", ["2130706433", "0x7f.1", "127.1"])
def test_odd_spellings_of_this_machine_are_refused_when_delivering(name):
    """The system's resolver reads these as 127.0.0.1; so the answer is checked, not the text."""
    with pytest.raises(BadDestination):
        resolve(Destination.parse(f"http://{name}/"), private_allowed=False)


def test_a_name_with_one_private_address_among_others_is_refused(monkeypatch):
    def answers(host, port, **_):
        return [(0, 0, 0, "", (ip, port)) for ip in ("93.184.216.34", "10.0.0.1")]

    monkeypatch.setattr(socket, "getaddrinfo", answers)
    with pytest.raises(BadDestination, match=r"10\.0\.0\.1"):
        resolve(Destination.parse("https://partner.example/"), private_allowed=False)
    assert resolve(Destination.parse("https://partner.example/"), private_allowed=True)


def test_the_public_internet_is_public():
    for ip in ("93.184.216.34", "2606:4700::1111", "::ffff:93.184.216.34"):
        assert is_public(ipaddress.ip_address(ip))


def test_a_courier_that_may_not_goes_nowhere(webhook):
    """A subscription from when private addresses were allowed, delivered when they are not."""

    async def try_it():
        async with delivery_client() as client:
            there = Destination.parse(webhook.url)
            return await post_checked(client, there, b"{}", {}, private_allowed=False)

    answer = asyncio.run(try_it())
    assert "public" in answer.reason
    assert not webhook.received
