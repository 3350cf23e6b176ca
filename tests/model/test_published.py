"""The published checkpoint layout: import, run, export, to identical tensors; hostile and wrong files refused."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from samn_tracker.core.config import SAMN_LITE, SAMN_R50
from samn_tracker.errors import WeightsError
from samn_tracker.model.config import ModelConfig
from samn_tracker.model.network import Network, location_map
from samn_tracker.model.published import LAYOUTS, export_published, import_published, to_published
from samn_tracker.model.weights import read_checkpoint, read_tensors


def published_layout() -> dict[str, tuple[int, ...]]:
    """Names and shapes of the published checkpoint, written down from its description, not from our network."""
    shapes: dict[str, tuple[int, ...]] = {}

    def batch_norm(name: str, channels: int) -> None:
        for part in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"{name}.{part}"] = (channels,)
        shapes[f"{name}.num_batches_tracked"] = ()

    def biased(name: str, outputs: int, inputs: int) -> None:
        shapes[f"{name}.weight"] = (outputs, inputs, 3, 3)
        shapes[f"{name}.bias"] = (outputs,)

    for encoder in ("Encoder_M", "Encoder_Q"):
        shapes[f"{encoder}.conv1.weight"] = (64, 3, 7, 7)
        batch_norm(f"{encoder}.bn1", 64)
        shapes[f"{encoder}.mean"] = shapes[f"{encoder}.std"] = (1, 3, 1, 1)
        inputs = 64
        for stage, width, blocks in (("res2", 64, 3), ("res3", 128, 4), ("res4", 256, 6)):
            for block in range(blocks):
                name = f"{encoder}.{stage}.{block}"
                shapes[f"{name}.conv1.weight"] = (width, inputs, 1, 1)
                shapes[f"{name}.conv2.weight"] = (width, width, 3, 3)
                shapes[f"{name}.conv3.weight"] = (4 * width, width, 1, 1)
                for index, channels in ((1, width), (2, width), (3, 4 * width)):
                    batch_norm(f"{name}.bn{index}", channels)
                if block == 0:
                    shapes[f"{name}.downsample.0.weight"] = (4 * width, inputs, 1, 1)
                    batch_norm(f"{name}.downsample.1", 4 * width)
                inputs = 4 * width
    shapes["Encoder_M.conv1_m.weight"] = shapes["Encoder_M.conv1_o.weight"] = (64, 1, 7, 7)
    for head in ("KV_M_r4", "KV_Q_r4"):
        biased(f"{head}.Key", 128, 1024)
        biased(f"{head}.Value", 512, 1024)
    biased("Decoder.convFM", 256, 1024)
    blocks = ["Decoder.ResMM"]
    for stage, skip in (("RF3", 512), ("RF2", 256)):
        biased(f"Decoder.{stage}.convFS", 256, skip)
        blocks += [f"Decoder.{stage}.ResFS", f"Decoder.{stage}.ResMM"]
    for name in blocks:
        biased(f"{name}.conv1", 256, 256)
        biased(f"{name}.conv2", 256, 256)
    biased("Decoder.pred2", 2, 256)
    return shapes


@pytest.fixture(scope="module")
def checkpoint() -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(7)
    state = {}
    for name, shape in published_layout().items():
        if name.endswith("num_batches_tracked"):
            state[name] = torch.tensor(3)
        elif name.endswith("running_var"):
            state[name] = torch.rand(shape, generator=generator) + 0.5
        else:
            state[name] = torch.randn(shape, generator=generator) * 0.02
    for encoder in ("Encoder_M", "Encoder_Q"):
        state[f"{encoder}.mean"] = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
        state[f"{encoder}.std"] = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    return state


@pytest.mark.parametrize("wrapping", ["plain", "state_dict", "module."])
def test_a_random_published_checkpoint_imports_runs_and_exports_to_identical_tensors(
    checkpoint: dict[str, torch.Tensor], tmp_path: Path, wrapping: str
) -> None:
    stored: dict = checkpoint
    if wrapping == "state_dict":
        stored = {"state_dict": checkpoint}
    if wrapping == "module.":
        stored = {f"module.{key}": value for key, value in checkpoint.items()}
    torch.save(stored, tmp_path / "SAMN.tar")
    network, layout = import_published(tmp_path / "SAMN.tar", "samn")
    assert layout == "samn"
    with torch.inference_mode():
        patch = torch.rand(1, 3, 64, 64)
        query = network.encode_query(patch)
        memory = network.encode_memory(patch, torch.rand(1, 1, 64, 64))
        logits = network.decode(memory.value, query, location_map(SAMN_R50.model, (4, 4), (2.0, 2.0), patch))
    assert logits.shape == (1, 2, 64, 64)
    assert torch.isfinite(logits).all()
    export_published(network, tmp_path / "out.pth")
    exported = read_tensors(tmp_path / "out.pth")
    assert exported.keys() == checkpoint.keys()
    assert all(torch.equal(exported[key], checkpoint[key]) for key in checkpoint)


def test_every_missing_unknown_and_misshapen_tensor_is_listed(
    checkpoint: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    broken = dict(checkpoint)
    del broken["KV_M_r4.Key.bias"]
    broken["Decoder.pred2.weight"] = torch.zeros(3, 256, 3, 3)
    broken["Decoder.extra.weight"] = torch.zeros(1)
    torch.save(broken, tmp_path / "broken.pth")
    with pytest.raises(WeightsError) as caught:
        import_published(tmp_path / "broken.pth", "samn")
    text = str(caught.value)
    assert "3 faults" in text
    assert "missing memory_encoder.body.head.key.bias" in text
    assert "unknown Decoder.extra.weight" in text
    assert "decoder.predict.weight is (3, 256, 3, 3), expected (2, 256, 3, 3)" in text


def test_another_image_normalisation_is_refused(checkpoint: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save({**checkpoint, "Encoder_Q.mean": torch.zeros(1, 3, 1, 1)}, tmp_path / "other.pth")
    with pytest.raises(WeightsError, match=r"Encoder_Q\.mean"):
        import_published(tmp_path / "other.pth", "samn")


class _Hostile:
    def __reduce__(self) -> tuple:
        return (eval, ("__import__('pathlib').Path('pwned').write_text('x')",))


def test_a_hostile_pickle_is_refused_and_runs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "hostile.pth").write_bytes(pickle.dumps({"weights": _Hostile()}))
    with pytest.raises(WeightsError, match="not a checkpoint of plain tensors"):
        import_published(tmp_path / "hostile.pth", "samn")
    assert not (tmp_path / "pwned").exists()


def test_a_file_that_does_not_say_whose_it_is_is_asked_about(
    checkpoint: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(checkpoint, tmp_path / "weights.pth")
    with pytest.raises(WeightsError, match=r"--as samn .* --as stm"):
        import_published(tmp_path / "weights.pth")


def test_published_weights_are_aggregated_and_those_of_stm_have_no_location_map(
    checkpoint: dict[str, torch.Tensor], tmp_path: Path
) -> None:
    torch.save(checkpoint, tmp_path / "weights.pth")
    samn, stm = (import_published(tmp_path / "weights.pth", layout)[0].config for layout in ("samn", "stm"))
    assert (samn.aggregate_single, samn.positional_encoding, samn.location_sampling) == (True, "sum", "corner")
    assert (stm.aggregate_single, stm.positional_encoding) == (True, "none")


@pytest.mark.parametrize("config", [SAMN_R50.model, LAYOUTS["samn"]], ids=["ours", "published"])
def test_export_and_import_keep_how_the_weights_are_read(config: ModelConfig, tmp_path: Path) -> None:
    export_published(Network(config), tmp_path / "out.pth")
    network, layout = import_published(tmp_path / "out.pth")
    assert (network.config, layout) == (config, "samn")
    with pytest.raises(WeightsError, match="no file of STM"):
        import_published(tmp_path / "out.pth", "stm")


@pytest.mark.parametrize("entry", ["{", '{"widths": 3}', '{"trunk": "resnet18"}', 7])
def test_a_damaged_note_of_the_configuration_is_refused(entry: object, tmp_path: Path) -> None:
    torch.save({"state_dict": {"a": torch.zeros(1)}, "samn_model": entry}, tmp_path / "out.pth")
    with pytest.raises(WeightsError, match="samn_model"):
        import_published(tmp_path / "out.pth")


@pytest.mark.parametrize("place", ["beside", "among"])
def test_a_checkpoint_with_a_numpy_scalar_is_read(
    checkpoint: dict[str, torch.Tensor], tmp_path: Path, place: str
) -> None:
    facts = {"best": np.float64(0.75), "epoch": np.int64(3), "rate": np.float32(1e-5), "done": np.bool_(True)}
    stored = {**facts, "state_dict": checkpoint} if place == "beside" else {**facts, **checkpoint}
    torch.save(stored, tmp_path / "SAMN.tar")
    tensors, found = read_checkpoint(tmp_path / "SAMN.tar")
    assert found == facts
    assert tensors.keys() == checkpoint.keys()


class _ObjectScalar:
    """A numpy scalar of Python objects, which would unpickle whatever it holds."""

    def __reduce__(self) -> tuple:
        return (np.core.multiarray.scalar, (np.dtype("O"), _Hostile()))


@pytest.mark.parametrize(
    "hostile", [_Hostile(), print, np.array([1.0]), _ObjectScalar()], ids=["call", "function", "array", "object scalar"]
)
def test_code_beside_good_tensors_is_refused_in_a_sentence_and_not_run(
    checkpoint: dict[str, torch.Tensor], hostile: object, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"state_dict": checkpoint, "extra": hostile}, tmp_path / "hostile.pth")
    with pytest.raises(WeightsError, match="refused") as caught:
        import_published(tmp_path / "hostile.pth", "samn")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "pwned").exists()


def test_a_truncated_checkpoint_is_refused_in_a_sentence(checkpoint: dict[str, torch.Tensor], tmp_path: Path) -> None:
    torch.save(checkpoint, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    for share in (0.0, 0.3, 0.99):
        (tmp_path / "cut.pth").write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(WeightsError) as caught:
            import_published(tmp_path / "cut.pth", "samn")
        assert "\n" not in str(caught.value)


def test_only_the_r50_architecture_has_a_published_layout() -> None:
    with pytest.raises(WeightsError, match="samn-r50"):
        to_published(Network(SAMN_LITE.model))
