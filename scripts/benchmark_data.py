"""Measure the time and memory of prepare, pair and mask on many rendered rows in the published schemas.

    python scripts/benchmark_data.py --rows 1000 --rows 40658

Pictures are rendered small, enlarged to the size of the real data set, given the grain of a photograph, and stored as
in that data set (JPEG pictures, PNG masks, four parquet shards), so that reading them takes the same time.
"""

import io
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image
from ruamel.yaml import YAML

from atelier.common.files import atomic_write
from atelier.synthetic import fashion

ROOT = Path(__file__).resolve().parents[1]
SHARDS, GROUP = 4, 100  # parquet files, and rows per row group, as on the hub
RENDERED, WIDTH, HEIGHT = 128, 512, 768  # px: side of a rendered picture, size of a stored one
GRAIN, QUALITY = 4, 90  # largest deviation of the noise, levels; JPEG quality
SEED, UNSEEN = 7, 240
PICTURE = pa.struct({"bytes": pa.binary(), "path": pa.string()})
TEXTS = ("gender", "pose", "cloth_type", "pid", "caption")
SEEN_SCHEMA = pa.schema(
    [("images", PICTURE), *((name, pa.string()) for name in TEXTS), ("mask", PICTURE), ("mask_overlay", PICTURE)]
)
BOXES = pa.struct({"bbox_id": pa.list_(pa.int64()), "category": pa.list_(pa.int64()),
                   "bbox": pa.list_(pa.list_(pa.float64())), "area": pa.list_(pa.int64())})  # fmt: skip
UNSEEN_SCHEMA = pa.schema(
    [("image_id", pa.int64()), ("image", PICTURE), ("width", pa.int64()), ("height", pa.int64()), ("objects", BOXES)]
)
STAGES = {
    "prepare": "--out items.parquet --report prepare.json --sheets sheets",
    "pair": "--items items.parquet --triplets triplets.parquet --probes probes.parquet --report pair.json",
    "mask": "--triplets triplets.parquet --probes probes.parquet --out-triplets zones.parquet "
    "--out-probes probe-zones.parquet --report mask.json",
}


@click.command(context_settings={"show_default": True})
@click.option("--rows", type=click.IntRange(min=100), multiple=True, default=(1000,), help="Rows of a run; repeatable.")
@click.option("--size", type=click.IntRange(min=8), default=512, help="prepare.size, px.")
@click.option(
    "--folder", type=click.Path(path_type=Path), default=Path("tmp/scale"), help="Rows are kept here for reuse."
)
@click.option("--keep", is_flag=True, help="Keep what the stages wrote.")
def main(rows: tuple[int, ...], size: int, folder: Path, keep: bool) -> None:
    """Write the rows, run the three stages as processes on each number of them, and print a table."""
    source = write_source(folder.resolve(), max(rows))
    print(f"{'rows':>7} {'stage':>8} {'seconds':>8} {'CPU s':>8} {'peak MB':>8}")
    for count in rows:
        run = folder.resolve() / f"run-{count}"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        write_params(run / "params.yaml", source, count, size)
        costs = []
        for stage, words in STAGES.items():
            costs.append(run_stage(run, stage, words.split()))
            print(f"{count:7} {stage:>8} {costs[-1][0]:8.1f} {costs[-1][1]:8.1f} {costs[-1][2]:8.0f}", flush=True)
        seconds, cpu, peaks = zip(*costs, strict=True)
        stored = sum(file.stat().st_size for file in run.glob("*.parquet")) / 1e9
        print(f"{count:7} {'all':>8} {sum(seconds):8.1f} {sum(cpu):8.1f} {max(peaks):8.0f}   {stored:.2f} GB written")
        if not keep:
            shutil.rmtree(run)


def run_stage(run: Path, stage: str, words: list[str]) -> tuple[float, float, float]:
    """Run a stage as a process in a folder; return seconds, CPU seconds and peak resident memory (MB)."""
    environment = os.environ | {
        "PYTHONPATH": str(ROOT),
        "DVC_ROOT": str(run),
        "MLFLOW_TRACKING_URI": f"sqlite:///{run}/mlflow.db",
    }
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", f"stages.{stage}", "--params", "params.yaml", *words], cwd=run, env=environment
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise click.ClickException(f"{stage} ended with exit code {process.returncode}")
    return time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1e3


