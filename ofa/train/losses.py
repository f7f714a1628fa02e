"""What the largest subnet learns from labels, and the others from the largest."""

import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor


def label_loss(
    logits: Float[Tensor, "b classes"], labels: Int64[Tensor, "b"], *, smoothing: float
) -> Float[Tensor, ""]:
    """Cross-entropy with label smoothing."""
    return F.cross_entropy(logits, labels, label_smoothing=smoothing)


def distillation_loss(
    logits: Float[Tensor, "b classes"], teacher_logits: Float[Tensor, "b classes"]
) -> Float[Tensor, ""]:
    """Cross-entropy against the teacher's probabilities, temperature 1.

    Source: in-place distillation, Yu & Huang, ICCV 2019, arXiv:1903.05134.
    """
    return F.cross_entropy(logits, teacher_logits.softmax(1))
