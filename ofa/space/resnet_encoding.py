"""Genotype matrices of bottleneck archs.

Columns are ``[resolution | stem residual | width of the stem's middle, its end, and each stage |
depth of each stage | expand ratio of each block slot]``; genes of absent blocks are 0.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from jaxtyping import Bool, UInt8

from ofa.errors import IllegalSpace
from ofa.space.genes import Genotypes, crossed, distinct, drawn, redrawn
from ofa.space.resnet import ResNetArch, ResNetSpace, StageChoice, StemChoice


@dataclass(frozen=True)
class ResNetEncoding:
    """Translates between archs and genotype matrices of one bottleneck space."""

    space: ResNetSpace

    @cached_property
    def slot_stages(self) -> np.ndarray:
        """Stage index of each block slot, int64[slots]."""
        depths = [max(depths) for depths in self.space.stage_depths]
        return np.repeat(np.arange(len(depths)), depths)

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
        return len(self.num_choices)

    @property
    def width_genes(self) -> slice:
        """Columns that hold width choices: the stem's middle, its end, each stage."""
        return slice(2, 4 + len(self.space.stages))

    @property
    def depth_genes(self) -> slice:
        """Columns that hold depth choices."""
        start = self.width_genes.stop
        return slice(start, start + len(self.space.stages))

    @property
    def expand_genes(self) -> slice:
        """Columns that hold expand-ratio choices."""
        start = self.depth_genes.stop
        return slice(start, start + self.num_slots)

    @property
    def gene_groups(self) -> tuple[slice, ...]:
        """Columns of each kind of choice."""
        return (slice(0, 1), slice(1, 2), self.width_genes, self.depth_genes, self.expand_genes)

    @cached_property
    def num_choices(self) -> np.ndarray:
        """Number of choices of each gene, int64[genes]."""
        space = self.space
        return np.array(
            [len(space.resolutions), 2]
            + [len(space.width_ratios)] * (2 + len(space.stages))
            + [len(depths) for depths in space.stage_depths]
            + [len(space.expand_ratios)] * self.num_slots
        )

    def active_slots(self, genotypes: Genotypes) -> Bool[np.ndarray, "n slots"]:
        """Which block slots each arch uses."""
        longest = max(len(depths) for depths in self.space.stage_depths)
        values = np.array(
            [(*depths, *[0] * (longest - len(depths))) for depths in self.space.stage_depths]
        )
        depths = values[np.arange(len(values)), genotypes[:, self.depth_genes]]
        return self.slot_positions < depths[:, self.slot_stages]

    @property
    def genes_in_order(self) -> tuple[list[int], ...]:
        """Columns that decide what comes before the block slots, then what each slot adds.

        A stage's first slot brings the stage's width and depth.
        """
        first = self.width_genes.start + 2
        slots = [
            [self.expand_genes.start + slot]
            + [first + int(stage), self.depth_genes.start + int(stage)] * int(position == 0)
            for slot, (stage, position) in enumerate(
                zip(self.slot_stages, self.slot_positions, strict=True)
            )
        ]
        return (list(range(first)), *slots)

    @property
    def gene_names(self) -> tuple[str, ...]:
        """What each column chooses, for people."""
        slots = [
            f"{stage + 1}.{position + 1}"
            for stage, position in zip(self.slot_stages, self.slot_positions, strict=True)
        ]
        return (
            "resolution",
            "stem residual",
            "width inside the stem",
            "width of the stem",
            *(f"width of stage {stage + 1}" for stage in range(len(self.space.stages))),
            *(f"depth of stage {stage + 1}" for stage in range(len(self.space.stages))),
            *(f"expand ratio {slot}" for slot in slots),
        )

    def live_genes(self, genotypes: Genotypes) -> Bool[np.ndarray, "n genes"]:
        """Which genes each arch reads; those of absent blocks mean nothing."""
        whole = np.ones((len(genotypes), self.expand_genes.start), bool)
        return np.concatenate([whole, self.active_slots(genotypes)], axis=1)

    def canonical(self, genotypes: Genotypes) -> Genotypes:
        """The same archs with the genes of absent blocks set to 0."""
        result = genotypes.copy()
        result[:, self.expand_genes] *= self.active_slots(genotypes)
        return result

    def sample(self, num: int, rng: np.random.Generator) -> Genotypes:
        """``num`` archs, every gene uniform over its choices."""
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
        space = self.space
        if space.num_subnets > limit:
            raise IllegalSpace(
                f"the space holds {space.num_subnets:,} subnets, more than the {limit:,} that "
                "can be enumerated; search it instead"
            )
        parts = [self._choices([gene]) for gene in range(self.depth_genes.start)]
        for stage, depths in enumerate(space.stage_depths):
            first = self.expand_genes.start + int(np.flatnonzero(self.slot_stages == stage)[0])
            rows = []
            for choice, depth in enumerate(depths):
                settings = self._choices(range(first, first + depth))
                settings[:, self.depth_genes.start + stage] = choice
                rows.append(settings)
            parts.append(np.concatenate(rows))
        total = parts[0]
        for part in parts[1:]:
            total = (total[:, None] + part[None]).reshape(-1, self.num_genes)
        return total

    def _choices(self, genes: Sequence[int]) -> Genotypes:
        """All settings of some genes, other genes 0."""
        settings = (
            np.indices(tuple(self.num_choices[list(genes)].tolist())).reshape(len(genes), -1).T
        )
        rows = np.zeros((len(settings), self.num_genes), np.uint8)
        rows[:, list(genes)] = settings
        return rows

    def encode(self, archs: Sequence[ResNetArch]) -> Genotypes:
        """The genotype matrix of ``archs``.

        Raises:
            IllegalArch: If the space does not hold one of them.
        """
        space = self.space
        genotypes = np.zeros((len(archs), self.num_genes), np.uint8)
        for row, arch in zip(genotypes, archs, strict=True):
            space.check(arch)
            stem = arch.stem
            widths = [stem.middle_width_ratio, stem.width_ratio]
            widths += [stage.width_ratio for stage in arch.stages]
            row[0] = space.resolutions.index(arch.resolution)
            row[1] = stem.residual
            row[self.width_genes] = [space.width_ratios.index(ratio) for ratio in widths]
            pairs = zip(space.stage_depths, arch.depths, strict=True)
            row[self.depth_genes] = [legal.index(depth) for legal, depth in pairs]
            for i, stage in enumerate(arch.stages):
                expands = [space.expand_ratios.index(ratio) for ratio in stage.expand_ratios]
                row[self.expand_genes][self.slot_stages == i] = np.pad(
                    expands, (0, max(space.stage_depths[i]) - len(expands))
                )
        return genotypes

    def decode(self, genotypes: Genotypes) -> list[ResNetArch]:
        """The archs of a genotype matrix, row by row."""
        active = self.active_slots(genotypes)
        return [self._decode_row(row, used) for row, used in zip(genotypes, active, strict=True)]

    def _decode_row(self, row: np.ndarray, used: np.ndarray) -> ResNetArch:
        space = self.space
        middle, end, *widths = (space.width_ratios[gene] for gene in row[self.width_genes])
        expands = row[self.expand_genes]
        stages = tuple(
            StageChoice(
                width_ratio=width,
                expand_ratios=tuple(
                    space.expand_ratios[gene] for gene in expands[used & (self.slot_stages == i)]
                ),
            )
            for i, width in enumerate(widths)
        )
        stem = StemChoice(middle_width_ratio=middle, width_ratio=end, residual=bool(row[1]))
        return ResNetArch(resolution=space.resolutions[row[0]], stem=stem, stages=stages)
