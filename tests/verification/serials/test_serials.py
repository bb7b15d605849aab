"""A line gets its serial numbers: unguessable, once each, the same again to whoever asks again."""

from __future__ import annotations

import csv
import io
import json
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from xml.etree import ElementTree as ET

import pytest
from chain import GTIN, commission
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from compliance.service.migrate import open_migrated
from compliance.service.settings import settings_from
from epcis.capture import record
from epcis.fsck.log import audit_log
from epcis.ledger.store import Store
from schemas.gs1.content_rules import has_check_digit
from schemas.gs1.reading import read
from verification.serials.formats import GrantFormat, write_grant
from verification.serials.grant import GrantWanted, grant_serials, serials_between
from verification.serials.imported import import_serials, read_numbers
from verification.serials.pool import PoolKind, PoolWanted, close_pool, need_pool, open_pool
from verification.serials.report import LineReport, SerialState, report_serials, standings
from verification.serials.template import ALPHABETS, GUESSES_MIN, SerialsRefused

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def opened(store, at=NOW, **wanted):
    with store.write(at) as tx:
        return open_pool(tx, PoolWanted(**{"code": GTIN, **wanted}), by="qa")


def granted(store, pool, count, request_id, line=""):
    """The grant, and its numbers."""
    source = pool if isinstance(pool, str) else pool.id
    wanted = GrantWanted(source=source, count=count, request_id=request_id, line=line)
    with store.write(NOW) as tx:
        made = grant_serials(tx, wanted, by="line 1")
    return made, numbers_of(store, made)


def numbers_of(store, grant):
    with store.read() as snapshot:
        pool = need_pool(snapshot, grant.pool)
        return serials_between(snapshot, pool, grant.first, grant.after)


def report(store, grant, **said):
    with store.write(NOW) as tx:
        return report_serials(tx, grant.id, LineReport(**said), by="line 1")


def state_of(store, serial, code=GTIN):
    with store.read() as snapshot:
        return standings(snapshot, code, [serial])[serial].state


def uri(serial):
    return f"https://id.gs1.org/01/{GTIN}/21/{serial}"


def test_a_line_that_asks_again_gets_the_same_numbers_and_another_gets_others(store):
    pool = opened(store)
    first, numbers = granted(store, pool, 500, "order 1", "line 1")
    again, same = granted(store, pool, 500, "order 1", "line 1")
    _, others = granted(store, pool, 500, "order 2", "line 2")
    assert (again, same) == (first, numbers)
    assert len({*numbers, *others}) == 1000
    assert {len(one) for one in numbers} == {12}
    with pytest.raises(SerialsRefused, match="new request id"):
        granted(store, pool, 501, "order 1", "line 1")


def test_the_gtin_names_the_oldest_pool_that_has_enough_and_a_repeat_stays_with_it(store):
    small = opened(store, template="A###########", capacity=100)
    later = NOW + timedelta(hours=1)
    large = opened(store, later, template="B###########", capacity=1000)
    first, numbers = granted(store, GTIN, 60, "r1")
    other, _ = granted(store, GTIN, 60, "r2")
    again, same = granted(store, GTIN, 60, "r1")
    assert (first.pool, other.pool) == (small.id, large.id)
    assert (again, same) == (first, numbers)
    with pytest.raises(SerialsRefused, match="the fullest has 940"):
        granted(store, GTIN, 941, "r3")


@pytest.mark.parametrize(
    ("alphabet", "places"), [("digits", 8), ("digits", 12), ("unambiguous", 8), ("alphanumeric", 6)]
)
def test_a_pool_issues_as_many_as_the_rule_on_guessing_allows_and_not_one_more(
    store, alphabet, places
):
    wanted = {"template": "#" * places, "alphabet": ALPHABETS[alphabet]}
    most = opened(store, **wanted).capacity
    space = len(ALPHABETS[alphabet]) ** places
    assert most / space < 1 / GUESSES_MIN <= (most + 1) / space
    with pytest.raises(SerialsRefused, match=r"Art\. 4\(c\)"):
        opened(store, code="09506000134352", capacity=most + 1, **wanted)


