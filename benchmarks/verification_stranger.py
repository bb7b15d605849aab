"""Whether the time of an answer tells a stranger what the answer itself does not."""

from __future__ import annotations

import http.client
import json
import random
import statistics
import time

STRANGERS_QUESTIONS = 300
"""Of each kind, asked in an order drawn by lot."""


def say_times(port: int, key: str, known: dict[str, str], serials: list[str]) -> None:
    """How long answers take that say the same: medians, and how well time tells them apart."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    wrong = {
        "unknown serial": lambda: {"serial": f"X{random.randrange(10**9)}"},
        "wrong lot": lambda: {"lot": "B9"},
        "wrong expiry": lambda: {"expiry": "300530"},
    }
    times: dict[str, list[float]] = {name: [] for name in wrong}
    order = [*wrong] * STRANGERS_QUESTIONS
    random.shuffle(order)
    for name in order:
        asked = known | {"serial": random.choice(serials)} | wrong[name]()
        begun_s = time.perf_counter()
        connection.request(
            "POST",
            "/packs/verify",
            json.dumps(asked),
            {"Authorization": f"Bearer {key}", "Content-Type": "application/json"},
        )
        said = json.loads(connection.getresponse().read())
        times[name].append((time.perf_counter() - begun_s) * 1000)
        assert said["reason"] == "not-confirmed", said
    connection.close()
    medians = {name: statistics.median(those) for name, those in times.items()}
    told = ", ".join(f"{name} {median:.2f} ms" for name, median in medians.items())
    apart = max(abs(area(times[one], times[other]) - 0.5) for one in wrong for other in wrong)
    print(f"{'stranger, same answer: medians':38} {told}")
    print(f"{'told apart by time':38} area under the curve 0.5 +- {apart:.3f}, must be near 0.5")


def area(one: list[float], other: list[float]) -> float:
    """How often a time of `one` is above one of `other`; 0.5 where they cannot be told apart."""
    above = sum((a > b) + 0.5 * (a == b) for a in one for b in other)
    return above / (len(one) * len(other))
