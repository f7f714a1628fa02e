"""A new front beside an older one: of one device and one supernet, or refused."""

import pytest

from ofa.errors import BadArtifact, OfaError
from ofa.pipeline import compare_fronts
from ofa.run_files import Candidate, FrontPoint, SearchOutcome, write_front


@pytest.fixture
def front(tmp_path, tiny_space):
    """A front of two points; the weights it is of are a file of the given content."""

    def make(name, *, device="pixel1", weights=b"weights", middle_top1=82.0):
        arch, path, supernet = tiny_space.smallest(), tmp_path / name, tmp_path / f"{name}.weights"
        points = tuple(
            FrontPoint(arch=arch, predicted_top1=top1, estimated_ms=ms)
            for ms, top1 in ((1.0, 80.0), (2.0, middle_top1), (3.0, 90.0))
        )
        chosen = Candidate(arch=arch, predicted_top1=80.0, estimated_ms=1.0, search_top1=None)
        outcome = SearchOutcome(
            device=device, budget_ms=3.0, budget_is_given=True, lowest_ms=1.0, highest_ms=9.0,
            num_evaluations=3, exhaustive=False, front=points, random_front=(),
            candidates=(chosen,), seed=0,
        )  # fmt: skip
        supernet.write_bytes(weights or b"")
        write_front(path, outcome, inputs={"supernet": supernet} if weights else {})
        return path

    return make


def test_a_front_is_compared_with_an_older_one(front):
    older, newer = front("older.json"), front("newer.json", middle_top1=84.0)

    assert compare_fronts(older, against=older).hypervolume == 1
    assert compare_fronts(newer, against=older).hypervolume == 2  # 4 points in place of 2, for 1 ms


def test_a_front_of_another_device_is_no_measure(front):
    with pytest.raises(OfaError, match="compare fronts of one device"):
        compare_fronts(front("new.json"), against=front("older.json", device="note10"))


def test_a_front_of_other_weights_is_no_measure(front):
    new, older = front("new.json"), front("older.json", weights=b"trained longer")

    with pytest.raises(
        OfaError, match=r"older\.json: is a front of other weights than .*new\.json"
    ):
        compare_fronts(new, against=older)


def test_a_front_that_names_no_weights_is_no_measure(front):
    with pytest.raises(BadArtifact, match=r"older\.json: does not name its supernet; search its"):
        compare_fronts(front("new.json"), against=front("older.json", weights=None))
