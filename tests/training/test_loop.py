"""The loop on a toy: whenever it is killed it goes on to the same bits, and many processes do what one does."""

import json
import math
import socket
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, distributed, multiprocessing, nn

from talking.core.errors import TalkingError
from talking.data.share import Share
from talking.training.context import LocalContext, MemoryContext, TrainContext, train_locally
from talking.training.loop import Loop, LoopSettings, Means, Recipe, train

from .conftest import KilledError, same, state_of

CPU = torch.device("cpu")
SETTINGS = LoopSettings(
    section="toy",
    remedy="lower toy.lr",
    steps=11,
    seed=3,
    report_every=2,
    save_every=3,
    schedule=lambda progress: 1 - progress / 2,
    ema=lambda step: 0.75 if step else 0.0,
    clip_norm=0.5,
    judge="distance",
    halve_after=1,
)


@dataclass
class Toy(Recipe):
    """Two networks with an optimizer each: the one fits noisy lines, the other the first one's outcome.

    Its numbers come from torch's global generator and from one of its own. It dies in the middle of step `dies_at`.
    """

    share: Share = field(default_factory=lambda: Share("toy.batch", 4, 0, 1))
    dies_at: int = -1
    noise: float = 1.0
    averaged = ("line",)

    def __post_init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.line, self.other = nn.Linear(3, 1), nn.Linear(3, 1)
        self.networks = {"line": self.line, "other": self.other}
        self.optimizers = {
            "line": torch.optim.Adam(self.line.parameters(), lr=0.3),
            "other": torch.optim.SGD(self.other.parameters(), lr=0.1, momentum=0.9),
        }
        self.draw = torch.Generator().manual_seed(7)
        self.begun: list[int] = []

    def begin(self, step: int) -> None:
        self.begun.append(step)

    def step(self, step, descend) -> dict[str, float]:
        mine = slice(self.share.rank, None, self.share.world_size)
        x = torch.randn(self.share.batch, 3, generator=self.draw)[mine]
        noise = self.noise * torch.randn(self.share.batch, 1)[mine]
        first = (self.line(x) - x.sum(1, keepdim=True) - noise).square().mean()
        descend(first, "line")
        if step == self.dies_at:
            raise KilledError
        second = (self.other(x) - self.line(x)).square().mean()
        descend(second, "other")
        return {"first": first.item(), "second": second.item()} if step % 2 else {"first": first.item()}

    def validate(self, networks, step) -> dict[str, float]:
        return {"distance": (networks["line"].weight - 1).abs().sum().item()}

    def export(self, networks, folder) -> None:
        torch.save(networks["line"].state_dict(), folder / "line.pt")

    def state(self) -> dict[str, Tensor]:
        return {"draw": self.draw.get_state()}

    def take(self, state) -> None:
        self.draw.set_state(state["draw"])


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """An undisturbed run."""
    return train_locally(lambda context: train(Toy(), SETTINGS, context), tmp_path_factory.mktemp("whole"), CPU)


