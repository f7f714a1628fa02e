"""Archs in the spellings of the reference."""

import json
from dataclasses import replace

import numpy as np
import pytest

from ofa.errors import IllegalArch
from ofa.reference.dialects import read_arch, read_arch_json, write_arch
from ofa.space import FAMILIES, Encoding

SPACE = FAMILIES["ofa_mbv3_w1.0"]()
PROXYLESS = FAMILIES["ofa_proxyless_w1.3"]()
CHOICES = {"ks": [3, 5, 7, 3] * 5, "e": [3, 4, 6, 3] * 5, "d": [2, 3, 4, 2, 3]}


def test_every_dialect_names_the_same_arch():
    plain = read_arch(CHOICES, SPACE, resolution=160)

    assert plain == read_arch({**CHOICES, "image_size": 160}, SPACE)
    assert plain == read_arch({"wid": None, **CHOICES, "r": [160]}, SPACE)
    assert plain == read_arch({**CHOICES, "r": 160}, SPACE)
    assert plain == read_arch_json(json.dumps({**CHOICES, "image_size": 160}), SPACE)
    assert plain.depths == (2, 3, 4, 2, 3)
    assert plain.describe().startswith("160px  k3e3 k5e4 | k3e3 k5e4 k7e6 | ")


def test_entries_that_depth_masks_make_no_difference():
    masked = {**CHOICES, "ks": [3, 5, 0, 0, *CHOICES["ks"][4:]]}

    one, other = (read_arch(c, SPACE, resolution=160) for c in (CHOICES, masked))

    assert one == other
    assert one.id == other.id


def test_a_single_number_stands_for_every_slot():
    assert read_arch({"ks": 7, "e": 6, "d": 4}, SPACE, resolution=224) == SPACE.largest()


def test_a_stage_of_one_block_takes_any_depth():
    arch = read_arch({"ks": 7, "e": 6, "d": [4, 4, 4, 4, 4, 4]}, PROXYLESS, resolution=224)

    assert arch == PROXYLESS.largest()
    assert arch.depths == (4, 4, 4, 4, 4, 1)


@pytest.mark.parametrize("dialect", ["supernet", "nas", "tutorial"])
@pytest.mark.parametrize("space", [SPACE, PROXYLESS], ids=["mobilenet_v3", "proxyless"])
def test_archs_survive_being_written_and_read(space, dialect):
    encoding = Encoding(space)
    for arch in encoding.decode(encoding.sample(20, np.random.default_rng(0))):
        choices = json.loads(json.dumps(write_arch(arch, space, dialect=dialect)))
        assert read_arch(choices, space, resolution=arch.resolution) == arch


def test_the_dialects_differ_in_how_they_name_the_input_size():
    arch = replace(SPACE.smallest(), resolution=160)

    assert set(write_arch(arch, SPACE, dialect="supernet")) == {"ks", "e", "d"}
    assert write_arch(arch, SPACE, dialect="nas")["image_size"] == 160
    assert write_arch(arch, SPACE, dialect="tutorial")["r"] == [160]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"ks": [7] * 19}, "ks: 19 entries, but the space has 20 block slots"),
        ({"ks": [4] * 20}, r"kernel_size: 4 is not one of \[3, 5, 7\]"),
        ({"e": None}, "e: None is neither a number nor a list of 20 numbers"),
        ({"d": [2, 3]}, "d: 2 entries, but the space has 5 stages"),
        ({"d": [0, 2, 2, 2, 2]}, r"stages.0 depth: 0 is not one of \[2, 3, 4\]"),
        ({"image_size": 161}, "resolution: 161 is not one of"),
        ({"r": [128, 160], "image_size": None}, "2 input sizes are given"),
        ({"image_size": None}, "0 input sizes are given"),
        ({"w": [1]}, "unknown key 'w'"),
        ({"ks": True}, "ks: True is neither"),
    ],
)
def test_an_illegal_entry_is_named(change, problem):
    with pytest.raises(IllegalArch, match=problem):
        read_arch({**CHOICES, "image_size": 160, **change}, SPACE)


@pytest.mark.parametrize("text", ["{", "[1]", '{"ks": NaN}'])
def test_text_that_names_no_arch_is_refused(text):
    with pytest.raises(IllegalArch):
        read_arch_json(text, SPACE)
