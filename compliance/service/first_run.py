"""The first run: who may say who this installation belongs to, and what is made of the answer.

It is open while nothing was ever entered here: to this machine, or to whoever holds the one-time
code that the console printed. From the first account on it is gone for good.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from compliance.service import access
from compliance.service.accounts import put_account
from compliance.service.company_kinds import KIND_ROWS
from compliance.service.policy import ROLES
from compliance.site import CompanyKind, FileWay, is_untouched, put_site, site_of
from epcis.exchange.channel import ChannelKind, NewChannel, find_channel
from epcis.exchange.connecting import connect_partner
from epcis.problem import Problem
from verification.decision.rule_pack import DEFAULT, RulePackRefusedError, shipped

if TYPE_CHECKING:
    from datetime import datetime

    from compliance.service.context import ServiceContext
    from compliance.service.settings import Settings
    from compliance.site import SiteProfile
    from epcis.ledger.store import Store

INBOX = "inbox"
"""The channel whose folder partners' files are put into."""


FILE_WAYS = {
    FileWay.BROWSER: "I drop them in the browser",
    FileWay.FOLDER: "Another program puts them into a folder of this machine",
    FileWay.HTTPS: "A partner's program sends them over https",
    FileWay.AS2: "A partner sends them by AS2",
}


def is_first_run(context: ServiceContext) -> bool:
    """Whether nobody was ever here, so that the server may be asked whose it is."""
    if context.pages_need_sign_in or context.settings.oidc_issuer:
        return False
    if not (context.settings.is_loopback or context.first_run_code.text):
        return False
    with context.store.read() as snapshot:
        return is_untouched(snapshot)


def need_first_run(context: ServiceContext) -> None:
    """Raises `Problem` 404 once anything was entered here."""
    if not is_first_run(context):
        raise Problem(
            404,
            "The first run is over",
            "this installation belongs to somebody already; sign in, and change it at /settings",
        )


@dataclass(frozen=True, slots=True)
class FirstUser:
    """Who sets an installation up."""

    name: str
    password: str


def set_up(
    context: ServiceContext, profile: SiteProfile, user: FirstUser, now: datetime
) -> tuple[access.Grant, str]:
    """Enter the company, its first user and the way of its files, in one transaction.

    Gives what the user may do, and the API key for a partner's program where one was asked for.
    Of two who are there at once one comes second, and raises `Problem` 404.
    """
    role = KIND_ROWS[profile.kind].role
    grant = access.Grant(user.name, ROLES[role] | {"admin", "query"}, None, role)
    with context.store.write(now) as tx:
        if not is_untouched(tx):
            raise Problem(404, "The first run is over", "somebody else was quicker; sign in")
        put_site(tx, profile, by=user.name)
        put_account(tx, grant, user.password, by="first run")
        key = ""
        if profile.files is FileWay.HTTPS:
            key = access.new_key(tx, access.Grant.of_role("partner files", "capture-bot"), now=now)
    if profile.files is FileWay.FOLDER:
        with context.store.read() as snapshot:
            is_there = find_channel(snapshot, INBOX, ended=True) is not None
        if not is_there:
            connect_partner(context.exchange, NewChannel(INBOX, ChannelKind.FOLDER), by=user.name)
    return grant, key


def with_site(settings: Settings, store: Store) -> Settings:
    """The settings with what the company's profile says where the environment says nothing."""
    from msgspec.structs import replace

    with store.read() as snapshot:
        site = site_of(snapshot)
    if site is None:
        return settings
    rules = settings.rule_pack
    if rules == DEFAULT and site.kind is CompanyKind.EU_PHARMACY:
        rules = _national_rules(site.country)
    return replace(
        settings,
        owner_gln=settings.owner_gln or site.gln,
        market=settings.market or site.country,
        rule_pack=rules,
    )


def _national_rules(country: str) -> str:
    """The rule pack of a country that has one of its own, else the regulation's."""
    name = f"{DEFAULT}-{country}"
    try:
        shipped(name)
    except RulePackRefusedError:
        return DEFAULT
    return name
