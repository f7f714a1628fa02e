import json
import os
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ofa import artifacts
from ofa.errors import BadArtifact
from ofa.plain_data import yaml_mapping, yaml_text
from ofa.space import Arch, SearchSpace


@dataclass(frozen=True, kw_only=True)
class Point:
    x: float
    names: tuple[str, ...] = ()


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path):
    path = tmp_path / "deep" / "file"

    artifacts.write_atomically(path, b"old")
    artifacts.write_atomically(path, b"new")

    assert path.read_bytes() == b"new"
    assert os.listdir(path.parent) == ["file"]


def test_a_folder_that_fails_halfway_never_appears(tmp_path):
    def fill():
        with artifacts.new_folder(tmp_path / "bundle") as folder:
            (folder / "half").write_text("x")
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fill()

    assert os.listdir(tmp_path) == []


def test_a_new_folder_takes_the_place_of_the_old_one(tmp_path):
    for content in ("old", "new"):
        with artifacts.new_folder(tmp_path / "bundle") as folder:
            (folder / content).touch()

    assert os.listdir(tmp_path) == ["bundle"]
    assert os.listdir(tmp_path / "bundle") == ["new"]


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    blocked = tmp_path / "file"
    blocked.touch()

    with pytest.raises(BadArtifact, match=r"file/x: cannot be written .* choose another --out"):
        artifacts.write_atomically(blocked / "x", b"")


def test_a_json_artifact_opens_with_schema_maker_and_inputs(tmp_path):
    source = tmp_path / "source"
    source.write_bytes(b"abc")
    path = tmp_path / "a.json"

    artifacts.write_json(path, {"value": 3}, schema="thing", inputs={"source": source})

    body = artifacts.read_json(path, schema="thing")
    assert list(body) == ["schema", "made_by", "inputs", "value"]
    assert body["inputs"]["source"]["sha256"] == artifacts.sha256(source)
    artifacts.check_input(body, "source", source, where=path)
    source.write_bytes(b"abd")
    with pytest.raises(BadArtifact, match="made from another source"):
        artifacts.check_input(body, "source", source, where=path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "not readable as JSON"),
        (b"{", "not readable as JSON"),
        (b"[]", "holds list"),
        (b'{"schema": 1, "schema": 2}', "a key appears twice"),
        (b'{"schema": NaN}', "not a finite number"),
        (b'{"schema": 1e999}', "not a finite number"),
        (b'{"schema": ' + b"9" * 400 + b"}", "bits"),
        (b"[" * 100_000, "not readable as JSON"),
        (b"\xff\xfe{}", "not UTF-8 text"),
        ("{}".encode("utf-16"), "not UTF-8 text"),
        (b'{"schema": {"name": "other", "version": 1}}', "'thing'"),
    ],
)
def test_hostile_json_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_bytes(content)

    with pytest.raises(BadArtifact, match=rf"a\.json: .*{message}"):
        artifacts.read_json(path, schema="thing")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a: &x [1]\nb: *x", "aliases"),
        ("a: !!python/object/apply:os.system [echo]", "not readable as YAML"),
        ("- 1", "holds list"),
        ("a: [", "not readable as YAML"),
        ("a: 1\n\tb: 2", "not readable as YAML"),
        ("a: 1".encode("utf-16"), "not UTF-8 text"),
    ],
)
def test_hostile_yaml_is_refused_by_name(tmp_path, content, message):
    path = tmp_path / "a.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())

    with pytest.raises(BadArtifact, match=rf"a\.yaml: .*{message}"):
        artifacts.read_yaml(path)


def test_the_mark_that_some_editors_put_before_utf8_is_no_part_of_the_text(tmp_path):
    path = tmp_path / "a.yaml"
    path.write_bytes("{x: 1}".encode("utf-8-sig"))

    assert artifacts.read_yaml(path) == {"x": 1}


def test_yaml_is_written_under_its_header_and_read_back(tmp_path):
    path = tmp_path / "a.yaml"

    artifacts.write_yaml(path, {"b": (1, 2), "a": {"x": 0.5}}, header="made by hand\n\nsee below")

    assert path.read_text().startswith("# made by hand\n#\n# see below\nb: [1, 2]\n")
    assert artifacts.read_yaml(path) == {"b": [1, 2], "a": {"x": 0.5}}


