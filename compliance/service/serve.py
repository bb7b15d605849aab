"""Starting the server: refuse what is unsafe, prepare the store, say where it is, listen."""

from __future__ import annotations

import dataclasses
import gc
import socket
import sys
import threading
from contextlib import closing
from typing import TYPE_CHECKING

import uvicorn
from msgspec.structs import replace

from compliance.service import access
from compliance.service.app import create_app
from compliance.service.context import ServiceContext
from compliance.service.doctor import missing_owner, missing_zbar
from compliance.service.first_run import with_site
from compliance.service.first_run_code import FirstRunCode
from compliance.service.head_deadline import punctual
from compliance.service.logs import set_up_logging
from compliance.service.migrate import open_migrated, tables_digest
from compliance.service.practice import PracticeRefusedError, practice_of
from compliance.service.server_keys import keys_of
from compliance.service.tracing import missing_tracing
from compliance.site import is_untouched
from epcis.http_context import utc_now

if TYPE_CHECKING:
    from types import FrameType

    from compliance.seal import Keys
    from compliance.service.settings import Settings
    from epcis.ledger.store import Store

DEMO_GRANT = access.Grant("demo pharmacist", access.EVERYTHING - {"admin"})
_CONNECTIONS_WAITING_MAX = 512
SWITCH_S = 0.001
"""How long a thread that computes keeps others from the interpreter: a question about a pack
changes threads six times, and each time waited for a capture under way."""


class StartRefused(Exception):  # noqa: N818  # it is a refusal, not an error
    """The server must not start like this; the text says why and what to do."""


def run(settings: Settings, *, demo: bool, first_run: bool = False) -> None:
    """Serve until interrupted.

    With `first_run` other machines may be listened to before anybody has access: nobody gets
    further than the page of the first run, and there only with the code that is printed here.
    """
    if demo and not settings.database:
        # A folder of its own for each form of the tables: what an earlier version made up is left
        # alone, and no key of real work signs what is made up.
        settings = replace(settings, data_dir=settings.data_dir / f"demo-{tables_digest()}")
    set_up_logging(settings.log_level)
    _refuse_what_cannot_be_practised(settings)
    store = open_migrated(settings)
    with closing(store):
        code = _code_for(settings, store, first_run=first_run)
        listener = _listen(settings)
        with closing(listener):
            address = _address(settings, listener)
            _greet(with_site(settings, store), store, address, demo=demo)
            _say_first_run(address, code, store, is_wanted=not demo and not settings.oidc_issuer)
            _serve(settings, store, listener, code, demo=demo)


def _refuse_what_cannot_be_practised(settings: Settings) -> None:
    """No rules without a signature we trust, no peers, wallet or collector that only seem there."""
    if missing := missing_tracing(settings):
        raise StartRefused(f"will not start: {missing}")
    try:
        practice_of(settings)
    except PracticeRefusedError as refused:
        raise StartRefused(f"will not start: {refused}") from None


def _code_for(settings: Settings, store: Store, *, first_run: bool) -> FirstRunCode:
    """The code of the first run where other machines can reach it; no code on this machine alone.

    Raises `StartRefused` where others could enter an installation that nobody has set up.
    """
    if settings.is_loopback or settings.oidc_issuer:
        return FirstRunCode()
    with store.read() as snapshot:
        if access.is_enterable(snapshot, utc_now()):
            return FirstRunCode()
        is_new = is_untouched(snapshot)
    if first_run and is_new:
        return FirstRunCode.new()
    raise StartRefused(
        f"will not listen on {settings.host}: other machines could reach it and no access is "
        "configured. Make a key first (packtrail access new-key NAME --scopes …), set "
        "PACKTRAIL_OIDC_ISSUER, listen on 127.0.0.1, or set a new installation up in the browser "
        "with --first-run and the code it prints."
    )


def _say_first_run(address: str, code: FirstRunCode, store: Store, *, is_wanted: bool) -> None:
    """Where a new installation is set up in the browser, and by which code."""
    with store.read() as snapshot:
        is_new = is_untouched(snapshot)
    if not (is_wanted and is_new):
        return
    with_code = f" and give the code {code.text}" if code.text else ""
    print(  # noqa: T201  # part of the greeting
        f"Nobody has set this up yet: open {address}/first-run{with_code}", flush=True
    )


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # The protocol is named, or asyncio leaves TCP_NODELAY off and every answer waits 40 ms for an
    # acknowledgement of its own headers.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
        # From here on connections wait in line, so that nobody who reads the greeting is refused.
        listener.listen(_CONNECTIONS_WAITING_MAX)
    except OSError as fault:
        listener.close()
        raise StartRefused(
            f"cannot listen on {settings.host} port {settings.port}: {fault.strerror}; "
            "choose another with --port"
        ) from None
    return listener


