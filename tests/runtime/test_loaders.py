"""What a device times is one run of the whole engine, by the library that runs it there."""

import numpy as np
import pytest
from runtime.test_runtimes import runtime, trained, whole

from ofa.runtime.loaders import LOADERS, load, version_of


@pytest.mark.parametrize("name", LOADERS)
def test_a_run_is_the_whole_engine_on_a_blank_image(name):
    chosen, blank = runtime(name), np.zeros_like(trained()[2][:1])
    files = chosen.build(whole())
    if name == "onnxruntime":
        files = {"engine.onnx": files["engine.onnx"]}

    run = load(name, files, 1)
    answer = run()

    assert version_of(name).split("-")[0] == chosen.version().split("-")[0]
    if name == "openvino":
        (answer,) = answer.values()
    if name == "tflite":  # leaves the logits where it computed them
        interpreter = run.__self__
        (logits,) = interpreter.get_output_details()
        answer = interpreter.get_tensor(logits["index"])
    np.testing.assert_allclose(
        np.reshape(answer, (1, -1)), chosen.load(files).run(blank), atol=1e-6
    )


@pytest.mark.parametrize("name", LOADERS)
def test_a_file_that_is_no_engine_is_refused(name):
    runtime(name)
    files = {"onnxruntime": 1, "tflite": 1}.get(name, 2)

    with pytest.raises(RuntimeError, match=r"cannot load an engine|is no ncnn graph of ofa"):
        load(name, {str(i): b"no engine" for i in range(files)}, 1)
