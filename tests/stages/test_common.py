"""The hash that a resume goes by is over the code of the stage that runs."""

from stages import align, mfcc
from talking.orchestration.sources import code_hash, modules_of
from talking.orchestration.stage import script_of, source_fingerprint


def test_the_hash_of_a_stage_is_over_its_script_and_what_that_imports() -> None:
    aligning, windows = (source_fingerprint(module.__name__) for module in (align, mfcc))
    assert aligning == code_hash(modules_of(["stages.align"]))
    assert windows == code_hash(modules_of(["stages.mfcc"])) != aligning


def test_a_module_is_known_by_the_name_that_it_is_imported_by() -> None:
    assert script_of("stages.align") == "stages.align"
    assert script_of("__main__").split(".")[0] in {"pytest", "__main__"}
    assert script_of("stages.never_imported") == "stages.never_imported"
