"""Genotype matrices: archs for search, one row an arch, one column a choice index.

Columns are ``[resolution | depth of each stage | kernel size of each block slot | expand ratio of
each block slot]``. Genes of absent blocks are 0, so equal archs are equal rows. Every operation
works on whole matrices.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, UInt8

from ofa.errors import IllegalSpace
from ofa.space.arch import Arch, Block
from ofa.space.genes import Genotypes, crossed, distinct, drawn, redrawn
from ofa.space.search_space import SearchSpace


@dataclass(frozen=True)
class Encoding:
    """Translates between archs and genotype matrices of one space."""

    space: SearchSpace

    @cached_property
    def num_stages(self) -> int:
        """Stages of the space."""
        return len(self.space.stages)

    @cached_property
    def slot_stages(self) -> np.ndarray:
        """Stage index of each block slot, int64[slots]."""
        depths = [max(depths) for depths in self.space.stage_depths]
        return np.repeat(np.arange(self.num_stages), depths)

    @cached_property
    def slot_positions(self) -> np.ndarray:
        """Position of each block slot within its stage, int64[slots]."""
        return np.concatenate([np.arange(max(depths)) for depths in self.space.stage_depths])

    @property
    def num_slots(self) -> int:
        """Block slots of the largest arch."""
        return len(self.slot_stages)

    @property
    def num_genes(self) -> int:
        """Columns of a genotype matrix."""
        return 1 + self.num_stages + 2 * self.num_slots

    @property
    def depth_genes(self) -> slice:
        """Columns that hold depth choices."""
        return slice(1, 1 + self.num_stages)

    @property
    def kernel_genes(self) -> slice:
        """Columns that hold kernel-size choices."""
        start = 1 + self.num_stages
        return slice(start, start + self.num_slots)

    @property
    def expand_genes(self) -> slice:
        """Columns that hold expand-ratio choices."""
        start = 1 + self.num_stages + self.num_slots
        return slice(start, start + self.num_slots)

    @property
    def gene_groups(self) -> tuple[slice, ...]:
        """Columns of each kind of choice."""
        return (slice(0, 1), self.depth_genes, self.kernel_genes, self.expand_genes)

    @cached_property
    def num_choices(self) -> np.ndarray:
        """Number of choices of each gene, int64[genes]."""
        slots = self.num_slots
        return np.array(
            [len(self.space.resolutions)]
            + [len(depths) for depths in self.space.stage_depths]
            + [len(self.space.kernel_sizes)] * slots
            + [len(self.space.expand_ratios)] * slots
        )

    @cached_property
    def _depth_values(self) -> np.ndarray:
        values = np.zeros((self.num_stages, max(len(d) for d in self.space.stage_depths)), np.int64)
        for stage, depths in enumerate(self.space.stage_depths):
            values[stage, : len(depths)] = depths
        return values

    def active_slots(self, genotypes: Genotypes) -> Bool[np.ndarray, "n slots"]:
        """Which block slots each arch uses."""
        depths = self._depth_values[np.arange(self.num_stages), genotypes[:, self.depth_genes]]
        return self.slot_positions < depths[:, self.slot_stages]

    @property
    def genes_in_order(self) -> tuple[list[int], ...]:
        """Columns that decide what comes before the block slots, then what each slot adds.

        A stage's first slot brings the stage's depth.
        """
        slots = [
            [self.kernel_genes.start + slot, self.expand_genes.start + slot]
            + [self.depth_genes.start + int(stage)] * int(position == 0)
            for slot, (stage, position) in enumerate(
                zip(self.slot_stages, self.slot_positions, strict=True)
            )
        ]
        return ([0], *slots)

    @property
    def gene_names(self) -> tuple[str, ...]:
        """What each column chooses, for people."""
        slots = [
            f"{stage + 1}.{position + 1}"
            for stage, position in zip(self.slot_stages, self.slot_positions, strict=True)
        ]
        return (
            "resolution",
            *(f"depth of stage {stage + 1}" for stage in range(self.num_stages)),
            *(f"kernel size {slot}" for slot in slots),
            *(f"expand ratio {slot}" for slot in slots),
        )

    def live_genes(self, genotypes: Genotypes) -> Bool[np.ndarray, "n genes"]:
        """Which genes each arch reads; those of absent blocks mean nothing."""
        active = self.active_slots(genotypes)
        whole = np.ones((len(genotypes), 1 + self.num_stages), bool)
        return np.concatenate([whole, active, active], axis=1)

    def canonical(self, genotypes: Genotypes) -> Genotypes:
        """The same archs with the genes of absent blocks set to 0."""
        active = self.active_slots(genotypes)
        result = genotypes.copy()
        result[:, self.kernel_genes] *= active
        result[:, self.expand_genes] *= active
        return result

    def sample(self, num: int, rng: np.random.Generator) -> Genotypes:
        """``num`` archs, every gene uniform over its choices, as the reference draws them."""
        return self.canonical(drawn(self.num_choices, num, rng))

    def mutate(
        self, genotypes: Genotypes, rng: np.random.Generator, *, rate: float = 0.1
    ) -> Genotypes:
        """Archs in which each gene was redrawn with probability ``rate``."""
        return self.canonical(redrawn(genotypes, self.num_choices, rng, rate=rate))

    def crossover(
        self, mothers: Genotypes, fathers: Genotypes, rng: np.random.Generator
    ) -> Genotypes:
        """Archs that take each gene from either parent with equal probability."""
        return self.canonical(crossed(mothers, fathers, rng))

    def unique(self, genotypes: Genotypes) -> UInt8[np.ndarray, "distinct genes"]:
        """The distinct archs, in the order in which each first appears."""
        return distinct(genotypes)

    def enumerate(self, *, limit: int = 10_000_000) -> Genotypes:
        """Every arch of the space.

        Raises:
            IllegalSpace: If there are more than ``limit``.
        """
        if self.space.num_subnets > limit:
            raise IllegalSpace(
                f"the space holds {self.space.num_subnets:,} subnets, more than the {limit:,} that "
                "can be enumerated; search it instead"
            )
        combinations = len(self.space.kernel_sizes) * len(self.space.expand_ratios)
        parts = [self._resolution_rows()]
        for stage, depths in enumerate(self.space.stage_depths):
            parts.append(
                np.concatenate(
                    [
                        self._stage_rows(stage, i, depth, combinations)
                        for i, depth in enumerate(depths)
                    ]
                )
            )
        total = parts[0]
        for part in parts[1:]:
            left = np.repeat(total, len(part), axis=0)
            left += np.tile(part, (len(total), 1))
            total = left
        return total

    def _resolution_rows(self) -> np.ndarray:
        rows = np.zeros((len(self.space.resolutions), self.num_genes), np.uint8)
        rows[:, 0] = np.arange(len(rows))
        return rows

    def _stage_rows(self, stage: int, choice: int, depth: int, combinations: int) -> np.ndarray:
        """All settings of one stage at one depth, other genes 0."""
        rows = np.zeros((combinations**depth, self.num_genes), np.uint8)
        rows[:, 1 + stage] = choice
        first_slot = int(np.flatnonzero(self.slot_stages == stage)[0])
        codes = np.indices((combinations,) * depth).reshape(depth, -1).T
        kernels, expands = np.divmod(codes, len(self.space.expand_ratios))
        start = self.kernel_genes.start + first_slot
        rows[:, start : start + depth] = kernels
        start = self.expand_genes.start + first_slot
        rows[:, start : start + depth] = expands
        return rows

    def encode(self, archs: "list[Arch] | tuple[Arch, ...]") -> Genotypes:
        """The genotype matrix of ``archs``.

        Raises:
            IllegalArch: If the space does not hold one of them.
        """
        genotypes = np.zeros((len(archs), self.num_genes), np.uint8)
        for row, arch in zip(genotypes, archs, strict=True):
            self.space.check(arch)
            row[0] = self.space.resolutions.index(arch.resolution)
            slot = 0
            for stage, (blocks, depths) in enumerate(
                zip(arch.stages, self.space.stage_depths, strict=True)
            ):
                row[1 + stage] = depths.index(len(blocks))
                for position, block in enumerate(blocks):
                    kernel = self.space.kernel_sizes.index(block.kernel_size)
                    expand = self.space.expand_ratios.index(block.expand_ratio)
                    row[self.kernel_genes.start + slot + position] = kernel
                    row[self.expand_genes.start + slot + position] = expand
                slot += max(depths)
        return genotypes

    def decode(self, genotypes: Genotypes) -> list[Arch]:
        """The archs of a genotype matrix, row by row."""
        return [self._decode_row(row) for row in genotypes]

    def _decode_row(self, row: np.ndarray) -> Arch:
        stages: list[tuple[Block, ...]] = []
        slot = 0
        kernels, expands = row[self.kernel_genes], row[self.expand_genes]
        for stage, depths in enumerate(self.space.stage_depths):
            used = range(slot, slot + depths[row[1 + stage]])
            stages.append(
                tuple(
                    Block(
                        kernel_size=self.space.kernel_sizes[kernels[i]],
                        expand_ratio=self.space.expand_ratios[expands[i]],
                    )
                    for i in used
                )
            )
            slot += max(depths)
        return Arch(resolution=self.space.resolutions[row[0]], stages=tuple(stages))
