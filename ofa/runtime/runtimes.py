"""Every runtime, by the name that ``device.yaml`` uses."""

from ofa.runtime.engine import Runtime
from ofa.runtime.executorch import EXECUTORCH
from ofa.runtime.ncnn import NCNN
from ofa.runtime.onnxruntime import ONNXRUNTIME, ONNXRUNTIME_CUDA
from ofa.runtime.openvino import OPENVINO
from ofa.runtime.qnn import QNN
from ofa.runtime.tensorrt import TENSORRT, TENSORRT_RTX
from ofa.runtime.tflite import TFLITE

RUNTIMES: dict[str, Runtime] = {
    runtime.name: runtime
    for runtime in (
        ONNXRUNTIME,
        ONNXRUNTIME_CUDA,
        TENSORRT,
        TENSORRT_RTX,
        QNN,
        OPENVINO,
        EXECUTORCH,
        TFLITE,
        NCNN,
    )
}