@settings(deadline=None, max_examples=25)
@given(kills=st.lists(st.integers(0, SETTINGS.steps - 1), min_size=1, max_size=3))
def test_killed_at_any_steps_it_goes_on_to_the_same_bits(whole, tmp_path_factory, kills) -> None:
    folder = tmp_path_factory.mktemp("killed")
    for number, kill in enumerate(sorted(kills)):
        torch.manual_seed(number)
        with pytest.raises(KilledError):
            train(Toy(dies_at=kill), SETTINGS, LocalContext(folder, CPU))
    torch.manual_seed(99)
    recipe = Toy()
    again = train_locally(lambda context: train(recipe, SETTINGS, context), folder, CPU)
    assert same(state_of(again), state_of(whole)) and again.history == whole.history
    assert recipe.begun == [max(kills) // 3 * 3], "no step before the last checkpoint is taken again"
    exported = [torch.load(result.checkpoint / "line.pt", weights_only=True) for result in (again, whole)]
    assert same(exported[0], exported[1])


def test_what_is_kept_is_worth_keeping(whole) -> None:
    """Else the test above could not fail: rates were halved, the best is not the last, the random numbers matter."""
    state = state_of(whole)
    distances = [row["distance"] for row in whole.history if "distance" in row]
    assert state["best"] == min(distances) and [row["step"] for row in whole.history] == [2, 3, 4, 6, 8, 9, 10, 11]
    assert not same(dict(state["parts"]["line"]), dict(state["parts"]["line.ema"]))
    noisy = train(replace(Toy(), noise=0.0), SETTINGS, MemoryContext(CPU))
    assert not torch.equal(noisy.ema["line"].weight, state["parts"]["line.ema"]["weight"])


def test_a_finished_training_that_is_run_again_stays_as_it_is(tmp_path) -> None:
    first = train_locally(lambda context: train(Toy(), SETTINGS, context), tmp_path, CPU)
    before = state_of(first)
    again = train_locally(lambda context: train(Toy(dies_at=0), SETTINGS, context), tmp_path, CPU)
    assert same(state_of(again), before) and again.history == first.history


def test_the_global_random_state_is_left_alone_and_does_not_matter() -> None:
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = train(Toy(), SETTINGS, MemoryContext(CPU))
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again = train(Toy(), SETTINGS, MemoryContext(CPU))
    other = train(Toy(), replace(SETTINGS, seed=4), MemoryContext(CPU))
    weights = [loop.ema["line"].weight for loop in (first, again, other)]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[2])


def test_losses_are_means_since_the_last_report_over_the_steps_that_had_them() -> None:
    class Counting(Toy):
        def step(self, step, descend) -> dict[str, float]:
            return {"number": float(step), **({"odd": 10.0 * step} if step % 2 else {})}

    context = MemoryContext(CPU)
    train(Counting(), replace(SETTINGS, steps=5, report_every=2, save_every=3, judge=None), context)
    told = [(row["step"], row["train_number"], row.get("train_odd")) for row in context.history]
    assert told == [(2, 0.5, 10.0), (3, 2.0, None), (4, 3.0, 30.0), (5, 4.0, None)]
    means = Means()
    means.add({"a": 1.0})
    means.add({"a": 2.0, "b": 5.0})
    assert means.taken() == {"a": 1.5, "b": 5.0} and means.taken() == {}


class Pulled(Recipe):
    """One number, pulled by a gradient of 3 by plain descent; validation says what it is told, one after another."""

    averaged = ("number",)

    def __init__(self, *told: float) -> None:
        self.number = nn.Linear(1, 1, bias=False)
        nn.init.zeros_(self.number.weight)
        self.networks = {"number": self.number}
        self.optimizers = {"number": torch.optim.SGD(self.number.parameters(), lr=0.5)}
        self.told, self.rates, self.scale = list(told), [], 3.0
        self.exported: list[float] = []

    def step(self, step, descend) -> dict[str, float]:
        self.rates.append(self.optimizers["number"].param_groups[0]["lr"])
        descend(self.scale * self.number.weight.sum(), "number")
        return {}

    def validate(self, networks, step) -> dict[str, float]:
        return {"loss": self.told.pop(0)}

    def export(self, networks, folder) -> None:
        self.exported.append(networks["number"].weight.item())


PULLED = LoopSettings("pulled", "pull less", 4, 0, report_every=1, save_every=9, ema=lambda _: 0.0)


def pull(changes: dict, *told: float) -> Pulled:
    """Run four steps, unless it is changed."""
    recipe = Pulled(*told)
    train(recipe, replace(PULLED, **changes), MemoryContext(CPU))
    return recipe


def test_a_longer_gradient_is_shortened_and_a_shorter_one_followed() -> None:
    assert pull({"steps": 1}, 0.0).number.weight.item() == pytest.approx(-1.5)
    assert pull({"steps": 1, "clip_norm": 1.0}, 0.0).number.weight.item() == pytest.approx(-0.5)
    assert pull({"steps": 1, "clip_norm": 10.0}, 0.0).number.weight.item() == pytest.approx(-1.5)


def test_the_schedule_shrinks_the_rates() -> None:
    assert pull({"schedule": lambda progress: 1 - progress}, 0.0).rates == [0.5, 0.375, 0.25, 0.125]