def write_params(path: Path, source: Path, rows: int, size: int) -> None:
    """Write the shipped parameters with these rows as sources."""
    values = YAML().load(ROOT / "params.yaml")
    values["models"].update(segmenter=str(ROOT / values["models"]["segmenter"]), device="cpu")
    values["prepare"].update(
        size=size, seen=str(source / "seen"), seen_schema="deepfashion", seen_rows=rows,
        unseen=str(source / "unseen.parquet"), unseen_schema="fashionpedia", unseen_rows=UNSEEN,
    )  # fmt: skip
    YAML().dump(values, path)


def write_source(folder: Path, rows: int) -> Path:
    """Write the data sets, unless they exist: folder/source-<rows>/seen/*.parquet and …/unseen.parquet."""
    source = folder / f"source-{rows}"
    if not source.exists():
        with atomic_write(source) as partial:
            (partial / "seen").mkdir(parents=True)
            jobs = [(partial / "seen", shard, rows) for shard in range(SHARDS)]
            with multiprocessing.Pool(min(SHARDS, len(os.sched_getaffinity(0)))) as pool:
                pool.starmap(write_shard, jobs)
            write_table(partial / "unseen.parquet", UNSEEN_SCHEMA, unseen_rows())
    return source


def write_shard(folder: Path, shard: int, rows: int) -> None:
    """Write one parquet file in the schema of deepFashion-with-masks."""
    start, end = rows * shard // SHARDS, rows * (shard + 1) // SHARDS
    write_table(folder / f"train-{shard:05d}-of-{SHARDS:05d}.parquet", SEEN_SCHEMA, seen_rows(start, end))


def write_table(path: Path, schema: pa.Schema, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows to parquet, in row groups as on the hub."""
    with pq.ParquetWriter(path, schema) as writer:
        batch: list[dict[str, Any]] = []
        for row in rows:
            batch.append(row)
            if len(batch) == GROUP:
                writer.write_table(pa.Table.from_pylist(batch, schema))
                batch = []
        if batch:
            writer.write_table(pa.Table.from_pylist(batch, schema))


def seen_rows(start: int, end: int) -> Iterator[dict[str, Any]]:
    """Yield rendered rows without scenes and persons, which the real data set does not have."""
    grain = make_grain()
    for number, row in enumerate(fashion.rows("studio", end, SEED, RENDERED, start=start), start):
        picture = enlarge(row["images"], number, grain)
        overlay = Image.blend(picture, Image.new("RGB", picture.size), 0.5)
        yield {
            "images": encode(picture),
            "mask": encode(enlarge(row["mask"])),
            "mask_overlay": encode(overlay),
            **{name: row[name] for name in TEXTS},
        }


def unseen_rows() -> Iterator[dict[str, Any]]:
    """Yield enlarged street rows in Fashionpedia's schema."""
    grain, scale = make_grain(), WIDTH / RENDERED
    for number, row in enumerate(fashion.rows("street", UNSEEN, SEED, RENDERED)):
        objects = row["objects"]
        boxes = [[side * scale for side in box] for box in objects["bbox"]]
        areas = [round(area * scale**2) for area in objects["area"]]
        picture = enlarge(row["image"], number, grain)
        yield {
            "image_id": row["image_id"],
            "image": encode(picture),
            "width": WIDTH,
            "height": HEIGHT,
            "objects": {**objects, "bbox": boxes, "area": areas},
        }


def make_grain() -> np.ndarray:
    """Make noise for every pixel of a stored picture: int16 (HEIGHT, WIDTH, 3)."""
    return np.random.default_rng(SEED).integers(-GRAIN, GRAIN + 1, (HEIGHT, WIDTH, 3), dtype=np.int16)


def enlarge(small: Image.Image, number: int = 0, grain: np.ndarray | None = None) -> Image.Image:
    """Enlarge a rendered picture or mask into the upper part of a stored one; shift the grain by the number."""
    resample = Image.Resampling.NEAREST if grain is None else Image.Resampling.BICUBIC
    canvas = Image.new(small.mode, (WIDTH, HEIGHT), 0 if grain is None else (255, 255, 255))
    canvas.paste(small.resize((WIDTH, WIDTH), resample))
    if grain is None:
        return canvas
    shifted = np.roll(grain, (number * 31 % HEIGHT, number * 17 % WIDTH), (0, 1))
    return Image.fromarray(np.clip(np.asarray(canvas) + shifted, 0, 255).astype(np.uint8))


def encode(picture: Image.Image) -> dict[str, Any]:
    """Encode a picture as on the hub: JPEG for colour, PNG for a mask."""
    buffer = io.BytesIO()
    picture.save(buffer, **({"format": "PNG"} if picture.mode == "L" else {"format": "JPEG", "quality": QUALITY}))
    return {"bytes": buffer.getvalue(), "path": None}


if __name__ == "__main__":
    main()
