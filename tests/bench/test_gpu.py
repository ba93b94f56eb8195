"""The accelerator's benchmark on a processor: it runs with torch alone and prints one table."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ALONE = """
import sys
for name in "ray mlflow dvc dlib cv2 librosa lpips ffmpeg scipy safetensors torchvision".split():
    sys.modules[name] = None
sys.argv = sys.argv[1:]
import runpy
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def test_a_quick_run_prints_every_part_and_needs_torch_alone() -> None:
    script = [str(ROOT / "bench" / "gpu.py"), "--device", "cpu", "--resolution", "64", "--quick"]
    done = subprocess.run([sys.executable, "-c", ALONE, *script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    head, _, *lines = done.stdout.splitlines()
    assert "threads, torch" in head and "quick" in head
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert {len(row) for row in rows} == {5} and rows[0][0] == "what"
    names = " ".join(row[0] for row in rows[2:])
    assert all(part in names for part in ("synthesis at 64", "pSp encoder", "tuning step", "audio windows to mp4"))
    assert not [row for row in rows if "failed" in row[3]]
    drawn = {row[1]: row for row in rows if "fast" in row[0]}
    assert float(drawn["float32"][4]) > 50 and float(drawn["bfloat16"][4]) > 45
    assert all(float(row[3].split()[0]) > 0 for row in drawn.values())
