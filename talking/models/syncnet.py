"""SyncNet (Chung and Zisserman 2016): lips and sound in one space, under the names of the published checkpoint.

The distance between the two embeddings is small where 0.2 s of lips and of sound belong together.
"""

from torch import Tensor, nn

EMBEDDING = 1024


def _sound_layers() -> nn.Sequential:
    return nn.Sequential(
        *_block2d(1, 64, 3, padding=1),
        nn.MaxPool2d(1),
        *_block2d(64, 192, 3, padding=1),
        nn.MaxPool2d(3, stride=(1, 2)),
        *_block2d(192, 384, 3, padding=1),
        *_block2d(384, 256, 3, padding=1),
        *_block2d(256, 256, 3, padding=1),
        nn.MaxPool2d(3, stride=2),
        *_block2d(256, 512, (5, 4), padding=0),
    )


def _lip_layers() -> nn.Sequential:
    return nn.Sequential(
        *_block3d(3, 96, (5, 7, 7), stride=(1, 2, 2), padding=0),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
        *_block3d(96, 256, (1, 5, 5), stride=(1, 2, 2)),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2), padding=(0, 1, 1)),
        *_block3d(256, 256, (1, 3, 3)),
        *_block3d(256, 256, (1, 3, 3)),
        *_block3d(256, 256, (1, 3, 3)),
        nn.MaxPool3d((1, 3, 3), stride=(1, 2, 2)),
        *_block3d(256, 512, (1, 6, 6), padding=0),
    )


def _block2d(n_in: int, n_out: int, size: int | tuple[int, int], *, padding: int) -> list[nn.Module]:
    return [nn.Conv2d(n_in, n_out, size, padding=padding), nn.BatchNorm2d(n_out), nn.ReLU()]


def _block3d(
    n_in: int,
    n_out: int,
    size: tuple[int, int, int],
    *,
    stride: tuple[int, int, int] = (1, 1, 1),
    padding: int | tuple[int, int, int] = (0, 1, 1),
) -> list[nn.Module]:
    return [nn.Conv3d(n_in, n_out, size, stride=stride, padding=padding), nn.BatchNorm3d(n_out), nn.ReLU()]


def _head() -> nn.Sequential:
    return nn.Sequential(nn.Linear(512, 512), nn.BatchNorm1d(512), nn.ReLU(), nn.Linear(512, EMBEDDING))


class SyncNet(nn.Module):
    """Two networks, of sound and of lips, that embed what is said at one moment close to each other."""

    def __init__(self) -> None:
        super().__init__()
        self.netcnnaud, self.netfcaud = _sound_layers(), _head()
        self.netcnnlip, self.netfclip = _lip_layers(), _head()

    def sound(self, windows: Tensor) -> Tensor:
        """MFCC `windows` (B, 1, 13, 20), 100 Hz -> embeddings (B, 1024)."""
        result: Tensor = self.netfcaud(self.netcnnaud(windows).flatten(1))
        return result

    def lips(self, frames: Tensor) -> Tensor:
        """`frames` (B, 3, 5, 224, 224), BGR in [0, 255], 25 Hz -> embeddings (B, 1024)."""
        result: Tensor = self.netfclip(self.netcnnlip(frames).flatten(1))
        return result
