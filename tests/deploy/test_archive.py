import io
import stat
import zipfile

import pytest

from ofa.deploy.archive import is_inert, read_archive, write_archive
from ofa.errors import BadArtifact


def packed(tmp_path, *entries):
    """An archive as a stranger would write it: (name or ZipInfo, content) pairs."""
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in entries:
            archive.writestr(name, content)
    return path


def test_files_come_back_as_they_went_in(tmp_path):
    contents = {"a.txt": b"a", "engines/x/b.bin": bytes(range(256)), "empty": b""}

    write_archive(tmp_path / "x.zip", contents)

    assert read_archive(tmp_path / "x.zip") == contents


@pytest.mark.parametrize(
    "name",
    ["../evil", "a/../../evil", "/etc/passwd", "a\\..\\evil", "C:evil", "a//b", "./a", "a/", "é"],
)
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_written(tmp_path, name):
    path = packed(tmp_path, ("good.txt", b"good"), (name, b"evil"))

    with pytest.raises(BadArtifact, match="leads out of the bundle; do not use"):
        read_archive(path)
    assert [found.name for found in tmp_path.iterdir()] == ["bundle.zip"]


def test_a_link_is_refused(tmp_path):
    link = zipfile.ZipInfo("engine.onnx")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16

    with pytest.raises(BadArtifact, match=r"engine.onnx is a link"):
        read_archive(packed(tmp_path, (link, b"/etc/passwd")))


def test_a_bomb_is_refused_before_it_expands(tmp_path):
    path = packed(tmp_path, ("engine.onnx", bytes(50_000_000)))

    assert path.stat().st_size < 100_000
    with pytest.raises(BadArtifact, match=r"engine.onnx expands 200 times or more"):
        read_archive(path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_compression_that_no_bundle_uses_is_refused_before_it_expands(tmp_path, compression):
    path = tmp_path / "bundle.zip"
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("engine.onnx", bytes(range(256)) * 4)
    data = bytearray(path.read_bytes())
    data[60:80] = bytes(20)
    path.write_bytes(data)

    with pytest.raises(BadArtifact, match=r"engine.onnx is neither stored nor deflated"):
        read_archive(path)


def test_too_many_entries_are_refused(tmp_path):
    with pytest.raises(BadArtifact, match="300 entries"):
        read_archive(packed(tmp_path, *((f"{i}", b"") for i in range(300))))


def test_a_name_that_stands_twice_is_refused(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        path = packed(tmp_path, ("a", b"1"), ("a", b"2"))

    with pytest.raises(BadArtifact, match="holds a twice"):
        read_archive(path)


@pytest.mark.parametrize("change", [lambda d: d[:-30], lambda d: b"not a zip", lambda d: d[40:]])
def test_what_is_no_archive_is_refused(tmp_path, change):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a", b"x" * 100)
    path = tmp_path / "x.zip"
    path.write_bytes(change(file.getvalue()))

    with pytest.raises(BadArtifact, match=r"x.zip: (not a readable archive|.*leads out)"):
        read_archive(path)


def test_a_flipped_bit_is_found(tmp_path):
    write_archive(tmp_path / "x.zip", {"a.txt": bytes(range(200))})
    data = bytearray((tmp_path / "x.zip").read_bytes())
    data[60] ^= 1
    (tmp_path / "x.zip").write_bytes(data)

    with pytest.raises(BadArtifact, match="not a readable archive"):
        read_archive(tmp_path / "x.zip")


@pytest.mark.parametrize("name", ["engine.onnx", "engines/tensorrt_rtx-fp16-sm89/engine.rtx"])
def test_the_names_of_a_bundle_are_inert(name):
    assert is_inert(name)
