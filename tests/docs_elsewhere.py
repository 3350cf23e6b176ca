"""The commands of README and docs that the quick test leaves out: a slow test runs some, and why none runs the rest.

Every command of a block that says `not run` is here, as it is shown; `test_docs.py` fails on one that is not, and on
one that no page shows any more.
"""

from __future__ import annotations

_ACCURACY = "samn bench accuracy"
_RECOVERY = "samn bench recovery --tracker samn-lite --seeds 20"

SLOW = (
    "samn vot demo",
    "samn vot doctor",
    "samn vot demo",
    "samn vot create w18 --rules vot2018 --data /path/to/VOT2018",
    "samn vot run w18",
    "samn vot score w18 --details --plots plots",
    "samn vot pack w18",
    "samn vot export w18/results/SAMN out --format pysot",
    "samn bench --json speed.json",
    "samn bench backends --patch 288 --patch 448",
    "samn weights export samn-lite folder --to openvino",
    "samn weights export samn-lite folder --to onnx --float32",
    "samn bench agreement --data DATA",
    f"{_ACCURACY} --data DATA --tracker samn-lite --tracker opencv-mil",
    f"{_ACCURACY} --data DATA --ablation",
    _RECOVERY,
    f"{_RECOVERY} --set recovery.enabled=false",
    "samn weights convert SAMN.tar samn.safetensors --as samn",
    "samn davis run --data data/DAVIS --split 2016/val --tracker samn.safetensors --output runs/samn",
    "samn weights export samn.safetensors ours.pth",
)
"""Run as they stand by a slow test, page by page. DATA is the research data, SAMN.tar a checkpoint of the published
layout with random values, and /path/to becomes the folder of the test's small data."""

_INSTALLS = "changes the installation that runs the tests"
_DOWNLOADS = "downloads the data of a year; `run w18` evaluates a workspace of the same kind"
_DESCRIBED = "writes a file of 9 MB; tests/model/test_weights_header.py runs it on a small network"
_QUARTER = "takes a quarter of an hour; tests/bench/test_speed.py runs its parts"
_HOURS = "takes hours; the block before it runs it for two iterations"
_TRAX = "the tracker is the reader's; tests/runner/test_process_trackers.py runs toys"

ELSEWHERE = {
    "samn weights describe mine.safetensors --preset samn-lite --training-data davis16_train/bear "
    '--licence "for research"': _DESCRIBED,
    "samn weights describe mine.safetensors other.safetensors --set mask_start.threshold=0.35": _DESCRIBED,
    "samn weights average mine.safetensors other.safetensors mean.safetensors": _DESCRIBED,
    "make install": "continuous integration begins with it (.ci/run)",
    ". .venv/bin/activate": "the tests run in that environment",
    "make demo": "it is `samn vot demo`, which the slow test runs",
    "make test": "it is what runs this test",
    "make docs": "test_the_documentation_builds_without_a_warning runs the same build",
    "pytest tests/core/test_determinism.py": "it is a part of this suite",
    "samn got10k lint --split test --results runs/got10k-test.zip": "accepts nothing but all 180 sequences of the test "
    "split; tests/runner/test_lint.py lints with these names",
    "vot evaluate --workspace vot_workspace/vot2018 SAMN": _DOWNLOADS,
    "vot analysis --workspace vot_workspace/vot2018 SAMN --format json --name first": _DOWNLOADS,
    "samn track 0 --show": "needs a camera and a display; tests/app/test_video.py asks for a camera that is not there",
    "samn studio holiday.mp4": "serves until it is interrupted; tests/studio/test_page.py uses it in a browser",
    "samn bench speed": _QUARTER,
    "samn bench speed --threads 1": _QUARTER,
    "samn bench studio": "opens a browser and takes minutes; tests/studio/test_page.py uses the page in one",
    'samn ope run --data OTB --dataset otb100 --output runs/theirs --tracker "trax:python track.py"': _TRAX,
    "samn got10k run --data GOT-10k --split val --output runs/theirs --tracker trackers.ini:Theirs": _TRAX,
    "torchrun --nproc-per-node 8 -m samn_tracker.train mine.toml --run runs/mine": "needs eight GPUs; "
    "tests/train/test_loop.py trains in two processes",
    "samn train mine.toml --run runs/mine --set start.weights=$WEIGHTS": _HOURS,
    "samn train export runs/mine mine.safetensors": _HOURS,
    f"{_ACCURACY} --data SEQUENCES --direction forwards --start mask --start box": "needs the development sequences",
    f"{_ACCURACY} --data SEQUENCES --direction forwards --start box --tracker opencv-mil": "the same",
    "pip uninstall -y opencv-python": _INSTALLS,
    "pip uninstall -y trax": _INSTALLS,
    "pip install --no-deps opencv-python-headless": _INSTALLS,
    "pip install --no-deps opencv-contrib-python==5.0.0.93": _INSTALLS,
    "pip install --force-reinstall --no-deps vot-trax==4.0.2": _INSTALLS,
}
"""Command to what runs it instead, or why nothing can."""
