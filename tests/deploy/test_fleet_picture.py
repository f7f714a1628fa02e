"""The picture of a fleet tells devices apart and how sure their latencies are."""

from dataclasses import replace

import pytest

from ofa import style
from ofa.deploy.fleet_picture import draw_fleet
from ofa.fleet_files import DeviceOutcome, FleetOutcome, Pick
from ofa.run_files import FrontPoint
from ofa.space import SearchSpace

ARCH = SearchSpace().largest()
INTERVAL = "90 % interval of a pick"


def device(name, *, factor=1.0, interval_ms=None):
    points = tuple(
        FrontPoint(arch=ARCH, predicted_top1=90.0 + ms, estimated_ms=factor * ms)
        for ms in (1.0, 2.0, 4.0)
    )
    picks = (
        Pick(budget="2", budget_ms=2 * factor, point=points[1], interval_ms=interval_ms),
        Pick(budget="0.1", budget_ms=0.1 * factor, point=None),
    )
    return DeviceOutcome(
        device=name, lowest_ms=factor, highest_ms=4 * factor, front=points, picks=picks
    )


def fleet(*devices):
    return FleetOutcome(
        devices=devices, representatives=(), num_evaluations=1, portfolio=(), seed=0
    )


def drawn(*devices):
    return draw_fleet(fleet(*devices), format="svg").decode()


def test_the_interval_of_a_pick_is_drawn_where_it_is_known():
    known, unknown = device("a", interval_ms=(1.5, 2.5)), device("b", factor=2)

    assert INTERVAL not in drawn(unknown)
    assert INTERVAL in drawn(known, unknown)


def test_a_wide_interval_stays_in_the_picture():
    narrow, wide = (drawn(device("a", interval_ms=ends)) for ends in ((1.9, 2.1), (0.02, 200.0)))

    assert ">100</text>" in wide and ">100</text>" not in narrow


@pytest.mark.parametrize("num_others", [0, 1, 30])
def test_of_many_devices_an_even_choice_is_named(num_others):
    devices = [
        device(f"d{i:02}", factor=1.1**i, interval_ms=(1.0, 2.0))
        for i in range(style.MAX_SERIES + num_others)
    ]

    svg = drawn(*devices)

    named = [one.device for one in devices if f">{one.device}</text>" in svg]
    assert len(named) == style.MAX_SERIES
    assert (named[0], named[-1]) == (devices[0].device, devices[-1].device)
    assert (f">other devices: {num_others}</text>" in svg) == bool(num_others)


def test_devices_scored_in_int8_are_told_from_the_others():
    devices = [device(f"d{i:02}", factor=1.1**i) for i in range(style.MAX_SERIES + 3)]
    for index in (0, 2):  # one that is named, and one of the three others
        devices[index] = replace(devices[index], precision="int8")

    svg = drawn(*devices)

    assert ">d00, top-1 in int8</text>" in svg and ">d10</text>" in svg
    assert ">other devices, top-1 in int8: 1</text>" in svg and ">other devices: 2</text>" in svg


def test_equal_fleets_give_equal_bytes():
    one = device("a", interval_ms=(1.5, 2.5))

    assert draw_fleet(fleet(one)) == draw_fleet(fleet(replace(one)))
