import pytest
import torch

from ofa.errors import OfaError
from ofa.recipe import Phase, Train
from ofa.train import place_of


def train(**settings):
    return Train(phases=(Phase(name="all", epochs=1, learning_rate=0.1),), **settings)


@pytest.mark.parametrize(
    ("precision", "dtype"), [("32-true", torch.float32), ("bf16-mixed", torch.bfloat16)]
)
def test_steps_run_where_and_as_precisely_as_the_recipe_says(precision, dtype):
    place = place_of(train(accelerator="cpu", precision=precision))

    assert place.device == torch.device("cpu")
    with place.precision():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_devices_that_are_not_there_are_told():
    with pytest.raises(OfaError, match=r"train\.accelerator and train\.devices: .*hpu"):
        place_of(train(accelerator="hpu"))


@pytest.mark.gpu
def test_a_gpu_is_taken_where_there_is_one():
    assert place_of(train()).device.type == "cuda"
