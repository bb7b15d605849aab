"""A client that sends many pictures waits for itself; others are read meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from verification.image.turns import WAITING_PER_CLIENT_MAX, PictureTurns, TooManyPictures

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


class Picture:
    """A picture that is read until the test says that it is over."""

    def __init__(self, turns: PictureTurns, client: str, order: list[str]) -> None:
        self.over = asyncio.Event()
        self._order = order
        self.task = asyncio.create_task(self._read(turns, client))

    async def _read(self, turns: PictureTurns, client: str) -> None:
        async with turns.turn(client, 60.0):
            self._order.append(client)
            await self.over.wait()


async def end(*pictures: Picture) -> None:
    for picture in pictures:
        picture.over.set()
    await asyncio.gather(*(picture.task for picture in pictures))


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_the_last_worker_is_for_a_client_that_has_none() -> None:
    turns, order = PictureTurns(3), []
    many = [Picture(turns, "many", order) for _ in range(5)]
    await settle()
    assert (turns.at_work, turns.waiting) == (2, 3)
    one = Picture(turns, "one", order)
    await settle()
    assert order == ["many", "many", "one"]
    await end(*many, one)
    assert (turns.at_work, turns.waiting) == (0, 0)


async def test_those_who_wait_take_turns() -> None:
    turns, order = PictureTurns(2), []
    first = [Picture(turns, "a", order), Picture(turns, "b", order)]
    await settle()
    waiting = [Picture(turns, client, order) for client in "aaabbc"]
    await settle()
    assert order == ["a", "b"]
    await end(*first, *waiting)
    # c came last and is read after one of each of the others that wait.
    assert sorted(order[2:5]) == ["a", "b", "c"]
    assert sorted(order) == sorted("abaaabbc")


async def test_too_many_of_one_client_are_refused_and_others_still_wait() -> None:
    turns, order = PictureTurns(1), []
    pictures = [Picture(turns, "other", order)]
    await settle()
    pictures += [Picture(turns, "many", order) for _ in range(WAITING_PER_CLIENT_MAX)]
    await settle()
    with pytest.raises(TooManyPictures):
        async with turns.turn("many", 60.0):
            pytest.fail("it may not be read")
    pictures.append(Picture(turns, "third", order))
    await settle()
    assert turns.waiting == WAITING_PER_CLIENT_MAX + 1
    await end(*pictures)
    assert (turns.at_work, turns.waiting) == (0, 0)


async def test_whoever_gives_up_leaves_no_trace() -> None:
    turns, order = PictureTurns(1), []
    at_work = Picture(turns, "a", order)
    await settle()
    with pytest.raises(TooManyPictures):
        async with turns.turn("b", 0.0):
            pytest.fail("no worker is free")
    gone = Picture(turns, "c", order)
    await settle()
    gone.task.cancel()
    await settle()
    assert turns.waiting == 0
    await end(at_work)
    last = Picture(turns, "d", order)
    await end(last)
    assert (order, turns.at_work) == (["a", "d"], 0)
