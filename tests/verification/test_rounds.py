"""Requests that wait together: each gets its own answer, whatever happens to its neighbours."""

from __future__ import annotations

import asyncio
import threading

import pytest

from epcis.problem import Problem
from verification.answering.batch_queue import BatchQueue

ANSWER_S_MAX = 20


class Doubling:
    """A lane that doubles numbers, fails on odd ones, and keeps what it was given."""

    def __init__(self, *, until=None):
        self.rounds = []
        self.is_closed = False
        self._begun = threading.Event()
        self._until = until

    def answer(self, requests):
        assert requests
        self.rounds.append(requests)
        self._begun.set()
        if self._until is not None:
            assert self._until.wait(ANSWER_S_MAX)
        return [ValueError(one) if one % 2 else 2 * one for one in requests]

    def close(self):
        self.is_closed = True

    async def begun(self):
        """Once it has got its first round."""
        assert await asyncio.to_thread(self._begun.wait, ANSWER_S_MAX)


def ask(lanes, questions, **limits):
    """Run an asynchronous story with rounds over these lanes."""
    rounds = BatchQueue(lanes, **limits)

    async def story():
        return await asyncio.wait_for(questions(rounds), ANSWER_S_MAX)

    try:
        return asyncio.run(story())
    finally:
        rounds.close()


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_one_after_the_other_none_is_forgotten(lanes):
    async def one_by_one(rounds):
        return [await rounds.ask(number) for number in range(0, 100, 2)]

    told = ask([Doubling() for _ in range(lanes)], one_by_one)
    assert told == [2 * number for number in range(0, 100, 2)]


@pytest.mark.parametrize("lanes", [1, 2, 3])
def test_many_at_once_each_get_their_own_answer_or_fault(lanes):
    async def at_once(rounds):
        asked = (rounds.ask(number) for number in range(500))
        return await asyncio.gather(*asked, return_exceptions=True)

    told = ask([Doubling() for _ in range(lanes)], at_once, round_max=16)
    for number, answer in enumerate(told):
        if number % 2:
            assert isinstance(answer, ValueError)
            assert answer.args == (number,)
        else:
            assert answer == 2 * number


def test_who_was_just_answered_shares_the_next_round():
    lane = Doubling()

    async def story(rounds):
        async def one_client(number):
            return [await rounds.ask(number) for _ in range(10)]

        return await asyncio.gather(*(one_client(number) for number in (2, 4, 6)))

    assert ask([lane], story) == [[4] * 10, [8] * 10, [12] * 10]
    assert [sorted(one) for one in lane.rounds] == [[2, 4, 6]] * 10


def test_a_second_lane_works_while_the_first_one_waits():
    first_may_end = threading.Event()
    slow, free = Doubling(until=first_may_end), Doubling()

    async def story(rounds):
        held = asyncio.create_task(rounds.ask(0))
        await slow.begun()
        others = await asyncio.gather(*(rounds.ask(number) for number in range(2, 20, 2)))
        assert not held.done()
        first_may_end.set()
        return others, await held

    others, held = ask([free, slow], story)
    assert (others, held) == ([2 * number for number in range(2, 20, 2)], 0)
    assert free.is_closed
    assert slow.is_closed


def test_few_who_wait_share_the_next_round_of_the_lane_under_way():
    may_end = threading.Event()
    slow, free = Doubling(until=may_end), Doubling()

    async def story(rounds):
        held = asyncio.create_task(rounds.ask(0))
        await slow.begun()
        few = [asyncio.create_task(rounds.ask(number)) for number in (2, 4)]
        await asyncio.sleep(0)
        may_end.set()
        return await asyncio.gather(held, *few)

    assert ask([free, slow], story) == [0, 4, 8]
    assert (free.rounds, slow.rounds) == ([], [[0], [2, 4]])


def test_who_comes_when_too_many_wait_is_told_to_come_back():
    may_end = threading.Event()
    slow = Doubling(until=may_end)

    async def story(rounds):
        held = asyncio.create_task(rounds.ask(0))
        await slow.begun()
        waiting = [asyncio.create_task(rounds.ask(number)) for number in (2, 4)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await rounds.ask(6)
        may_end.set()
        return refused.value.status, await asyncio.gather(held, *waiting)

    assert ask([slow], story, waiting_max=2) == (503, [0, 4, 8])


def test_who_no_longer_waits_does_not_hold_up_the_others():
    may_end = threading.Event()
    slow = Doubling(until=may_end)

    async def story(rounds):
        gone = asyncio.create_task(rounds.ask(0))
        stays = asyncio.create_task(rounds.ask(2))
        await slow.begun()
        gone.cancel()
        may_end.set()
        return await stays

    assert ask([slow], story) == 4
