"""Another point of a front becomes the choice of a front of its own."""

import pytest

from ofa import artifacts, pipeline
from ofa.cli import main
from ofa.deploy import load_bundle
from ofa.errors import BadArtifact, InfeasibleBudget, OfaError
from ofa.run_files import Candidate, FrontPoint, SearchOutcome, read_front, write_front
from ofa.space import SearchSpace, encoding_of

SPACE = SearchSpace()
ARCHS = encoding_of(SPACE).decode(encoding_of(SPACE).encode([SPACE.smallest(), SPACE.largest()]))
POINTS = tuple(
    FrontPoint(arch=arch, predicted_top1=top1, estimated_ms=ms)
    for arch, top1, ms in zip(ARCHS, (90.0, 92.0), (1.0, 2.0), strict=True)
)
MEASURED = Candidate(arch=ARCHS[1], predicted_top1=92.0, estimated_ms=2.0, search_top1=91.5)


def write(path, **settings):
    """A front of two points, whose slower one was measured and chosen."""
    found = {"device": "phone", "candidates": (MEASURED,), "scored_by": "predictor"} | settings
    outcome = SearchOutcome(
        budget_ms=2.5, budget_is_given=False, lowest_ms=1.0, highest_ms=3.0, num_evaluations=9,
        exhaustive=False, front=POINTS, random_front=(), seed=0, **found,
    )  # fmt: skip
    write_front(path, outcome, inputs={})
    return path


def choose(front, budget_ms, out):
    return read_front(pipeline.choose_point(front=front, budget_ms=budget_ms, out=out))


def test_the_most_accurate_point_within_the_budget_is_chosen(tmp_path):
    front = write(tmp_path / "front.json")
    before = front.read_bytes()

    found = choose(front, 1.9, tmp_path / "other")

    assert (tmp_path / "other" / "fronts" / "phone.json").exists()
    assert (found.chosen.arch, found.chosen.search_top1) == (ARCHS[0], None)
    assert (found.budget_ms, found.budget_is_given) == (1.9, True)
    assert found.front == POINTS and found.candidates[1:] == (MEASURED,)
    assert not found.is_best_measured
    assert front.read_bytes() == before


def test_a_point_that_was_measured_keeps_its_measurement(tmp_path):
    front = write(tmp_path / "front.json")

    away = choose(front, 1.0, tmp_path / "away")
    back = choose(tmp_path / "away" / "fronts" / "phone.json", 2.0, tmp_path / "back")

    assert away.chosen != MEASURED
    assert back.chosen == MEASURED and back.is_best_measured


def test_a_point_that_was_scored_by_measurement_is_a_measurement(tmp_path):
    front = write(tmp_path / "front.json", scored_by="measurement")

    assert choose(front, 1.0, tmp_path).chosen.search_top1 == 90.0


def test_a_budget_that_no_point_meets_is_refused(tmp_path):
    front = write(tmp_path / "front.json")

    with pytest.raises(
        InfeasibleBudget, match=r"phone meets 0\.5 ms; they take 1\.000 to 2\.000 ms: raise the bud"
    ):
        choose(front, 0.5, tmp_path)
    for budget_ms in (float("nan"), float("inf")):
        with pytest.raises(OfaError, match="give milliseconds"):
            choose(front, budget_ms, tmp_path)
    assert not (tmp_path / "fronts").exists()


def test_the_front_that_was_searched_is_not_replaced(tmp_path, monkeypatch):
    front = write(tmp_path / "fronts" / "phone.json")
    monkeypatch.chdir(tmp_path / "fronts")

    with pytest.raises(OfaError, match="would replace this front; name another --out"):
        choose(front, 1.0, tmp_path)
    with pytest.raises(OfaError, match="would replace this front; name another --out"):
        choose(front.relative_to(tmp_path / "fronts"), 1.0, tmp_path)
    assert read_front(front).chosen == MEASURED


@pytest.mark.parametrize("device", ["../phone", "a/b", "/phone"])
def test_a_file_does_not_say_where_to_write(tmp_path, device):
    front = write(tmp_path / "front.json", device=device)

    with pytest.raises(BadArtifact, match="no name of a device"):
        choose(front, 1.0, tmp_path / "run")
    assert list(tmp_path.iterdir()) == [front]


@pytest.mark.parametrize(("flag", "value"), [("--device", "phone"), ("--models", "1")])
def test_the_front_of_one_device_takes_no_flag_of_a_fleet(flag, value, tmp_path, capsys):
    words = ["extract", "--front", str(write(tmp_path / "front.json")), "--budget-ms", "1"]

    assert main([*words, flag, value, "--out", str(tmp_path / "run")]) == 1

    (told,) = capsys.readouterr().err.splitlines()
    assert f"{flag}: " in told and "is the front of one device, no fleet; leave it out" in told


def test_another_point_is_cut_out_deployed_and_told_as_what_it_is(fitted, tmp_path):
    checkpoint, chosen = ["--checkpoint", str(fitted)], tmp_path / "chosen"
    front = pipeline.search(device="pixel", checkpoint=str(fitted), out=tmp_path)
    least_ms = read_front(front).front[0].estimated_ms
    words = ["extract", "--front", str(front), "--budget-ms", str(least_ms)]

    assert main([*words, *checkpoint, "--out", str(chosen)]) == 0

    (subnet,), path = (chosen / "subnets").iterdir(), chosen / "fronts" / "pixel1.json"
    assert subnet.name == read_front(front).front[0].arch.id
    words = ["deploy", "--subnet", str(subnet), "--front", str(path), "--out", str(chosen)]
    assert main([*words, *checkpoint]) == 0
    (bundle,) = (chosen / "bundles").iterdir()
    manifest = load_bundle(bundle).manifest
    assert manifest.budget_ms == least_ms and manifest.budget_origin == "asked"
    assert artifacts.read_json(path, schema="ofa.front")["inputs"]["front"]["file"] == "pixel1.json"
    report = (bundle / "report.html").read_text()
    assert "it was chosen by prediction" in report and "the best of these is taken" not in report
