"""A warning for a training that never learned to hear."""

SMALLEST_GAP = 0.02  # of the loss: below it the right sound and a wrong one are told apart by chance


def ignored_sound(history: list[tuple[int, dict[str, float]]]) -> str:
    """Return a warning where the right sound never became better than a wrong one; nothing where it did."""
    gaps = [losses["validation_wrong_audio"] / losses["validation_latent"] - 1 for _, losses in history]
    if max(gaps) > SMALLEST_GAP:
        return ""
    return (
        f"warning: stage_one ignores the sound: with another clip's sound the loss is at most {max(gaps):.1%} higher. "
        "A mean face was learned; see README, Ablations and the paper's own setting."
    )
