"""The errors that a user sees: one sentence that names the file or key, what is wrong and what to do."""


class TalkingError(Exception):
    """A mistake the user can mend. Its text is the whole message; the command line prints it and exits with 1."""


class FullDisk(TalkingError):
    """There was no room for what was written to `target`."""

    def __init__(self, target: object) -> None:
        super().__init__(f"{target}: the disk is full; free some space and run again.")
        self.target = target

    def __reduce__(self) -> tuple[type["FullDisk"], tuple[object]]:
        return type(self), (self.target,)


class Rejected(TalkingError):
    """A clip that cannot be used. The run goes on without it.

    `reason` is one lower-case word for tables (`undecodable`, `soundless`, `faceless`, `short`, `length`, `name`); the
    text is a sentence for people.
    """

    def __init__(self, reason: str, sentence: str) -> None:
        super().__init__(sentence)
        self.reason = reason
        self.sentence = sentence

    def __reduce__(self) -> tuple[type["Rejected"], tuple[str, str]]:
        return type(self), (self.reason, self.sentence)
