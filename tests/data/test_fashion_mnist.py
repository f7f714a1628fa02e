import gzip

import pytest

from ofa.data import load_fashion_mnist
from ofa.errors import BadData


def test_where_it_was_sought_and_how_to_get_it_is_said(tmp_path):
    with pytest.raises(BadData, match=r"neither in .* apt-get install dataset-fashion-mnist"):
        load_fashion_mnist("test", download=False, folders=(tmp_path,))


SHORT = gzip.compress(b"\0\0\x08\x03" + b"\0" * 40, mtime=0)


@pytest.mark.parametrize("content", [b"", b"not gzip", SHORT], ids=["empty", "not gzip", "short"])
def test_a_corrupt_file_is_named(tmp_path, content):
    path = tmp_path / "t10k-images-idx3-ubyte.gz"
    path.write_bytes(content)

    with pytest.raises(
        BadData, match=r"t10k-images-idx3-ubyte\.gz: .* install or download it again"
    ):
        load_fashion_mnist("test", download=False, folders=(tmp_path,))