@settings(max_examples=300)
@given(
    text=st.from_regex(r"[-+0-9eE_.]{1,12}", fullmatch=True)
    | st.text(st.characters(exclude_categories=("Cs", "Cc")))
    | st.sampled_from(["null", "~", "True", "yes", "0x1F", "1:30", "2026-01-01", ".inf", "a: b"])
)
@example("55921e0669")  # the id of an arch, which a reader of YAML could take for infinity
@example("0123456789")
@example("0_")
@example("9" * 5000)
def test_words_that_look_like_numbers_stay_words(text):
    body = {text: [text, {"x": text}], "float": 1e-7, "int": 12}

    assert yaml_mapping(yaml_text(body), where="it") == body


def test_what_yaml_cannot_hold_is_refused_before_it_is_written(tmp_path):
    with pytest.raises(BadArtifact, match=r"holds the character"):
        artifacts.write_yaml(tmp_path / "a.yaml", {"name": "\udcff"})

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"x": "one"}, r"here: x: .*\(found 'one'\)"),
        ({"x": 1, "y": 2}, r"here: y: Unexpected"),
        ({}, r"here: x: Field required"),
        ({"x": float("nan")}, "not a finite number"),
        ([1], "here: the whole"),
    ],
)
def test_what_does_not_fit_a_dataclass_is_refused_by_field(data, message):
    with pytest.raises(BadArtifact, match=message):
        artifacts.parse(Point, data, where="here")


def test_spaces_and_archs_survive_json():
    space = SearchSpace()
    arch = space.smallest()

    as_json = json.loads(json.dumps(space.to_dict()))

    assert artifacts.parse(SearchSpace, as_json, where="x") == space
    assert artifacts.parse(Arch, json.loads(arch.to_json()), where="x") == arch


def test_the_own_check_of_a_dataclass_is_told_in_its_own_words():
    with pytest.raises(BadArtifact, match=r"^x: space.kernel_sizes: \[4\] are even, .* use \[5\]$"):
        artifacts.parse(SearchSpace, {"kernel_sizes": [4]}, where="x")


def test_tensors_survive_and_equal_content_gives_equal_bytes(tmp_path):
    tensors = {"b": np.arange(3.0), "a": np.eye(2, dtype=np.float32)}
    first, second = tmp_path / "1", tmp_path / "2"

    artifacts.write_tensors(first, tensors, {"k": "v"})
    artifacts.write_tensors(second, dict(reversed(tensors.items())), {"k": "v"})

    read, notes = artifacts.read_tensors(first)
    assert notes == {"k": "v"}
    assert all(np.array_equal(read[name], tensors[name]) for name in tensors)
    assert first.read_bytes() == second.read_bytes()


@pytest.mark.parametrize("spoil", [lambda b: b"", lambda b: b[:-1], lambda b: b"\xff" * 8 + b[8:]])
def test_a_corrupt_tensor_file_is_refused_by_name(tmp_path, spoil):
    path = tmp_path / "t.safetensors"
    artifacts.write_tensors(path, {"a": np.ones(4)}, {})
    path.write_bytes(spoil(path.read_bytes()))

    with pytest.raises(BadArtifact, match=r"t\.safetensors: not a readable safetensors file"):
        artifacts.read_tensors(path)


def test_tensors_that_are_not_finite_are_refused(tmp_path):
    path = tmp_path / "t.safetensors"
    artifacts.write_tensors(path, {"a": np.array([1.0, np.inf])}, {})

    with pytest.raises(BadArtifact, match="tensor a holds values that are not finite"):
        artifacts.read_tensors(path)


def test_a_line_cut_off_by_a_crash_is_repaired_by_the_next(tmp_path):
    path = tmp_path / "lines.jsonl"
    artifacts.append_line(path, {"n": 1})
    artifacts.append_line(path, {"n": 2})
    path.write_bytes(path.read_bytes()[:-3])

    assert artifacts.read_lines(path) == [{"n": 1}]
    artifacts.append_line(path, {"n": 3})

    assert artifacts.read_lines(path) == [{"n": 1}, {"n": 3}]


@pytest.mark.parametrize(
    "read",
    [artifacts.read_bytes, artifacts.sha256, artifacts.read_tensors, artifacts.read_yaml],
)
@pytest.mark.parametrize("kind", ["pipe", "link to a device"])
def test_what_may_never_end_is_not_read(tmp_path, kind, read):
    path = tmp_path / "endless"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")

    with pytest.raises(BadArtifact, match="is no regular file"):
        read(path)
