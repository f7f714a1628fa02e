from dataclasses import replace

import pytest
import torch
from PIL import Image

from ofa.data import count_classes, index_image_folder, load_splits, tell_passed_over
from ofa.errors import BadData
from ofa.recipe import Data


@pytest.fixture
def root(tmp_path):
    for part, count in (("train", 6), ("test", 2)):
        for shade, name in ((40, "cat"), (200, "dog")):
            folder = tmp_path / part / name
            folder.mkdir(parents=True)
            for index in range(count):
                Image.new("RGB", (30, 20 + index), (shade, shade, 0)).save(folder / f"{index}.png")
    return tmp_path


def load(root, part="train"):
    return index_image_folder(root, part=part, channels=3, size=16).load()


def test_each_class_is_a_folder_and_images_are_cropped_to_squares(root):
    data = load(root)

    assert data.classes == ("cat", "dog")
    assert data.images.shape == (12, 3, 16, 16)
    shades = {0: 40, 1: 200}
    assert sorted(data.labels.tolist()) == [0] * 6 + [1] * 6
    for image, label in zip(data.images, data.labels.tolist(), strict=True):
        assert image[:, 8, 8].tolist() == [shades[label], shades[label], 0]


def test_classes_are_mixed_so_that_a_chunk_of_calibration_images_holds_them_all(root, tiny_space):
    splits = load_splits(
        Data(name="image_folder", root=str(root), num_search=2, num_calibration=10),
        replace(tiny_space, num_classes=2),
    )

    for part in (splits.train, splits.calibration):
        assert set(part.labels[:6].tolist()) == {0, 1}


def test_loading_order_and_process_count_change_nothing(root):
    files = index_image_folder(root, part="train", channels=3, size=16)
    one, four = files.load(threads=1), files.load(threads=4)

    assert torch.equal(one.images, four.images)


def test_a_folder_makes_three_splits(root, tiny_space):
    splits = load_splits(
        Data(name="image_folder", root=str(root), num_search=4, num_calibration=4),
        replace(tiny_space, num_classes=2),
    )

    assert (len(splits.train), len(splits.search), len(splits.test)) == (8, 4, 4)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda root: (root / "train" / "cat" / "0.png").write_bytes(b"no"),
            "cat/0.png: not a read",
        ),
        (
            lambda root: (root / "train").rename(root / "training"),
            "train: no such folder; put images",
        ),
        (lambda root: (root / "train" / "emu").mkdir(), "emu: holds no image"),
    ],
)
def test_what_cannot_be_read_is_named(root, spoil, message):
    spoil(root)

    with pytest.raises(BadData, match=message):
        load(root)


def test_a_class_count_that_does_not_match_says_which_to_set(root, tiny_space):
    spec = Data(name="image_folder", root=str(root), num_search=2, num_calibration=2)

    with pytest.raises(BadData, match=r"2 classes, but space.num_classes is 4; set it to 2"):
        load_splits(spec, tiny_space)


def test_streamed_images_are_those_held_in_memory(root, tiny_space):
    from dataclasses import replace

    spec = Data(name="image_folder", root=str(root), num_search=4, num_calibration=4)
    space = replace(tiny_space, num_classes=2)
    held, streamed = (
        load_splits(replace(spec, stream=stream), space).train for stream in (False, True)
    )

    indices = torch.tensor([5, 0, 3])
    assert torch.equal(held.batch(indices), streamed.batch(indices))
    assert torch.equal(held.labels, streamed.labels)
    assert streamed.image(0).shape[1] != streamed.image(0).shape[2]


def test_val_may_stand_for_test(root):
    (root / "test").rename(root / "val")

    assert len(load(root, part="test")) == 4


def test_every_folder_that_was_sought_is_named(root):
    (root / "test").rename(root / "exam")

    with pytest.raises(BadData, match=r"test: no such folder \(nor .*val nor .*valid\); put"):
        load(root, part="test")


def test_classes_that_only_one_part_has_show_before_an_image_is_decoded(root, tiny_space):
    spec = Data(name="image_folder", root=str(root), num_search=2, num_calibration=2)
    (root / "test" / "dog").rename(root / "test" / "wolf")
    (root / "train" / "cat" / "0.png").write_bytes(b"no image")

    for read in (count_classes, lambda data: load_splits(data, tiny_space)):
        with pytest.raises(BadData, match="class 'dog' is in only one of train/ and test/; give"):
            read(spec)


def test_what_editors_and_archivers_hide_is_no_image_and_no_class(root, caplog):
    whole = load(root)
    (root / "train" / "cat" / "._0.png").write_bytes(b"a fork of macOS, no image")
    for folder in (root / "train", root / "train" / "cat"):
        (folder / ".ipynb_checkpoints").mkdir()
        Image.new("RGB", (30, 20)).save(folder / ".ipynb_checkpoints" / "0-checkpoint.png")
    (root / "train" / "cat" / ".ipynb_checkpoints" / "notes.txt").write_text("none either")

    again = load(root)
    tell_passed_over(Data(root=str(root)))

    assert again.classes == whole.classes
    assert torch.equal(again.images, whole.images)
    assert not caplog.records


def test_files_of_other_endings_are_counted(root, caplog):
    for name in ("train/cat/0.gif", "train/cat/1.GIF", "test/dog/LICENSE", "train/cat/.DS_Store"):
        (root / name).write_bytes(b"no image")
    (root / "train" / "cat" / "of.2024").mkdir()

    tell_passed_over(Data(name="image_folder", root=str(root)))

    assert caplog.messages == [
        f"{root}: files that end as no image does are passed over: 2 .gif, 1 without an ending"
    ]


def test_a_folder_of_images_alone_says_nothing(root, caplog):
    tell_passed_over(Data(name="image_folder", root=str(root)))
    tell_passed_over(Data())

    assert caplog.messages == []
