"""Damaged model folders: one line that names the folder, or the very same results; never anything else."""

import json
import random
import shutil
from pathlib import Path

import pytest
import torch
from damages import KINDS, build_all, damage
from safetensors.torch import load_file, save_file

from atelier.common.errors import UserError
from atelier.models.loading import load_model

DAMAGES = 40  # of each kind of folder
TEXT_FOLDERS = {"editor": "tokenizer", "sd": "tokenizer", "sd3": "tokenizer_2", "clip": ""}
NETWORKS = {
    "editor": "unet/diffusion_pytorch_model", "sd": "text_encoder/model", "sd3": "transformer/diffusion_pytorch_model",
    "clip": "model", "segmenter": "model", "features": "model", "detector": "model", "finetuned": "trained",
    "stlpips": "model", "efficientnet": "model",
}  # fmt: skip


def refused(kind: str, folder: Path) -> str:
    """Open a folder, which must be refused in one line that names it; return the line."""
    with pytest.raises(UserError) as refusal:
        KINDS[kind][0](folder)
    line = str(refusal.value)
    assert "\n" not in line
    assert str(folder) in line
    return line


@pytest.fixture(scope="module", name="model_folders")
def _model_folders(tmp_path_factory):
    """Return a folder with a tiny random model folder of each kind."""
    root = tmp_path_factory.mktemp("models")
    build_all(root)
    return root


@pytest.fixture(name="copied")
def _copied(model_folders, tmp_path):
    """Copy a kind's folder, to be damaged."""
    return lambda kind, name="copy": Path(shutil.copytree(model_folders / kind, tmp_path / name))


@pytest.fixture(scope="module", name="results")
def _results(model_folders):
    with torch.no_grad():
        return {kind: compute(load(model_folders / kind)) for kind, (load, compute) in KINDS.items()}


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_folder_is_refused_in_one_line_or_gives_the_same_results(kind, copied, results):
    load, compute = KINDS[kind]
    refusals = []
    for seed in range(DAMAGES):
        folder = copied(kind, str(seed))
        told = damage(folder, random.Random(seed))
        try:
            with torch.no_grad():
                result = compute(load(folder))
        except UserError as refusal:
            refusals.append((str(refusal), folder, told))
        else:
            assert torch.equal(result, results[kind]), told
        shutil.rmtree(folder)
    assert len(refusals) > DAMAGES / 2
    for line, folder, told in refusals:
        assert "\n" not in line, told
        assert str(folder) in line, told


@pytest.mark.parametrize("kind", TEXT_FOLDERS)
def test_a_folder_without_its_tokenizer_is_refused(kind, copied):
    folder = copied(kind)
    (folder / TEXT_FOLDERS[kind] / "tokenizer.json").unlink()
    assert "no tokenizer: its vocabulary is missing" in refused(kind, folder)
    if TEXT_FOLDERS[kind]:
        shutil.rmtree(folder / TEXT_FOLDERS[kind])
        assert f"the folder {TEXT_FOLDERS[kind]} is missing" in refused(kind, folder)


def test_an_empty_tokenizer_of_a_hub_model_is_refused_too(model_folders, copied, monkeypatch):
    from transformers import CLIPModel, CLIPTokenizer

    empty, given = CLIPTokenizer.from_pretrained(copied("features")), CLIPModel.from_pretrained
    monkeypatch.setattr(CLIPTokenizer, "from_pretrained", lambda *_, **__: empty)
    monkeypatch.setattr(CLIPModel, "from_pretrained", lambda _, **more: given(model_folders / "clip", **more))
    with pytest.raises(UserError, match=r"models\.clip: owner/name: .* the tokenizer has no vocabulary"):
        KINDS["clip"][0]("owner/name")


def test_a_tokenizer_that_does_not_belong_to_the_text_encoder_or_lacks_merges_is_refused(copied):
    folder = copied("editor")
    path = folder / "tokenizer/tokenizer.json"
    facts = json.loads(path.read_text())
    first = dict(facts["model"]["vocab"])
    facts["model"]["vocab"] = {**first, "shirtshirtshirt": 5_000}
    path.write_text(json.dumps(facts))
    refused("editor", folder)
    facts["model"] |= {"vocab": first, "merges": facts["model"]["merges"][:-3]}
    path.write_text(json.dumps(facts))
    assert "merges are not whole" in refused("editor", folder)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (None, "_class_name is null"),
        ({"prediction_type": None}, "no prediction_type"),
        ({"prediction_type": "velocity"}, "prediction_type is \"velocity\"; expected"),
        ({"num_train_timesteps": None}, "no num_train_timesteps"),
        ({"beta_start": "0.1"}, "beta_start is \"0.1\"; expected float"),
        ({"rescale_betas_zero_snr": "false"}, "expected bool"),
        ({"num_train_timesteps": 10**30}, "the largest value is"),
        ({"_class_name": "UNet2DConditionModel"}, "expected 'DDIMScheduler'"),
    ],
)  # fmt: skip
def test_a_scheduler_without_its_keys_or_with_other_types_is_refused(copied, change, told):
    folder = copied("editor")
    path = folder / "scheduler/scheduler_config.json"
    facts = {} if change is None else json.loads(path.read_text()) | change
    removed = {key for key, value in (change or {}).items() if value is None}
    path.write_text(json.dumps({key: value for key, value in facts.items() if key not in removed}))
    line = refused("editor", folder)
    assert "scheduler_config.json" in line
    assert told in line