def test_a_pool_of_few_numbers_or_that_counts_is_refused(store):
    with pytest.raises(SerialsRefused, match="too few"):
        opened(store, template="A###")
    with pytest.raises(SerialsRefused, match="can be guessed"):
        opened(store, kind=PoolKind.SEQUENTIAL)
    with pytest.raises(SerialsRefused, match="no GTIN"):
        opened(store, code="09521321000019")
    with pytest.raises(SerialsRefused, match="charset 82"):
        opened(store, template="Ä###########")
    told = opened(store, kind=PoolKind.SEQUENTIAL, guessable_because="sold in the US alone")
    assert granted(store, told, 2, "r")[1] == ["000000000000", "000000000001"]


def test_granted_numbers_tell_nothing_about_the_next_ones(store):
    """No digit, and no step from one number to the next, comes up more often than chance has it."""
    _, numbers = granted(store, opened(store, template="#" * 18), 20_000, "r")
    for place in range(18):
        counts = [sum(one[place] == digit for one in numbers) for digit in "0123456789"]
        # Chi square with 9 degrees of freedom: above 60 once in 10^9 times.
        assert sum((count - 2000) ** 2 / 2000 for count in counts) < 60
    steps = [int(b) - int(a) for a, b in pairwise(numbers)]
    assert len(set(steps)) == len(steps)


def test_two_pools_that_could_make_the_same_number_do_not_exist_together(store):
    opened(store)
    with pytest.raises(SerialsRefused, match="another beginning or length"):
        opened(store, template="1###########", alphabet="0123456789A")
    with pytest.raises(SerialsRefused, match="another beginning or length"):
        opened(store)
    opened(store, template="A###########")
    opened(store, template="#" * 13)
    opened(store, code="09506000134352")


def test_ranges_of_one_shape_do_not_overlap(store):
    wanted = {"kind": PoolKind.SEQUENTIAL, "guessable_because": "export"}
    opened(store, first=0, capacity=1000, **wanted)
    opened(store, first=1000, capacity=1000, **wanted)
    with pytest.raises(SerialsRefused, match="1000 to 1999 already"):
        opened(store, first=1999, capacity=5, **wanted)


def test_sscc_are_counted_and_their_check_digits_are_right(store):
    pool = opened(store, code="39521321", is_sscc=True, kind=PoolKind.SEQUENTIAL, first=999)
    _, numbers = granted(store, pool, 250, "cases")
    assert all(len(one) == 18 and has_check_digit(one) for one in numbers)
    assert [int(one[8:17]) for one in numbers] == list(range(999, 1249))
    with pytest.raises(SerialsRefused, match="already"):
        opened(store, code="3952132100", is_sscc=True, kind=PoolKind.SEQUENTIAL)
    assert state_of(store, numbers[0], "39521321") is SerialState.GRANTED


def test_numbers_that_are_on_packs_already_are_passed_over(store):
    """Another system used them before; each one takes a place that nobody gets."""
    pool = opened(store)
    with store.read() as snapshot:
        ahead = serials_between(snapshot, pool, 0, 50)
    used = [*ahead[3:5], ahead[20]]
    with store.write(NOW) as tx:
        record(tx, [commission(0, [uri(one) for one in used])])
    first, numbers = granted(store, pool, 30, "r1")
    second, more = granted(store, pool, 17, "r2")
    assert numbers + more == [one for one in ahead if one not in used]
    assert granted(store, pool, 30, "r1") == (first, numbers)
    assert state_of(store, used[0]) is SerialState.IN_USE
    report(store, second, printed=1)
    assert state_of(store, more[0]) is SerialState.PRINTED
    assert list(audit_log(store)) == []


