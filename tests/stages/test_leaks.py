"""Nothing that is learned depends on the clips that results are told of: other test clips, the same bytes.

Each test has its control: with another clip of those that are learned from, the outputs differ.
"""

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import torch
from safetensors.numpy import load

from stages import backbone, pca, stage_two
from talking import cluster
from talking.cluster.settings import Cluster
from talking.corpora import roles
from talking.corpora.manifest import read_manifest
from talking.orchestration.jobs import job_of
from talking.orchestration.params import load_params
from talking.systems.mm22.floor import fit_floor
from talking.systems.mm22.stage_one import StageOneJob
from talking.training.context import train_locally

from .conftest import write_params
from .toy_corpus import SPLITS, TEST, Corpus, write_corpus

pytestmark = pytest.mark.timeout(600)
Outputs = dict[str, bytes]
TRAIN = "a_1"  # of a training speaker, and of the same shard as others
SEEN_TRAIN = "d_1"  # a training clip of the speaker whose other clip is tested
FLOOR = {"linear.safetensors", "statistics.safetensors", "lip_readout.safetensors"}


def files(folder: Path) -> Outputs:
    """Return the bytes of every file in a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def basis(corpus: Corpus, out: Path) -> Outputs:
    """The stage pca."""
    pca.main(corpus.params, corpus.manifest, corpus.codes, corpus.backbone, corpus.source, out)
    return files(out)


def trained_pair(corpus: Corpus, out: Path) -> Outputs:
    """What the stage backbone keeps of the row `crops`."""
    pair, curve = backbone.obtain(corpus.params, corpus.source, corpus.manifest, corpus.aligned)
    pair.save(out)
    return {**files(out), "curve": json.dumps(curve).encode()}


def job_on(corpus: Corpus) -> StageOneJob:
    """The inputs of stage one."""
    folders = (corpus.manifest, corpus.aligned, corpus.codes, corpus.windows, corpus.basis, corpus.backbone)
    return job_of(corpus.params, *folders)


def floor(corpus: Corpus, out: Path) -> Outputs:
    """Ridge regression, what it explains (which weighs the components), normalisation, and the lips' read-out."""
    job = job_on(corpus)
    fit_floor(job, corpus.aligned)
    return files(job.linear)


def weights_one(corpus: Corpus, out: Path) -> Outputs:
    """The model that stage one keeps, chosen by validation clips, and its curves."""
    job = job_on(corpus)
    fit_floor(job, corpus.aligned)
    result = train_locally(job, job.scratch / "run", torch.get_default_device())
    assert result.checkpoint is not None
    return {**files(result.checkpoint / "best"), "curve": json.dumps(result.history).encode()}


def tuned(corpus: Corpus, out: Path) -> Outputs:
    """The generators of the test speakers."""
    stage_two.main(corpus.params, corpus.manifest, corpus.aligned, corpus.backbone, out)
    return files(out)


def mapped(work: Callable, items: Iterable, settings: Cluster) -> Iterator:
    """What the cluster does, in this process: it loads the work once and applies it to each item."""
    work.prepare()
    return map(work, items)


