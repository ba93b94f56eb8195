"""How each metric is called in tables and plots, in what order, and which direction is better."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Metric:
    """`better` is +1 where more is better, -1 where less is, 0 for a count; `digits` follow the point."""

    name: str
    title: str
    better: int
    digits: int

    @property
    def heading(self) -> str:
        """The title with an arrow in the better direction."""
        return self.title + {1: " ↑", -1: " ↓", 0: ""}[self.better]


METRICS = (
    Metric("psnr", "PSNR", 1, 2),
    Metric("ssim", "SSIM", 1, 3),
    Metric("fid", "FID", -1, 2),
    Metric("lpips", "LPIPS", -1, 3),
    Metric("lmd", "LMD", -1, 2),
    Metric("lmd_normalised", "LMD / eyes", -1, 4),
    Metric("mouth_correlation", "mouth correlation", 1, 3),
    # A slope is best at 1, from either side.
    Metric("opening_slope", "opening slope", 0, 2),
    Metric("closure_recall", "closure recall", 1, 2),
    Metric("closure_precision", "closure precision", 1, 2),
    Metric("closure_sensitivity", "closure sensitivity", 1, 2),
    Metric("closure_specificity", "closure specificity", 1, 2),
    Metric("closure_j", "closure J", 1, 2),
    Metric("identity", "identity", 1, 3),
    Metric("lse_d", "LSE-D", -1, 2),
    Metric("lse_c", "LSE-C", 1, 2),
    Metric("missed_frames", "missed frames", -1, 0),
    Metric("frames", "frames", 0, 0),
    Metric("clips", "clips", 0, 0),
    Metric("missing_clips", "missing clips", -1, 0),
    Metric("speakers", "speakers", 0, 0),
)