def _address(settings: Settings, listener: socket.socket) -> str:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return f"http://{host}:{listener.getsockname()[1]}"


def _greet(settings: Settings, store: Store, address: str, *, demo: bool) -> None:
    """Say on standard output what a newcomer needs; flushed, so that a program can wait for it."""
    notes = (
        missing_zbar(),
        missing_owner(settings),
        _nobody_enters(settings, store),
        _keys_in_the_clear(settings),
    )
    for note in filter(None, notes):
        print(note, flush=True)  # noqa: T201  # the greeting is this command's output
    lines = [f"Packtrail listens on {address}/"]
    if demo:
        lines += _demo_lines(settings, store, address)
    print("\n".join(lines), flush=True)  # noqa: T201  # as above


def _keys_in_the_clear(settings: Settings) -> str:
    """What to do where the files of the signing keys are not encrypted."""
    if settings.key_passphrase or settings.key_secret:
        return ""
    return (
        "The signing keys are protected by file mode only, not encrypted: set"
        " PACKTRAIL_KEY_PASSPHRASE before the first start."
    )


def _nobody_enters(settings: Settings, store: Store) -> str:
    """What to do where credentials were made once, and none is good any more."""
    now = utc_now()
    with store.read() as snapshot:
        shut = access.is_locked(snapshot) and not access.is_enterable(snapshot, now)
    if not shut or settings.oidc_issuer:
        return ""
    return (
        "Nobody can enter: every API key was revoked or has expired. On this machine, make one:"
        " packtrail access new-key NAME --scopes admin"
    )


def _demo_lines(settings: Settings, store: Store, address: str) -> list[str]:
    from compliance.service import demo  # only the demo draws labels

    now = utc_now()
    labels = demo.build(store, settings.data_dir / "demo-labels", now)
    with store.write(now) as tx:
        token = access.new_sign_in_link(
            tx, DEMO_GRANT, now=now, minutes=settings.sign_in_link_minutes_max, locks=False
        )
    return [
        "Label pictures to try:",
        *(f"  {label.path}  ({label.says})" for label in labels),
        f"Sign in once: {address}/sign-in/{token}",
    ]


def _serve(
    settings: Settings, store: Store, listener: socket.socket, code: FirstRunCode, *, demo: bool
) -> None:
    """Serve until interrupted; begin again where the company's profile changed meanwhile."""
    sys.setswitchinterval(SWITCH_S)
    gc.collect()
    gc.freeze()  # what is loaded stays: later rounds of the collector, which stop all, pass it over
    keys = keys_of(settings, store)
    begins = True
    while begins:
        begins = _serve_once(with_site(settings, store), store, keys, listener, code, demo=demo)


class _Server(uvicorn.Server):
    """A server that lets nobody wait at the listener once it is asked to end for good."""

    def __init__(self, config: uvicorn.Config, listener: socket.socket) -> None:
        super().__init__(config)
        self._listener = listener

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Close the listener, so that whoever connects now is sent to another server."""
        self._listener.close()
        super().handle_exit(sig, frame)


def _serve_once(
    settings: Settings,
    store: Store,
    keys: Keys,
    listener: socket.socket,
    code: FirstRunCode,
    *,
    demo: bool,
) -> bool:
    """Serve until interrupted; True where it ended only to begin again."""
    again = threading.Event()

    def begin_again() -> None:
        again.set()
        server.should_exit = True

    context = ServiceContext.of(settings, store, keys, pages_need_sign_in=demo)
    context = dataclasses.replace(context, first_run_code=code, begin_again=begin_again)
    config = uvicorn.Config(
        create_app(context),
        http=punctual(settings.head_deadline_s),
        log_config=None,
        access_log=False,
        limit_concurrency=settings.connections_max,
        server_header=False,
        # Whom to believe about addresses is the gate's to say, by the operator's settings.
        proxy_headers=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=10,
    )
    server = _Server(config, listener)
    # The server closes what it was given; who connects meanwhile waits at the listener itself.
    server.run(sockets=[listener.dup()])
    return again.is_set()
