"""What nets learn from labels, and from a teacher.

Labels are indices, or shares of classes where mixup or CutMix has mixed images.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int64
from torch import Tensor

_CLIP = 5.0  # largest ratio of probabilities that weighs a gradient

Labels = Int64[Tensor, "b"] | Float[Tensor, "b classes"]


def label_loss(
    logits: Float[Tensor, "b classes"], labels: Labels, *, smoothing: float
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


def alpha_divergence(
    logits: Float[Tensor, "b classes"], teacher_logits: Float[Tensor, "b classes"]
) -> Float[Tensor, ""]:
    """The larger of two alpha-divergences of student and teacher, image by image.

    Alpha -1 punishes a student that is sure where its teacher is not; alpha 1, the divergence of
    plain distillation, one that misses what its teacher holds likely.

    Source: Wang et al., "AlphaNet", ICML 2021, arXiv:2102.07954, section 3.
    """
    log_q, log_p = logits.log_softmax(1), teacher_logits.log_softmax(1)
    q, p, log_ratio = log_q.detach().exp(), log_p.exp(), log_p - log_q.detach()
    clipped = q * (-log_ratio).exp().clamp(max=_CLIP)
    divergences = torch.stack([(clipped.sum(1) - 1) / 2, (p * log_ratio).sum(1)])
    # The gradient of a divergence is that of -weights * log q, whatever alpha.
    surrogates = torch.stack([(clipped * log_q).sum(1), -(p * log_q).sum(1)])
    larger = divergences.argmax(0, keepdim=True)
    value, surrogate = divergences.gather(0, larger).mean(), surrogates.gather(0, larger).mean()
    return surrogate + (value - surrogate).detach()
