from concurrent.futures import ThreadPoolExecutor

import pytest

from ofa.deploy import EngineCache

KEY = {"onnx": "ab", "runtime": "onnxruntime", "precision": "int8"}
FILES = {"z.onnx": b"first is loaded", "a.bin": b"\x00\x01"}


class Builder:
    """Counts how often it builds."""

    def __init__(self):
        self.count = 0

    def __call__(self):
        self.count += 1
        return FILES


@pytest.fixture
def build():
    return Builder()


def test_an_equal_request_builds_nothing_twice_and_keeps_the_order_of_files(tmp_path, build):
    cache = EngineCache(folder=tmp_path)

    first, second = cache.get(KEY, build), cache.get(dict(reversed(KEY.items())), build)

    assert build.count == 1
    assert first == second == FILES
    assert list(second) == list(FILES)


def test_another_request_is_built(tmp_path, build):
    cache = EngineCache(folder=tmp_path)

    cache.get(KEY, build)
    cache.get({**KEY, "precision": "fp16"}, build)

    assert build.count == 2


def test_without_a_folder_everything_is_built(build):
    for _ in range(2):
        EngineCache(folder=None).get(KEY, build)

    assert build.count == 2


@pytest.mark.parametrize(
    "change",
    [lambda d: d[:-1], lambda d: b"", lambda d: d[:-1] + b"?"],
    ids=["cut", "empty", "bit"],
)
def test_a_corrupt_entry_is_built_again(tmp_path, build, change, caplog):
    cache = EngineCache(folder=tmp_path)
    cache.get(KEY, build)
    (entry,) = tmp_path.iterdir()
    entry.write_bytes(change(entry.read_bytes()))

    assert cache.get(KEY, build) == FILES
    assert build.count == 2
    assert "building it again" in caplog.text
    assert cache.get(KEY, build) == FILES
    assert build.count == 2


def test_what_cannot_be_kept_is_built_all_the_same_with_a_warning(tmp_path, build, caplog):
    (tmp_path / "file").write_text("where no folder can be made")
    cache = EngineCache(folder=tmp_path / "file" / "engines")

    assert [cache.get(KEY, build) for _ in range(2)] == [FILES] * 2
    assert build.count == 2
    assert "not kept, so built again next time" in caplog.text
    assert "--out" not in caplog.text


def test_builders_at_the_same_time_leave_one_whole_entry(tmp_path, build):
    cache = EngineCache(folder=tmp_path)

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: cache.get(KEY, build), range(8)))

    assert found == [FILES] * 8
    assert len(list(tmp_path.iterdir())) == 1
