import re
from xml.etree import ElementTree

import pytest

from ofa.deploy.picture import FrontPicture, FrontPoint, draw_front

PICTURE = FrontPicture(
    front=(FrontPoint(latency_ms=4.0, top1=92.5), FrontPoint(latency_ms=11.0, top1=94.6)),
    random_front=(FrontPoint(latency_ms=8.0, top1=93.0),),
    uniform=(FrontPoint(latency_ms=9.0, top1=92.0),),
    candidates=(FrontPoint(latency_ms=7.0, top1=94.0),),
    samples=(FrontPoint(latency_ms=6.5, top1=92.9),),
    chosen=FrontPoint(latency_ms=7.0, top1=94.0),
    low_ms=1.0,
    high_ms=80.0,
    budget_ms=8.0,
    machine="Phone $1 & <Co>",
)


def drawn(picture=PICTURE, *, format="css-svg", width_inches=9.6):
    return draw_front(picture, format=format, width_inches=width_inches)


@pytest.mark.parametrize("format", ["svg", "css-svg"])
def test_a_drawing_is_well_formed_and_names_what_it_shows(format):
    root = ElementTree.fromstring(drawn(format=format))

    text = " ".join(root.itertext())

    assert "estimated latency on Phone $1 & <Co>, ms" in text
    for label in (
        "random subnets, measured",
        "front, predicted",
        "budget, 8 ms",
        "best uniform subnets",
    ):
        assert label in text


def test_within_a_page_every_color_is_the_pages():
    svg = drawn().decode()

    assert svg.startswith("<svg")
    assert "var(--front)" in svg
    assert not re.search(r"#[0-9a-f]{6}\b", svg)


def test_two_drawings_in_one_page_share_no_id():
    ids = [set(re.findall(r' id="([^"]+)"', drawn(width_inches=w).decode())) for w in (4.4, 9.6)]

    assert ids[0] and not ids[0] & ids[1]


@pytest.mark.parametrize("format", ["png", "svg", "css-svg"])
def test_equal_data_gives_equal_bytes(format):
    assert drawn(format=format) == drawn(format=format)


def test_a_front_without_measured_archs_can_be_drawn():
    bare = FrontPicture(
        **{**vars(PICTURE), "candidates": (), "samples": (), "random_front": (), "uniform": ()}
    )

    assert b"random subnets" not in drawn(bare)
