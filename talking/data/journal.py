"""Which clip of a shard a worker is at, so that a clip that kills every worker can be told from a worker's bad luck.

Two small files beside the shard that is being made: `<shard>.at` holds the key of the clip begun last, and
`<shard>.crashed` the clips that are passed over, each with the sentence that says why.
"""

import json
from contextlib import suppress

from talking.core.errors import Rejected
from talking.data import storage
from talking.data.storage import Location

CRASHED = "crashed"


class Journal:
    """The journal of one shard: written to by its worker, and read by the driver when the worker is dead."""

    def __init__(self, shard: Location) -> None:
        folder, name = storage.parent_of(shard), storage.name_of(shard)
        self._at, self._crashed = storage.join(folder, f"{name}.at"), storage.join(folder, f"{name}.crashed")
        self._passed_over: dict[str, str] = {}
        if storage.is_file(self._crashed):
            with suppress(ValueError):  # A torn one is none: its clips are tried again.
                self._passed_over = json.loads(storage.read_bytes(self._crashed))

    def begin(self, key: str, prefix: str = "") -> None:
        """Note which clip comes next; raise `Rejected`, its sentence after `prefix`, for one that killed workers."""
        if key in self._passed_over:
            raise Rejected(CRASHED, prefix + self._passed_over[key])
        storage.write_bytes(self._at, key.encode(), durable=False)

    def end(self) -> str | None:
        """Forget which clip was begun last, and return it; None when there is none."""
        if not storage.is_file(self._at):
            return None
        key = storage.read_bytes(self._at).decode(errors="replace")
        storage.remove(self._at)
        return key or None

    def pass_over(self, key: str, sentence: str) -> None:
        """Have the shard's next worker refuse a clip."""
        self._passed_over[key] = sentence
        storage.write_bytes(self._crashed, json.dumps(self._passed_over, indent=2).encode())

    def forgive(self) -> None:
        """Let the clips that were passed over be tried again."""
        self._passed_over = {}
        storage.remove(self._crashed)