def test_what_becomes_of_numbers(store):
    pool = opened(store)
    grant, numbers = granted(store, pool, 10, "r1", "line 7")
    report(store, grant, printed=6, void=(numbers[0], numbers[5]), reason="label torn")
    with store.write(NOW) as tx:
        record(tx, [commission(0, [uri(numbers[1])])])
    report(store, grant, return_rest=True)
    states = [state_of(store, one) for one in numbers]
    assert states == [
        SerialState.VOID,
        SerialState.COMMISSIONED,
        *[SerialState.PRINTED] * 3,
        SerialState.VOID,
        *[SerialState.RETURNED] * 4,
    ]
    report(store, grant, void=(numbers[0],), reason="told twice")
    with pytest.raises(SerialsRefused, match="commissioned already"):
        report(store, grant, void=(numbers[1],), reason="torn")
    with pytest.raises(SerialsRefused, match="cannot be printed"):
        report(store, grant, printed=7)
    with pytest.raises(SerialsRefused, match="printed already"):
        report(store, grant, printed=5)
    other, theirs = granted(store, pool, 10, "r2")
    assert not {*numbers} & {*theirs}
    with pytest.raises(SerialsRefused, match=f"not of grant {other.id}"):
        report(store, other, void=(numbers[2],), reason="torn")
    with store.read() as snapshot:
        assert standings(snapshot, GTIN, ["never made", "12"]) == {}
        found = standings(snapshot, GTIN, [numbers[2]])[numbers[2]]
    assert (found.grant, found.line, found.may_be_commissioned) == (grant.id, "line 7", True)


def test_imported_numbers_bring_what_is_printed_with_them(store):
    tail = "91EE08\x1d92" + "A" * 44
    pool = opened(store, kind=PoolKind.IMPORTED, guessable_because="")
    lines = [f"01{GTIN}21{serial}\x1d{tail}" for serial in ("5r7FVq2wLm0aa", "xQ1pRt8ZbN3bb")]
    with store.write(NOW) as tx:
        import_serials(tx, pool.id, read_numbers(lines, pool))
    grant, numbers = granted(store, pool, 2, "r1")
    assert numbers == ["5r7FVq2wLm0aa", "xQ1pRt8ZbN3bb"]
    for form in GrantFormat:
        assert [printed["91"] for _, printed in written(store, grant, form)] == ["EE08"] * 2
    with store.read() as snapshot:
        pool = need_pool(snapshot, pool.id)
    for refused, why in (
        (["5r7FVq2wLm0aa"], "imported already"),
        (["5r7FVq2wLm0ab", "5r7FVq2wLm0ab"], "twice"),
        (["(01)09506000134352(21)5r7FVq2wLm0ac"], "of product 09506000134352"),
        (["not a serial number"], "line 1"),
        ([f"{100000000003 + n}" for n in range(20)], "sequence"),
        ([], "no numbers"),
    ):
        with pytest.raises(SerialsRefused, match=why), store.write(NOW) as tx:
            import_serials(tx, pool.id, read_numbers(refused, pool))
    assert need_left(store, pool) == 0


def test_imported_numbers_are_never_those_that_a_pool_issues_too(store):
    opened(store)
    listed = opened(store, kind=PoolKind.IMPORTED)
    with pytest.raises(SerialsRefused, match="issues"), store.write(NOW) as tx:
        import_serials(tx, listed.id, read_numbers(["190283746510"], listed))
    with store.write(NOW) as tx:
        import_serials(tx, listed.id, read_numbers(["84920175639201"], listed))
    with pytest.raises(SerialsRefused, match="imported already"):
        opened(store, template="#" * 14)


def need_left(store, pool):
    with store.read() as snapshot:
        return need_pool(snapshot, pool.id).remaining


