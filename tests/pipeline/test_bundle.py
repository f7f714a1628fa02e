"""A device gets the engine of its own runtime, or is told what that takes."""

import logging
from dataclasses import replace

import pytest

from ofa.latency import load_device
from ofa.pipeline.bundle import Wish, engine_request, tell_of_missing_runtime
from ofa.runtime import RUNTIMES
from ofa.shipped import shipped


@pytest.fixture
def runtime(monkeypatch):
    """The runtime of the Raspberry Pi as if it was installed, or not."""

    def as_if(*, is_installed: bool):
        distribution = "numpy" if is_installed else "a-package-that-nobody-has"
        faked = replace(RUNTIMES["ncnn"], distribution=distribution, builds_with=())
        monkeypatch.setitem(RUNTIMES, "ncnn", faked)
        return load_device(shipped("devices"), "raspberry-pi-4")

    return as_if


def told(caplog, device, wish):
    caplog.clear()
    with caplog.at_level(logging.WARNING, "ofa"):
        tell_of_missing_runtime(device, wish)
    return caplog.text


def test_a_device_gets_the_engine_of_the_runtime_in_which_it_was_measured(runtime, caplog):
    device = runtime(is_installed=True)

    assert engine_request(device, Wish()).name == "ncnn-fp32"
    assert engine_request(device, Wish(runtime="onnxruntime")).name == "onnxruntime-fp32"
    assert told(caplog, device, Wish()) == ""


def test_the_portable_engine_stands_in_for_it_and_the_line_that_installs_it_is_told(
    runtime, caplog
):
    device = runtime(is_installed=False)

    assert engine_request(device, Wish()).name == "onnxruntime-fp32"
    assert "raspberry-pi-4 was measured in ncnn" in told(caplog, device, Wish())
    assert "pip install 'ofa-toolkit[ncnn]'" in caplog.text
    assert told(caplog, device, Wish(runtime="onnxruntime")) == ""


def test_it_stands_in_for_a_runtime_of_which_no_engine_is_built_as_well(caplog):
    device = load_device(shipped("devices"), "v100")

    assert engine_request(device, Wish()).name == "onnxruntime-fp32"
    assert "(pytorch); choose another with --runtime" in told(caplog, device, Wish())
    assert told(caplog, device, Wish(runtime="tensorrt_rtx")) == ""
