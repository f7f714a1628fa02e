"""What a reference run visits, step by step."""

import pytest
from reference.fill import GOLDEN, choices

from ofa.reference.dialects import read_arch
from ofa.reference.schedules import PHASES, resolution_at, subnet_at
from ofa.space import FAMILIES

ALL_SIZES = tuple(range(128, 225, 4))
FEW_SIZES = (128, 160, 192, 224)


@pytest.mark.parametrize("family", GOLDEN["families"])
def test_the_subnets_are_those_of_the_reference(family):
    space = FAMILIES[family]()
    for draw in GOLDEN["families"][family]["sampling"]:
        arch = subnet_at(space, iteration=draw["iteration"], subnet=draw["subnet"], resolution=160)
        assert arch == read_arch(choices(draw["arch"]), space, resolution=160)


def test_the_input_sizes_are_those_of_the_reference():
    for epoch, batch, size, continuous in GOLDEN["resolutions"]:
        sizes = ALL_SIZES if continuous else FEW_SIZES
        assert resolution_at(sizes, epoch=epoch, batch=batch) == size


def test_the_learning_rates_are_those_of_the_reference():
    phases = {phase.name: phase for phase in PHASES}
    for name, num_workers, batches_per_epoch, epoch, batch, learning_rate in GOLDEN[
        "learning_rates"
    ]:
        found = phases[name].learning_rate_at(
            epoch=epoch, batch=batch, batches_per_epoch=batches_per_epoch, num_workers=num_workers
        )
        assert found == pytest.approx(learning_rate, rel=1e-9)
