"""The main job, number for number: what the original microgpt computes from the same seed."""

from __future__ import annotations

import json
import math
import time

import pytest

SEED = {
    # init_std, temperature: first losses, last loss, mean of the last hundred, samples
    (0.08, 0.5): (
        [3.365966947585, 3.424272783872],
        2.6497,
        2.2761,
        "kamon ann karai jaire vialan karia yeran anna areli kaina konna keylen liole alerin earan "
        "lenne kana lara alela anton",
    ),
    (0.12, 0.4): (
        [3.4528],
        2.5454,
        2.2805,
        "jann jari jaran dalie salela jaria shele anilyn aniri ana jonia jaylen karan alerin "
        "abran kanle jana kara alela anora",
    ),
}


def losses(path) -> list[float]:
    return [json.loads(line)["loss"] for line in path.read_text().splitlines()]


@pytest.mark.parametrize(("std", "temperature"), SEED)
def test_microgpt_in_float64(cli, float64_device, names_txt, tmp_path, std, temperature):
    metrics = tmp_path / "metrics.jsonl"
    status, out, err = cli(
        *("train", "microgpt", "--data", names_txt, "--device", float64_device),
        *("--dtype", "float64", "--steps", 1000, "--seed", 42, "--set", f"init_std={std}"),
        *("--samples", 20, "--temperature", temperature, "--metrics", metrics),
    )
    assert status == 0, err
    first, last, mean, names = SEED[std, temperature]
    assert out[-20:] == names.split()

    found = losses(metrics)
    assert len(found) == 1000
    assert found[: len(first)] == pytest.approx(first, abs=1e-9 if std == 0.08 else 5e-5)
    assert found[-1] == pytest.approx(last, abs=5e-5)
    assert sum(found[-100:]) / 100 == pytest.approx(mean, abs=5e-5)
    if std == 0.08:
        assert any(line.startswith("step 1/1000  loss 3.365966947585") for line in out)


def test_microgpt_in_float32_starts_at_the_same_loss(cli, device, names_txt, tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    status, out, err = cli(
        *("train", "microgpt", "--data", names_txt, "--device", device, "--steps", 20),
        *("--samples", 3, "--metrics", metrics),
    )
    assert status == 0, err
    assert losses(metrics)[0] == pytest.approx(3.365966947585, abs=1e-5)
    assert all(name.isalpha() for name in out[-3:])


def test_metrics_are_one_object_per_step(cli, device, names_txt, tmp_path):
    metrics = tmp_path / "new" / "metrics.jsonl"
    status, _, err = cli(
        *("train", "microgpt", "--data", names_txt, "--device", device, "--steps", 5),
        *("--samples", 0, "--metrics", metrics),
    )
    assert status == 0, err
    rows = [json.loads(line) for line in metrics.read_text().splitlines()]
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5]
    assert [row["lr"] for row in rows] == pytest.approx([0.01, 0.008, 0.006, 0.004, 0.002])
    assert all(row["seconds"] > 0 and math.isfinite(row["loss"]) for row in rows)


def test_names_bag_learns_the_first_eighty_names(cli, device, names_txt, tmp_path):
    metrics = tmp_path / "metrics.jsonl"
    began = time.perf_counter()
    status, out, err = cli(
        *("train", "names_bag", "--data", names_txt, "--device", device, "--metrics", metrics),
        *("--samples", 5),
    )
    seconds = time.perf_counter() - began
    assert status == 0, err
    found = losses(metrics)
    assert len(found) == 4200
    assert found[0] == pytest.approx(math.log(27), abs=1e-3)
    [full] = [line for line in out if line.startswith("full loss ")]
    assert 1.9 < float(full.split()[-1]) < 2.2
    print(f"names_bag on {device}: {seconds:.2f} s")


@pytest.mark.parametrize("model", ["microgpt", "names_bag"])
def test_the_list_that_ships_is_used_without_data(cli, device, model):
    status, out, err = cli("train", model, "--device", device, "--steps", 30, "--samples", 4)
    assert status == 0, err
    assert out[-5].startswith("samples at temperature 0.5")
    assert "the data that ships with it" in out[0]
