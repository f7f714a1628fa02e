"""Searches that cannot begin, and what they tell of it."""

import pytest

from benchmarks.tiny_journey import write_checkpoint
from ofa import pipeline
from ofa.errors import OfaError


def test_without_a_predictor_a_search_tells_the_commands_that_make_one(tmp_path):
    write_checkpoint(tmp_path, num_measured=0)

    told = (
        f"there is no predictor yet; .*ofa sample --checkpoint {tmp_path}; "
        f"ofa fit-predictor --checkpoint {tmp_path}"
    )
    with pytest.raises(OfaError, match=told):
        pipeline.search(device="pixel", checkpoint=str(tmp_path), out=tmp_path / "run")
