import pytest

from ofa.errors import BadArtifact
from ofa.train import Curves, draw_curves, read_curves


@pytest.fixture
def run(tmp_path):
    """Logs of a run of two phases that was resumed after its second epoch."""
    for version, rows in enumerate(
        (
            ("0,0,5,0.0,", "0,0,9,,40.0", "1,0,12,0.0,", "1,0,19,,60.0"),
            ("2,0,22,1.0,", "2,0,29,,75.5"),
        )
    ):
        folder = tmp_path / f"logs/csv/version_{version}"
        folder.mkdir(parents=True)
        lines = ["epoch,loss,step,phase,search_top1/largest", *rows]
        (folder / "metrics.csv").write_text("\n".join(lines))
    return tmp_path


def test_the_curves_of_a_resumed_run_are_one(run):
    curves = read_curves(run)

    assert curves.top1 == {"largest": {1: 40.0, 2: 60.0, 3: 75.5}}
    assert curves.phase_ends == (2,)


def test_the_picture_names_subnets_and_phases_and_is_the_same_each_time(run):
    svg = draw_curves(read_curves(run), ("grow", "shrink"))

    assert svg == draw_curves(read_curves(run), ("grow", "shrink"))
    text = svg.decode()
    assert all(f">{word}</text>" in text for word in ("grow", "shrink", "largest subnet", "epoch"))


def test_the_curve_of_random_subnets_starts_where_they_were_measured():
    curves = Curves(top1={"largest": {1: 40.0, 2: 60.0}, "random": {2: 55.0}}, phase_ends=(1,))

    assert ">random subnets, mean</text>" in draw_curves(curves, ("grow", "shrink")).decode()


def test_a_folder_without_logs_is_refused(tmp_path):
    with pytest.raises(BadArtifact, match="no epoch was logged"):
        read_curves(tmp_path)


@pytest.mark.parametrize("text", [b"\xff\xfe", b"epoch\nfirst\n", b"loss\n1\n", b"epoch\n1,2\n"])
def test_a_log_that_is_none_is_named(run, text):
    path = run / "logs/csv/version_1/metrics.csv"
    path.write_bytes(text)

    with pytest.raises(BadArtifact, match=r"version_1/metrics\.csv: is no log"):
        read_curves(run)