@pytest.fixture(scope="module", autouse=True)
def _place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A folder for the tests of this file; no workers, whose start takes longer than what they would do."""
    place = tmp_path_factory.mktemp("leaks")
    write_corpus(place / "corpus")
    threads = torch.get_num_threads()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        patch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
        patch.setattr(cluster, "connect", nullcontext)
        patch.setattr(cluster, "map_items", mapped)
        torch.set_num_threads(1)
        yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def learned(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Outputs]:
    """Return a function that gives what a part of the graph learns of the corpus with some clips changed."""
    known: dict[tuple[object, ...], Outputs] = {}

    def learn(
        part: Callable[[Corpus, Path], Outputs],
        changed: Collection[str] = (),
        *,
        keep_first: bool = False,
        adapt_on: str = "clips",
    ) -> Outputs:
        mark = (part, frozenset(changed), keep_first, adapt_on)
        if mark not in known:
            place = tmp_path_factory.mktemp("learned")
            corpus = write_corpus(place / "corpus", changed, keep_first=keep_first)
            write_params(corpus.folder, {"stage_two": {"adapt_on": adapt_on}})
            with pytest.MonkeyPatch.context() as patch:
                patch.chdir(corpus.folder)
                known[mark] = part(corpus, place / "out")
        return known[mark]

    return learn


def differing(first: Outputs, second: Outputs) -> set[str]:
    """Names of the outputs that are not the same to the byte."""
    assert first.keys() == second.keys()
    return {name for name in first if first[name] != second[name]}


@pytest.mark.parametrize("part", [basis, trained_pair, floor, weights_one])
def test_other_test_clips_change_nothing_that_is_learned(learned: Callable[..., Outputs], part: Callable) -> None:
    before = learned(part)
    assert before
    assert differing(before, learned(part, TEST)) == set()


@pytest.mark.parametrize("key", [TRAIN, SEEN_TRAIN])
@pytest.mark.parametrize(
    ("part", "names"),
    [
        (basis, {"basis.safetensors"}),
        (trained_pair, {"encoder.safetensors", "generator.safetensors", "latent_avg.safetensors"}),
        (floor, FLOOR),
        (weights_one, {"talking_head.safetensors", "curve"}),
    ],
)
def test_another_training_clip_changes_what_is_learned(
    learned: Callable[..., Outputs], part: Callable, names: set[str], key: str
) -> None:
    assert differing(learned(part), learned(part, [key])) >= names


@pytest.mark.parametrize("part", [basis, trained_pair])
def test_validation_clips_are_not_learned_from(learned: Callable[..., Outputs], part: Callable) -> None:
    assert differing(learned(part), learned(part, ["b_0", "b_1"])) == set()


def test_validation_clips_choose_weights_and_checkpoint_and_normalise_nothing(
    learned: Callable[..., Outputs],
) -> None:
    before, after = (learned(floor, changed) for changed in ((), ("b_0", "b_1")))
    assert before["lip_readout.safetensors"] == after["lip_readout.safetensors"]
    first, second = (load(outputs["statistics.safetensors"]) for outputs in (before, after))
    different = {name for name in first if first[name].tobytes() != second[name].tobytes()}
    assert {"explained", "window_mean", "window_std", "identity_mean", "identity_std"} < set(first)
    assert {"explained"} <= different <= {"explained", "penalty"}
    assert "curve" in differing(learned(weights_one), learned(weights_one, ["b_0", "b_1"]))


def of(speaker: str) -> set[str]:
    """The files of a speaker's generator."""
    return {f"{speaker}.safetensors", f"{speaker}.json"}


def measured(outputs: Outputs) -> set[str]:
    """The clips that the stages after measure, given what stage two says that it tuned on."""
    rows = read_manifest(Path("corpus/manifest/manifest.parquet"))
    told = [roles.Adaptation.of(row) for row in json.loads(outputs["adaptations.json"])]
    return {clip.key for clip in roles.test_clips(rows, frozenset(SPLITS), told)}


@pytest.mark.parametrize("adapt_on", ["clips", "clip"])
def test_a_tuned_generator_depends_on_no_clip_that_is_measured(learned: Callable[..., Outputs], adapt_on: str) -> None:
    before = learned(tuned, adapt_on=adapt_on)
    assert measured(before) == {"c_1", "c_2", "d_2"}
    others = set(SPLITS) - {"c_0", "d_0", "d_1"} if adapt_on == "clips" else set(SPLITS) - {"c_0", "d_0"}
    assert others > measured(before)
    assert differing(before, learned(tuned, others, adapt_on=adapt_on)) == set()


def test_on_a_picture_it_depends_on_the_first_frame_alone(learned: Callable[..., Outputs]) -> None:
    before = learned(tuned, adapt_on="picture")
    assert measured(before) == measured(learned(tuned, adapt_on="clips")), "the same clips whatever it is tuned on"
    assert differing(before, learned(tuned, SPLITS, keep_first=True, adapt_on="picture")) == set()
    assert differing(before, learned(tuned, ["c_0"], adapt_on="picture")) == of("c")


@pytest.mark.parametrize(("key", "speaker"), [("c_0", "c"), ("d_1", "d")])
def test_a_generator_depends_on_each_clip_that_it_is_said_to_be_tuned_on(
    learned: Callable[..., Outputs], key: str, speaker: str
) -> None:
    said = [roles.Adaptation.of(row) for row in json.loads(learned(tuned)["adaptations.json"])]
    assert any(key == span.key for told in said for span in told.seen)
    assert differing(learned(tuned), learned(tuned, [key])) == of(speaker)


def test_the_params_of_the_toy_are_those_of_the_project_but_for_sizes() -> None:
    params = load_params(Path("corpus/params.yaml"))
    assert params.stage_one.component_weights != "none" and params.stage_one.lips_share > 0
    assert params.pca.source == "displacements" and params.the_backbone.source == "crops"
