"""The router's pool in simulated time, against results known from theory."""

from __future__ import annotations

import pytest

from routing.simulate import Flow, Worker, simulate


@pytest.mark.slow
def test_delay_is_erlang_c_when_nobody_leaves() -> None:
    # 100 calls in 30 minutes, 180 s, 14 agents: Pw 0.174132, ASA 7.8359 s, 88.835 % within 20 s.
    [found] = simulate([Flow(1, 100 / 1800, 180, target=20)], [Worker((1,))] * 14, customers=80_000, seed=5)
    assert found.delayed == pytest.approx(0.174132, rel=0.05)
    assert found.average_wait == pytest.approx(7.8359, rel=0.1)
    assert found.service_level == pytest.approx(0.88835, rel=0.01)


def test_abandonment_is_erlang_a_when_patience_ends() -> None:
    # 48/min, 60 s, 50 agents, patience 120 s: 3.091 % leave, mean wait 3.709 s.
    [found] = simulate([Flow(1, 0.8, 60, patience=120)], [Worker((1,))] * 50, customers=60_000, seed=3)
    assert found.abandonment == pytest.approx(0.03091, rel=0.1)
    assert found.average_wait == pytest.approx(3.709, rel=0.1)


@pytest.mark.parametrize(
    ("rates", "servers", "speeds", "waits"),
    [
        ((0.6, 0.8), ((0,), (0, 1)), (1, 1.2), (0.49913, 2.16288)),
        ((1.2, 1.5), ((0,), (1,), (0, 1), (0, 1)), (1, 1, 0.9, 1.1), (0.36365, 0.42634)),
        ((1, 0.9, 0.7, 0.5), ((0,), (0, 1), (1, 2), (2, 3), (0, 1, 2, 3)), (1, 1, 0.8, 0.7, 1), (0.31308, 0.46602, 0.55633, 0.82359)),
    ],
)  # fmt: skip
def test_waits_are_the_product_form_when_first_come_meets_longest_idle(
    rates: tuple[float, ...], servers: tuple[tuple[int, ...], ...], speeds: tuple[float, ...], waits: tuple[float, ...]
) -> None:
    # Our policy keeps the flexible free; queues in which nobody ever waits make all equally flexible.
    most = max(len(s) for s in servers)
    idle = [tuple(100 + n for n in range(most - len(s))) for s in servers]
    workers = [Worker((*s, *more), speed=speed) for s, more, speed in zip(servers, idle, speeds, strict=True)]
    found = simulate([Flow(n, rate, 1.0) for n, rate in enumerate(rates)], workers, customers=60_000, seed=11)
    assert [f.average_wait for f in found] == pytest.approx(list(waits), rel=0.1)
