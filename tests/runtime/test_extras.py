"""A runtime that is not installed answers with the line that installs it."""

import re
from dataclasses import replace

import numpy as np
import pytest
from torch import nn

from ofa.errors import MissingExtra
from ofa.runtime import RUNTIMES, Source

NOTHING = Source(onnx=b"", precision="fp32", net=nn.Identity(), images=np.empty((0, 3, 8, 8)))


@pytest.mark.parametrize("name", RUNTIMES)
@pytest.mark.parametrize(
    "use", [lambda r: r.version(), lambda r: r.build(NOTHING), lambda r: r.load({})]
)
def test_without_its_package_a_runtime_gives_the_line_that_installs_it(name, use):
    absent = replace(RUNTIMES[name], distribution="a-package-that-nobody-has", alternatives=())

    assert not absent.available()
    with pytest.raises(MissingExtra, match=re.escape(f"pip install '{absent.requirement}'")):
        use(absent)


def test_a_package_that_brings_the_same_library_will_do():
    assert RUNTIMES["onnxruntime"].alternatives == ("onnxruntime-gpu",)
    other = replace(
        RUNTIMES["onnxruntime"],
        distribution="a-package-that-nobody-has",
        alternatives=("another-that-nobody-has", "numpy"),
    )

    assert other.version() == np.__version__
