"""What is told of engines once they are built."""

from dataclasses import replace

import pytest

from ofa.deploy import PORTABLE, Built, EngineRequest
from ofa.deploy.engines import BuiltEngine


@pytest.fixture
def engines():
    portable = BuiltEngine(
        request=PORTABLE, version="1", onnx=b"", files={"engine.onnx": b""}, session=None
    )
    small = EngineRequest(runtime="onnxruntime", precision="int8")
    return portable, replace(portable, request=small)


def test_the_time_told_is_that_of_the_engine_meant_for_the_target(engines, manifest):
    here = {engine.request.name: manifest.estimated for engine in engines}

    assert Built(engines=engines, here=here, measured=None).timed == "onnxruntime-int8"


def test_of_an_engine_that_is_not_timed_here_the_portable_ones_is_told(engines, manifest):
    here = {"onnxruntime-fp32": manifest.estimated}

    assert Built(engines=engines, here=here, measured=None).timed == "onnxruntime-fp32"
