"""L_latent, the distance between predicted and inverted W+ codes (MM'22 eq. 2), in the two ways the sources allow."""

from torch import Tensor
from torch.linalg import vector_norm

from talking.core.errors import TalkingError

KINDS = ("norm", "mean_square")


def latent_loss(prediction: Tensor, target: Tensor, kind: str = "norm") -> Tensor:
    """Return L_latent, a scalar, of codes `prediction` and `target`, (B, T, L, 512) or coefficients (B, T, K).

    `norm`: the 2-norm of each frame's whole difference, as eq. 2 is written, averaged over frames instead of summed,
    so that the weight does not depend on the length. `mean_square`: the mean square over all numbers, the reading
    which the weight 250 fits. Raises TalkingError for another kind and ValueError for shapes that differ (they would
    broadcast).
    """
    if prediction.shape != target.shape:
        raise ValueError(f"codes of shapes {tuple(prediction.shape)} and {tuple(target.shape)} cannot be compared")
    difference = (prediction - target).flatten(start_dim=2)  # (B, T, L * 512)
    if kind == "norm":
        result: Tensor = vector_norm(difference, dim=2).mean()
        return result
    if kind == "mean_square":
        return (difference * difference).mean()
    raise TalkingError(f"latent loss '{kind}' is not known; use one of {', '.join(KINDS)}.")