def written(store, grant, form):
    """Serial number and elements to print, as a line reads them from a file."""
    content = b"".join(write_grant(store, grant, form))
    if form is GrantFormat.JSON:
        rows = [(one["serial"], one["print"]) for one in json.loads(content)["serials"]]
    elif form is GrantFormat.XML:
        rows = [(one.text, one.get("print")) for one in ET.fromstring(content)]
    else:
        lines = csv.DictReader(io.StringIO(content.decode(), newline=""))
        rows = [(one["serial"], one["print"]) for one in lines]
    return [(serial, read(printed).elements) for serial, printed in rows]


@given(st.text(alphabet=r"""!"%&'()*+,-./:;<=>?Aa0_""", max_size=6), st.integers(1, 40))
@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_form_says_the_same_whatever_characters_a_number_has(tmp_path_factory, start, count):
    store = Store.open(str(tmp_path_factory.mktemp("serials") / "s.db"))
    store.create_all()
    grant, numbers = granted(store, opened(store, template=start + "#" * 12), count, "r1")
    for form in GrantFormat:
        assert written(store, grant, form) == [(one, {"01": GTIN, "21": one}) for one in numbers]
    store.close()


def test_a_pool_asks_for_more_before_it_is_empty_and_closed_ones_grant_nothing(store):
    pool = opened(store, capacity=100, refill_at=20)
    granted(store, pool, 79, "r1")
    with store.read() as snapshot:
        assert need_pool(snapshot, pool.id).warning == ""
    granted(store, pool, 1, "r2")
    with store.read() as snapshot:
        assert "20 numbers left" in need_pool(snapshot, pool.id).warning
    with pytest.raises(SerialsRefused, match="has 20 numbers left, 21 were asked for"):
        granted(store, pool, 21, "r3")
    with store.write(NOW) as tx:
        close_pool(tx, pool.id)
    with pytest.raises(SerialsRefused, match="closed"):
        granted(store, pool, 1, "r4")


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(1, 9), st.booleans()), max_size=12))
@settings(max_examples=15)
def test_no_number_is_ever_issued_twice(tmp_path_factory, requests):
    """Three lines ask, ask again, void and return; a number has one request only."""
    store = Store.open(str(tmp_path_factory.mktemp("serials") / "s.db"))
    store.create_all()
    pool = opened(store, template="#" * 7, capacity=80)
    owner, left = {}, 80
    for number, (line, count, is_void) in enumerate(requests):
        if count > left:
            continue
        left -= count
        for _ in range(2):
            grant, numbers = granted(store, pool, count, f"{line}{number}", line)
            assert len(numbers) == count
            assert all(owner.setdefault(one, number) == number for one in numbers)
        void = tuple(numbers[:1]) if is_void else ()
        report(store, grant, printed=1, void=void, return_rest=True, reason="torn")
    assert need_left(store, pool) == left
    store.close()


GRANT = ["-m", "compliance.service.cli", "serials", "grant"]


def test_servers_that_grant_at_once_and_one_that_is_killed_issue_no_number_twice(
    database, tmp_path
):
    environment = {"PACKTRAIL_DATABASE": database, "PACKTRAIL_DATA_DIR": str(tmp_path / "data")}
    store = open_migrated(settings_from({"database": database}))
    pool = opened(store)

    def start(request_id):
        words = [pool.id, "2000", "--request", request_id, "-o", str(tmp_path / request_id)]
        return subprocess.Popen([sys.executable, *GRANT, *words], env=environment)

    lines = [start("a"), start("b")]
    killed = start("c")
    lines[0].wait(60)
    killed.send_signal(signal.SIGKILL)
    killed.wait(60)
    assert [one.wait(60) for one in lines] == [0, 0]
    assert start("c").wait(60) == 0
    seen = [line.split(",")[1] for name in "abc" for line in rows_of(tmp_path / name)]
    assert len(seen) == len(set(seen)) == 6000
    assert need_left(store, pool) == pool.capacity - 6000
    store.close()


def rows_of(path):
    return path.read_text().splitlines()[1:]