def test_training_ends_after_so_many_validations_without_a_better_one_and_halves_the_rate_before() -> None:
    changes = {"steps": 20, "save_every": 1, "judge": "loss", "stop_after": 4, "halve_after": 2}
    recipe = pull(changes, 5.0, 4.0, 4.0, 6.0, 3.0, 3.0, 3.5, 4.0, 3.0, 9.0)
    assert recipe.rates == [0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25, 0.125, 0.125] and recipe.told == [9.0]


def test_a_recipe_may_say_that_nothing_is_left_to_learn() -> None:
    class Settling(Pulled):
        def settled(self) -> bool:
            return len(self.rates) == 2

    recipe = Settling(0.0)
    assert train(recipe, PULLED, MemoryContext(CPU)).step == len(recipe.rates) == 2


def test_the_outcome_is_the_ema_that_was_judged_best(tmp_path) -> None:
    recipe = Pulled(3.0, 1.0, 2.0, 5.0)
    train(recipe, replace(PULLED, save_every=1, judge="loss"), LocalContext(tmp_path, CPU))
    assert recipe.exported == pytest.approx([-1.5, -3.0, -3.0, -3.0])


@pytest.mark.parametrize(("value", "said"), [(math.nan, "nan"), (-math.inf, "inf")])
def test_a_loss_that_is_no_number_stops_with_a_sentence_before_it_is_followed(value, said) -> None:
    class Breaking(Pulled):
        def step(self, step, descend) -> dict[str, float]:
            self.scale = value if step == 2 else self.scale
            return super().step(step, descend)

    recipe = Breaking(0.0)
    with pytest.raises(TalkingError, match=rf"^pulled: the loss is {said} at step 2: pull less\.$"):
        train(recipe, PULLED, MemoryContext(CPU))
    assert recipe.number.weight.item() == pytest.approx(-3.0)


def test_the_gradients_of_a_sum_in_parts_are_those_of_the_sum_and_another_loss_leaves_none_behind() -> None:
    recipe = Pulled()
    loop = Loop(recipe, PULLED, MemoryContext(CPU))
    (100 * recipe.number.weight.sum()).backward()
    loop.descend((share * recipe.number.weight.sum() for share in (1.0, 2.0)), "number")
    assert recipe.number.weight.item() == pytest.approx(-1.5)


@dataclass
class GlooContext:
    """One of two processes that talk to each other over gloo."""

    rank: int
    world_size: int
    device: torch.device = CPU
    scratch: Path | None = None
    history: list[dict[str, float]] = field(default_factory=list)

    report = MemoryContext.report
    resume_from = MemoryContext.resume_from

    def gathered(self, tensor: Tensor) -> list[Tensor]:
        found = [torch.empty_like(tensor) for _ in range(self.world_size)]
        distributed.all_gather(found, tensor)
        return found

    def mean(self, values) -> dict[str, float]:
        found = self.gathered(torch.tensor([values[name] for name in sorted(values)], dtype=torch.float64))
        return dict(zip(sorted(values), torch.stack(found).mean(0).tolist(), strict=True))


def shared_run(context: TrainContext, batch: int) -> dict[str, list]:
    """Train on this process's share of the batch; processes differ in no random number, but take other examples."""
    loop = train(
        Toy(Share("toy.batch", batch, context.rank, context.world_size), noise=0.0),
        replace(SETTINGS, report_every=1, halve_after=2),
        context,
    )
    return {"weights": loop.ema["line"].weight.flatten().tolist(), "history": context.history}


def one_process(rank: int, port: int, folder: str, batch: int) -> None:
    distributed.init_process_group("gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=2)
    (Path(folder) / f"{rank}.json").write_text(json.dumps(shared_run(GlooContext(rank, 2), batch)))
    distributed.destroy_process_group()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_two_processes_do_what_one_does_with_the_whole_batch(tmp_path) -> None:
    batch = 5  # Of two processes one has more: its gradients count more.
    multiprocessing.spawn(one_process, (free_port(), str(tmp_path), batch), nprocs=2)
    one = shared_run(MemoryContext(CPU), batch)
    for rank in range(2):
        two = json.loads((tmp_path / f"{rank}.json").read_text())
        assert two["weights"] == pytest.approx(one["weights"], rel=1e-4)
        for row, other in zip(two["history"], one["history"], strict=True):
            assert row == pytest.approx(other, rel=1e-4)
