import pytest
import torch

from ofa.errors import OfaError
from ofa.evaluate import measuring_devices


@pytest.fixture
def gpus(monkeypatch):
    return lambda count: monkeypatch.setattr(torch.cuda, "device_count", lambda: count)


def test_gpus_measure_where_there_are_some(gpus):
    gpus(2)
    assert measuring_devices("auto") == measuring_devices("gpu") == ("cuda:0", "cuda:1")
    assert measuring_devices("cpu") == ("cpu",)


def test_the_cpu_measures_where_there_is_no_gpu(gpus):
    gpus(0)
    assert measuring_devices("auto") == ("cpu",)
    with pytest.raises(OfaError, match=r"torch finds none.*--accelerator cpu"):
        measuring_devices("gpu")
