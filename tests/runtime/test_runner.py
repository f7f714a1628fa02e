"""The program that times networks on a device, and the file that it writes there."""

import pytest
from runtime.test_onnxruntime import flat_engine

from ofa.runtime.bundle import bundle
from ofa.runtime.rounds import Protocol
from ofa.runtime.runner import main


@pytest.fixture
def program(tmp_path):
    """A bundle of two engines, packed for a device."""
    path = tmp_path / "far.zip"
    engines = [(name, {"engine.onnx": flat_engine()}) for name in ("a", "b")]
    protocol = Protocol(warmup=1, repeats=2, num_round=2, max_drift=99.0)
    path.write_bytes(
        bundle(engines, names=["a", "b"], runtime="onnxruntime", threads=1, protocol=protocol)
    )
    return str(path)


@pytest.mark.parametrize("text", ["precious", "two lines\nof notes\n", '{"schema": 1}\n', "[]\n"])
def test_a_file_of_somebody_else_is_left_alone(program, tmp_path, capsys, text):
    notes = tmp_path / "notes.txt"
    notes.write_text(text)

    assert main(program, ["--out", str(notes)]) == 1

    assert "notes.txt: holds no results of this bundle; choose another" in capsys.readouterr().out
    assert notes.read_text() == text


def test_a_file_that_was_cut_off_is_gone_on_with(program, tmp_path, capsys):
    results = tmp_path / "results.jsonl"
    assert main(program, ["--out", str(results)]) == 0
    whole = results.read_bytes()

    for end in (5, len(whole) - 5, len(whole)):
        results.write_bytes(whole[:end])
        assert main(program, ["--out", str(results)]) == 0

        assert results.read_bytes().count(b"\n") == whole.count(b"\n") == 2


@pytest.mark.parametrize("line", [b"noise", b"{}", b"[]", b'{"index": 0, "timings": 3}'])
def test_a_damaged_line_is_refused(program, tmp_path, capsys, line):
    results = tmp_path / "results.jsonl"
    assert main(program, ["--out", str(results)]) == 0
    damaged = results.read_bytes() + line + b"\n"
    results.write_bytes(damaged)

    assert main(program, ["--out", str(results)]) == 1

    assert "holds a damaged line; choose another --out" in capsys.readouterr().out
    assert results.read_bytes() == damaged
