"""Talking heads that were trained from different seeds and speak as one: their codes are averaged."""

from pathlib import Path

import torch
from torch import nn

from talking.models.basis import Projector
from talking.systems.mm22.audio_encoder import LstmState
from talking.systems.mm22.talking_head import TalkingHead, TalkingHeadSize

MEMBER = "member_"
States = tuple[LstmState, ...]


class Ensemble(nn.Module):
    """One talking head or several, of one basis: what each gets wrong in its own way averages out.

    It is called as a `TalkingHead` is, and one member alone gives that member's codes.
    """

    def __init__(self, members: list[TalkingHead]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    @property
    def heads(self) -> list[TalkingHead]:
        """The members."""
        return [member for member in self.members if isinstance(member, TalkingHead)]

    @property
    def projector(self) -> Projector:
        """V, which is the same of every member."""
        return self.heads[0].projector

    @property
    def size(self) -> TalkingHeadSize:
        """The sizes of each member's networks."""
        return self.heads[0].size

    def forward(self, windows: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Return codes (B, T, L, 512) of windows (B, T, 12, 28) and identity codes (B, L, 512)."""
        return torch.stack([head(windows, identity) for head in self.heads]).mean(dim=0)

    def stream(
        self, windows: torch.Tensor, identity: torch.Tensor, states: States | None = None
    ) -> tuple[torch.Tensor, States]:
        """Return the codes (B, T, L, 512) of a part of a sound, and what to give with the part after it.

        The parts' codes are those that `forward` gives of the whole; `states` None begins.
        """
        given = states or (None,) * len(self.heads)
        parts = [head.stream(windows, identity, state) for head, state in zip(self.heads, given, strict=True)]
        return torch.stack([codes for codes, _ in parts]).mean(dim=0), tuple(state for _, state in parts)

    def save(self, folder: Path) -> None:
        """Write the first member into `folder`, as it saves itself, and each further one into a folder below."""
        for number, head in enumerate(self.heads):
            head.save(_place(folder, number))

    @classmethod
    def load(cls, folder: Path) -> "Ensemble":
        """Read what `save` wrote, or one talking head alone, in eval mode. Raises `TalkingError` as that does."""
        further = len(list(folder.glob(f"{MEMBER}*")))
        return cls([TalkingHead.load(_place(folder, number)) for number in range(further + 1)]).eval()


def _place(folder: Path, number: int) -> Path:
    return folder / f"{MEMBER}{number}" if number else folder
