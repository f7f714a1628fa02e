"""What serves a device of a fleet becomes the choice of a front of that device."""

from dataclasses import replace

import pytest

from ofa import pipeline
from ofa.deploy import load_bundle
from ofa.errors import BadArtifact, InfeasibleBudget, OfaError
from ofa.fleet_files import (
    Choice,
    DeviceOutcome,
    FleetOutcome,
    Served,
    read_fleet,
    write_fleet,
)
from ofa.run_files import FrontPoint, read_front
from ofa.space import SearchSpace

SMALL, LARGE = SearchSpace().smallest(), SearchSpace().largest()


def served(device, budget_ms, **by):
    return Served(device=device, budget=f"{budget_ms:.0f}", budget_ms=budget_ms, **by)


def choice(*archs, serves):
    return Choice(
        archs=archs, mean_loss=1.0, least_loss=1.0, num_requests=len(serves),
        num_unserved=sum(one.model is None for one in serves), optimal=True, serves=tuple(serves),
    )  # fmt: skip


BY_LARGE = {"model": 0, "predicted_top1": 92.0, "estimated_ms": 8.0}
ONE = choice(LARGE, serves=[served("a", 5.0), served("a", 10.00049, **BY_LARGE)])
FLEET = FleetOutcome(
    devices=tuple(
        DeviceOutcome(
            device=device,
            lowest_ms=2.0,
            highest_ms=9.0,
            front=(FrontPoint(arch=SMALL, predicted_top1=90.0, estimated_ms=2.0),),
            picks=(),
            precision="int8",
        )
        for device in ("a", "slow")
    ),
    representatives=(),
    num_evaluations=1,
    portfolio=(ONE,),
    seed=0,
)


@pytest.fixture
def pick(tmp_path):
    """Picks of that fleet, or of one that differs from it."""

    def picked(device="a", budget_ms=10.0, **settings):
        fleet = replace(FLEET, **settings.pop("fleet", {}))
        write_fleet(tmp_path / "fleet.json", fleet, inputs={})
        path = pipeline.front_of_fleet(
            fleet=tmp_path / "fleet.json", device=device, budget_ms=budget_ms, out=tmp_path,
            **settings,
        )  # fmt: skip
        assert path == tmp_path / "fronts" / f"{device}.json"
        return read_front(path)

    return picked


def test_the_model_that_serves_a_device_is_chosen_though_it_lies_off_its_front(pick):
    front = pick(models=1)

    assert front.chosen.arch == LARGE
    assert (front.chosen.predicted_top1, front.chosen.estimated_ms) == (92.0, 8.0)
    assert front.chosen.search_top1 is None and not front.is_best_measured
    assert front.front == FLEET.devices[0].front
    assert (front.device, front.precision) == ("a", "int8")


def test_without_models_a_device_gets_its_own_pick(pick):
    assert pick().chosen.arch == SMALL


@pytest.mark.parametrize("typed_ms", [10.0, 10.00049, 10.001])
def test_a_budget_that_was_asked_is_known_though_it_was_rounded(pick, typed_ms):
    assert pick(budget_ms=typed_ms, models=1).budget_ms == 10.00049


@pytest.mark.parametrize("typed_ms", [9.9, 10.1, float("nan"), float("inf"), -10.0])
def test_a_budget_that_was_not_asked_is_refused_with_those_that_were(pick, typed_ms):
    with pytest.raises(OfaError, match=r"for a within 5, 10 ms, not .*; give one of these"):
        pick(budget_ms=typed_ms, models=1)


def test_a_budget_that_none_of_the_models_keeps_is_refused(pick):
    with pytest.raises(InfeasibleBudget, match="none of the 1 models for all serves a within 5 ms"):
        pick(budget_ms=5.0, models=1)


def test_a_device_that_can_keep_none_of_its_budgets_is_refused(pick):
    with pytest.raises(InfeasibleBudget, match="slow can keep none of the budgets"):
        pick(device="slow", models=1)


@pytest.mark.parametrize("models", [-1, 0, 2])
def test_so_many_models_as_were_not_chosen_are_refused_with_what_there_is(pick, models):
    with pytest.raises(OfaError, match=f"no choice of {models} models; give --models 1$"):
        pick(models=models)


def test_a_fleet_without_models_is_refused(pick):
    with pytest.raises(OfaError, match="search with --max-models"):
        pick(models=1, fleet={"portfolio": ()})


@pytest.mark.parametrize(
    ("by", "problem"),
    [
        ({"model": 1}, "must be known together; search again"),
        (BY_LARGE | {"estimated_ms": None}, "must be known together; search again"),
        (BY_LARGE | {"model": 1}, "names a model beyond the 1 of archs; search again"),
        (BY_LARGE | {"model": -1}, "names a model beyond the 1 of archs; search again"),
    ],
)
def test_a_model_that_there_is_not_is_refused(by, problem):
    with pytest.raises(BadArtifact, match=problem):
        choice(LARGE, serves=[served("a", 5.0, **by)])


def test_one_subnet_is_deployed_to_every_device_that_it_serves(fitted, tmp_path):
    asked = {"checkpoint": str(fitted), "out": tmp_path}
    budgets = {"pixel1": ["30%"], "note10": ["90%"]}
    fleet = pipeline.search_fleet(budgets=budgets, max_models=1, **asked)
    (one,) = read_fleet(fleet).portfolio

    for request in one.serves:
        front = pipeline.front_of_fleet(
            fleet=fleet, device=request.device, budget_ms=request.budget_ms, models=1, out=tmp_path
        )
        subnet = pipeline.extract(front=front, **asked)
        bundle = load_bundle(pipeline.deploy(subnet=subnet, front=front, **asked))
        assert bundle.manifest.arch == one.archs[0]
        assert bundle.manifest.target.id == request.device
        assert bundle.manifest.top1.predicted == request.predicted_top1
        report = bundle.contents["report.html"].decode()
        assert "serves several devices" in report and "it was chosen by prediction" in report
    assert [path.name for path in (tmp_path / "subnets").iterdir()] == [one.archs[0].id]
    picked = {device.picks[0].point.arch for device in read_fleet(fleet).devices}
    assert len(picked) == 2  # so that the model lies off the front of one of them