@pytest.mark.parametrize("kind", NETWORKS)
def test_weights_that_are_not_finite_or_not_the_configurations_are_refused(kind, copied):
    folder = copied(kind)
    path = folder / f"{NETWORKS[kind]}.safetensors"
    tensors = load_file(path)
    name = next(name for name, tensor in tensors.items() if tensor.is_floating_point())

    def store(**changes) -> None:
        save_file({**tensors, **changes}, path, {"format": "pt"})
        if kind == "finetuned":  # a folder of before digests were kept
            facts = json.loads((folder / "finetuned.json").read_text())
            (folder / "finetuned.json").write_text(json.dumps({**facts, "sha256": None}))

    store(**{name: torch.full_like(tensors[name], torch.nan)})
    assert "not finite" in refused(kind, folder)
    store(another=torch.zeros(3))
    assert "another" in refused(kind, folder)
    if kind != "finetuned":
        save_file({other: tensor for other, tensor in tensors.items() if other != name}, path, {"format": "pt"})
        refused(kind, folder)


def test_a_changed_tensor_of_a_fine_tuned_editor_is_noticed_by_its_digest(copied):
    folder = copied("finetuned")
    path = folder / "trained.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    assert "its SHA-256 differs" in refused("finetuned", folder)


@pytest.mark.parametrize(
    "facts",
    [
        [], None, {}, {"base": 5}, {"base": ""}, {"base": "x", "method": "others"}, {"base": "x", "sha256": 5},
        {"base": "x", "method": "lora"}, {"base": "x", "method": ["lora"]}, {"base": "no/such/folder"},
        {"base": "x", "method": "lora", "lora_rank": True, "lora_alpha": 1.0, "lora_targets": "to_q"},
        {"base": "x", "method": "lora", "lora_rank": 4, "lora_alpha": "1", "lora_targets": "to_q"},
    ],
)  # fmt: skip
def test_every_damage_of_finetuned_json_is_one_line(copied, facts):
    folder = copied("finetuned")
    (folder / "finetuned.json").write_text(json.dumps(facts))
    refused("finetuned", folder)


def test_a_fine_tuned_folder_without_its_facts_is_refused(copied):
    folder = copied("finetuned")
    (folder / "finetuned.json").unlink()
    assert "finetuned.json is missing" in refused("finetuned", folder)


def test_weights_in_several_files_are_read_and_each_is_checked(copied, results, model_folders):
    folder, (load, compute) = copied("sd"), KINDS["sd"]
    whole = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(whole)
    names = sorted(tensors)
    places = {name: f"part-{number % 2}.safetensors" for number, name in enumerate(names)}
    for part in sorted(set(places.values())):
        save_file({name: tensors[name] for name in names if places[name] == part}, whole.parent / part)
    index = whole.with_name(f"{whole.name}.index.json")
    index.write_text(json.dumps({"metadata": {"total_size": 1}, "weight_map": places}))
    whole.unlink()
    with torch.no_grad():
        torch.testing.assert_close(compute(load(folder)), results["sd"])  # other files are read to other addresses
    for wrong in ({**places, names[0]: "../part-0.safetensors"}, {**places, "more": "part-0.safetensors"}, {}, 5):
        index.write_text(json.dumps({"metadata": {}, "weight_map": wrong}))
        assert "unet" in refused("sd", folder)
    index.write_text(json.dumps({"metadata": {}, "weight_map": places}))
    (whole.parent / "part-1.safetensors").unlink()
    assert "part-1.safetensors is missing" in refused("sd", folder)


@pytest.mark.parametrize("where", ["no/such/model", "models", "../elsewhere", "x" * 5000, "a\0b", "/no/model"])
def test_a_local_folder_that_is_not_there_is_not_asked_of_the_hub(where, monkeypatch):
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: pytest.fail("asked of the hub"))
    with pytest.raises(UserError) as refusal:
        load_model(where, device="cpu")
    assert "\n" not in str(refusal.value)


@pytest.mark.parametrize("kind", KINDS)
def test_no_model_folder_is_unpickled(kind, model_folders, monkeypatch):
    import pickle

    for module, name in ((pickle, "load"), (pickle, "loads"), (pickle, "Unpickler"), (torch, "load")):
        monkeypatch.setattr(module, name, lambda *_, **__: pytest.fail("unpickled"))
    KINDS[kind][0](model_folders / kind)
