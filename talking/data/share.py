"""What one of several training processes takes of the examples of a step."""

from dataclasses import dataclass

from talking.core.errors import TalkingError


@dataclass(frozen=True)
class Share:
    """What one of `world_size` processes takes of the `batch` examples of a step: `size` of them, from `rank` on.

    The examples are dealt out in turn, so that sizes differ by one at most. Raises `TalkingError`, naming `key`, when
    there are fewer examples than processes.
    """

    key: str
    batch: int
    rank: int
    world_size: int

    def __post_init__(self) -> None:
        if self.batch < self.world_size:
            raise TalkingError(
                f"{self.key} is {self.batch}, and {self.world_size} training processes share it: raise it, or lower "
                "cluster.train_workers."
            )

    @property
    def size(self) -> int:
        """How many of the examples this process takes."""
        return len(range(self.rank, self.batch, self.world_size))

    @property
    def weight(self) -> float:
        """What a mean over its examples counts in a mean over the processes: 1 where all have as many.

        The mean over processes of means that were so weighted is the mean over all examples.
        """
        return self.size * self.world_size / self.batch
