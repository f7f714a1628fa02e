"""A device out of reach keeps a budget up to the end of its interval, if that is asked."""

import re
from functools import partial

import pytest

from benchmarks.tiny_journey import SPACE
from ofa import pipeline
from ofa.checkpoint import ACCURACY, SUPERNET, MeasuredArch, append_accuracy, read_supernet
from ofa.cli import main
from ofa.errors import InfeasibleBudget
from ofa.pipeline.whole_interval import find_with_whole_interval
from ofa.run_files import read_front
from ofa.space import encoding_of, macs, network

DEVICE = "v100-batch1"  # its intervals are narrow even for networks as small as these


@pytest.fixture(scope="module")
def front(fitted, tmp_path_factory):
    """The front of a device out of reach."""
    out = tmp_path_factory.mktemp("front")
    return pipeline.search(device=DEVICE, checkpoint=str(fitted), out=out)


def test_the_upper_end_of_the_interval_keeps_the_budget(fitted, front, tmp_path):
    points, model = read_front(front).front, pipeline.profile(device=DEVICE, checkpoint=str(fitted))

    def estimate(arch):
        return model.estimate(network(SPACE, arch).layers)

    def find(within_ms):
        return DEVICE, pipeline.choose_point(front=front, budget_ms=within_ms, out=tmp_path)

    budget_ms = points[-1].estimated_ms  # of the most accurate, whose interval reaches beyond it
    _, path = find_with_whole_interval(find, checkpoint=str(fitted), budget_ms=budget_ms)

    chosen = estimate(read_front(path).chosen.arch)
    assert chosen.high_ms <= budget_ms
    kept = [point for point in points if estimate(point.arch).high_ms <= budget_ms]
    assert chosen.latency_ms == pytest.approx(kept[-1].estimated_ms, rel=0.02)


def test_a_bundle_tells_the_budget_that_was_asked_though_the_search_aimed_lower(
    small_checkpoint, tmp_path
):
    supernet = small_checkpoint / SUPERNET
    encoding = encoding_of(read_supernet(supernet)[1].space)
    archs = encoding.decode(encoding.enumerate())
    for arch in archs:  # the slower, the more accurate
        top1 = 50 + macs(network(encoding.space, arch)) / 1e6
        record = MeasuredArch(arch=arch, top1=top1)
        append_accuracy(small_checkpoint / ACCURACY, record, supernet=supernet)
    specialize = partial(pipeline.specialize, device="titan-xp", checkpoint=str(small_checkpoint))
    plain = specialize(out=tmp_path / "plain", budget_ms=1e3).manifest
    budget_ms = plain.estimated.latency_ms

    facts = specialize(out=tmp_path / "sure", budget_ms=budget_ms, whole_interval=True).manifest

    assert facts.estimated.high_ms <= budget_ms < plain.estimated.high_ms
    assert (facts.budget_ms, facts.budget_origin) == (budget_ms, "asked")
    assert read_front(tmp_path / "sure" / "fronts" / "titan-xp.json").budget_ms < budget_ms


def test_a_budget_that_no_interval_keeps_is_refused_with_what_must_be_reckoned_with(
    fitted, front, tmp_path
):
    told = r"no subnet was found whose whole interval lies within .* leave out --whole-interval"
    with pytest.raises(InfeasibleBudget, match=told):
        pipeline.specialize(
            device=DEVICE, checkpoint=str(fitted), out=tmp_path, whole_interval=True,
            budget_ms=1.001 * read_front(front).lowest_ms,
        )  # fmt: skip

    assert not (tmp_path / "bundles").exists()


@pytest.mark.parametrize(
    ("words", "reason"),
    [(["pixel"], "needs a budget"), (["host", "--budget-ms", "1"], "host is at hand, so it is")],
)
def test_it_is_refused_where_it_means_nothing(words, reason, fitted, tmp_path, capsys):
    flags = ["--checkpoint", str(fitted), "--out", str(tmp_path / "run"), "--whole-interval"]

    assert main(["specialize", "--device", *words, *flags]) == 1

    assert re.search(rf"ofa specialize: --whole-interval: {reason}", capsys.readouterr().err)
    assert not (tmp_path / "run").exists()
