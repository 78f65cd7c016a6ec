"""safetensors files and checkpoints: round trips, damage, and a disk that is full."""

from __future__ import annotations

import errno
import json
import os

import numpy as np
import pytest
import vidya
from vidya import dtypes
from vidya.errors import CheckpointError
from vidya.io import (
    SafeFile,
    atomic_write,
    load_checkpoint,
    load_file,
    save_checkpoint,
    save_file,
)


def arrays():
    rng = np.random.default_rng(0)
    out = {d.name: rng.integers(0, 2, (2, 3)).astype(d.np) for d in dtypes.ALL}
    out["scalar"] = np.float32(3.5).reshape(())
    out["empty"] = np.zeros((0, 4), np.float64)
    out["transposed"] = rng.standard_normal((3, 5)).T
    return out


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "x.safetensors"
    save_file(arrays(), path, {"who": "me"})
    return path


def test_round_trip_of_every_dtype(saved):
    found = SafeFile(saved)
    assert found.metadata == {"who": "me"}
    assert list(found) == list(arrays())
    for name, array in arrays().items():
        assert found[name].dtype == array.dtype and found[name].shape == array.shape
        assert found[name].tobytes() == array.tobytes()


def test_tensors_are_saved_from_their_device(device, tmp_path):
    x = vidya.tensor([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]], device=device)
    save_file({"x": x, "columns": x.transpose(0, 1)}, tmp_path / "t")
    found = load_file(tmp_path / "t")
    assert found["x"].tolist() == [[1, 2, 3], [4, 5, 6]]
    assert found["columns"].tolist() == [[1, 4], [2, 5], [3, 6]]


def test_the_reference_library_reads_and_writes_the_same(saved, tmp_path):
    reference = pytest.importorskip("safetensors.numpy")
    plain = {n: a for n, a in arrays().items() if n not in ("bfloat16", "complex64", "complex128")}
    save_file(plain, tmp_path / "ours")
    for name, array in reference.load_file(tmp_path / "ours").items():
        assert np.array_equal(array, plain[name])
    reference.save_file({n: np.array(a, order="C") for n, a in plain.items()}, tmp_path / "theirs")
    for name, array in load_file(tmp_path / "theirs").items():
        assert np.array_equal(array, plain[name])


def test_a_file_cut_anywhere_is_refused(tmp_path):
    save_file({"a": np.ones((2, 3)), "b": np.ones(3, np.int8)}, tmp_path / "whole")
    whole = (tmp_path / "whole").read_bytes()
    cut = tmp_path / "cut"
    for size in range(len(whole)):
        cut.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=r"truncated|no safetensors file"):
            SafeFile(cut)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"PK\x03\x04" + b"zip" * 100, "no safetensors file"),
        (b"\x02\0\0\0\0\0\0\0no", "header is not JSON"),
        (b"\x02\0\0\0\0\0\0\0[]", "not a JSON object"),
        (b"\x02\0\0\0\0\0\0\0{}more", "4 bytes follow"),
    ],
)
def test_a_foreign_file_is_refused(tmp_path, content, message):
    path = tmp_path / "foreign"
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=message):
        SafeFile(path)


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}, "cannot have 4 bytes"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [0, 8]}, "cannot be read"),
        ({"dtype": "F33", "shape": [2], "data_offsets": [0, 8]}, "cannot be read"),
        ({"dtype": "F32", "shape": [2]}, "cannot be read"),
        ({"dtype": "F32", "shape": [2], "data_offsets": [4, 12]}, "starts at 4, not 0"),
        ([], "cannot be read"),
    ],
)
def test_a_header_that_lies_is_refused(tmp_path, entry, message):
    header = json.dumps({"w": entry}).encode()
    path = tmp_path / "liar"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(CheckpointError, match=message):
        SafeFile(path)


def test_tensors_that_overlap_are_refused(tmp_path):
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}
    header = json.dumps({"a": entry, "b": entry}).encode()
    path = tmp_path / "overlap"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(CheckpointError, match="starts at 0, not 8"):
        SafeFile(path)


def test_missing_files_and_directories_are_named(tmp_path):
    with pytest.raises(CheckpointError, match="there is no file"):
        SafeFile(tmp_path / "nothing")
    with pytest.raises(CheckpointError, match="is a directory"):
        SafeFile(tmp_path)


# ---- never losing the old contents ----


def full_disk(*_):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.mark.parametrize("call", ["fsync", "replace", "chmod"])
def test_a_full_disk_leaves_the_old_file(tmp_path, monkeypatch, call):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, call, full_disk)
    with pytest.raises(OSError, match="No space left") as caught, atomic_write(path) as file:
        file.write(b"new")
    assert caught.value.filename == str(path)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_an_error_while_writing_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with pytest.raises(KeyError), atomic_write(path) as file:
        file.write(b"half")
        raise KeyError
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file"]


def test_a_new_file_is_as_readable_as_any_other(tmp_path):
    with atomic_write(tmp_path / "sub" / "file") as file:
        file.write(b"x")
    (tmp_path / "plain").write_bytes(b"x")
    assert (tmp_path / "sub" / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


# ---- checkpoints ----


def test_checkpoints_hold_nested_values_and_tensors(device, tmp_path):
    x = vidya.arange(6, device=device).reshape(2, 3)
    contents = {
        "model": {"a.b": x, "none": None},
        "numbers": [1, 2.5, float("inf"), True, "text"],
        "optimizer": {"state": {0: {"m": x * 2, "step": 3}}},
    }
    save_checkpoint(tmp_path / "c", contents)
    found = load_checkpoint(tmp_path / "c")
    assert found["model"]["a.b"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found["model"]["none"] is None
    assert found["numbers"] == [1, 2.5, float("inf"), True, "text"]
    assert found["optimizer"]["state"]["0"]["m"].tolist() == [[0, 2, 4], [6, 8, 10]]
    assert found["optimizer"]["state"]["0"]["step"] == 3
    assert set(load_file(tmp_path / "c")) == {"model.a.b", "optimizer.state.0.m"}


def test_what_a_checkpoint_cannot_hold_is_named(tmp_path):
    with pytest.raises(TypeError, match=r"'a\.0', a set"):
        save_checkpoint(tmp_path / "c", {"a": [set()]})
    with pytest.raises(ValueError, match="two tensors"):
        x = vidya.zeros(1)
        save_checkpoint(tmp_path / "c", {"a": {"b": x}, "a.b": x})
    assert not (tmp_path / "c").exists()


def test_other_safetensors_files_are_no_checkpoints(saved, tmp_path):
    with pytest.raises(CheckpointError, match="no checkpoint of vidya"):
        load_checkpoint(saved)
    head = {"format": "vidya.checkpoint", "version": 2, "contents": {}}
    save_file({}, tmp_path / "new", {"vidya": json.dumps(head)})
    with pytest.raises(CheckpointError, match="version 2; this vidya reads version 1"):
        load_checkpoint(tmp_path / "new")
    head = {"format": "vidya.checkpoint", "version": 1, "contents": {"w": {"$tensor": "w"}}}
    save_file({}, tmp_path / "hole", {"vidya": json.dumps(head)})
    with pytest.raises(CheckpointError, match="the tensor 'w' is missing"):
        load_checkpoint(tmp_path / "hole")
