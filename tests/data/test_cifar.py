import hashlib
import tarfile
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from ofa.data import cifar, load_cifar
from ofa.errors import BadData


@pytest.fixture
def cifar100(tmp_path):
    """Three training images and one test image, in CIFAR-100's binary form."""
    rows = np.random.default_rng(0).integers(0, 256, (4, 2 + 3072), dtype=np.uint8)
    rows[:, :2] = [[9, 1], [9, 0], [9, 1], [9, 0]]
    (tmp_path / "train.bin").write_bytes(rows[:3].tobytes())
    (tmp_path / "test.bin").write_bytes(rows[3:].tobytes())
    (tmp_path / "fine_label_names.txt").write_text("apple\nbear\n")
    return tmp_path, rows


def test_images_and_fine_labels_are_read_without_unpickling(cifar100):
    folder, rows = cifar100

    data = load_cifar("cifar100", "train", download=False, folder=folder)

    assert data.classes == ("apple", "bear")
    assert data.labels.tolist() == [1, 0, 1]
    assert np.array_equal(data.images.numpy().reshape(3, -1), rows[:3, 2:])


def test_a_file_cut_short_is_named(cifar100):
    folder, rows = cifar100
    (folder / "train.bin").write_bytes(rows[:3].tobytes()[:-1])

    with pytest.raises(BadData, match=r"train\.bin: not a CIFAR file"):
        load_cifar("cifar100", "train", download=False, folder=folder)


def test_where_it_was_sought_and_how_to_get_it_is_said(tmp_path):
    with pytest.raises(BadData, match=r"no: cifar10 is not there; .* --data\.download true"):
        load_cifar("cifar10", "test", download=False, folder=tmp_path / "no")


@pytest.fixture
def server(cifar100, tmp_path, monkeypatch):
    """The archive of a server from which CIFAR-100 is downloaded."""
    files = cifar._FILES["cifar100"]
    archive = tmp_path / files.archive
    with tarfile.open(archive, "w:gz") as tar:
        for name in ("train.bin", "test.bin", "fine_label_names.txt"):
            tar.add(tmp_path / name, arcname=f"{files.folder}/{name}")
    md5 = hashlib.md5(archive.read_bytes(), usedforsecurity=False).hexdigest()
    monkeypatch.setitem(cifar._FILES, "cifar100", replace(files, md5=md5))
    handler = partial(SimpleHTTPRequestHandler, directory=tmp_path)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as http:
        monkeypatch.setattr(cifar, "_URL", f"http://127.0.0.1:{http.server_port}/{{name}}")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        Thread(target=http.serve_forever).start()
        yield archive
        http.shutdown()


def test_what_is_downloaded_appears_whole(server, tmp_path):
    folder = tmp_path / "cache" / "cifar-100-binary"

    data = load_cifar("cifar100", "train", download=True, folder=folder)

    assert data.labels.tolist() == [1, 0, 1]
    names = ["fine_label_names.txt", "test.bin", "train.bin"]
    assert sorted(path.name for path in folder.iterdir()) == names
    assert list(folder.parent.iterdir()) == [folder]


@pytest.mark.parametrize("content", [None, b"half of an archive"])
def test_a_download_that_fails_is_told_in_one_line_and_leaves_nothing(server, content, tmp_path):
    server.write_bytes(content) if content else server.unlink()
    folder = tmp_path / "cache" / "cifar-100-binary"

    with pytest.raises(BadData, match=r"cifar-100-binary: cannot be downloaded \(.*; try again"):
        load_cifar("cifar100", "train", download=True, folder=folder)

    assert list(folder.parent.iterdir()) == []
