#!/usr/bin/env bash
# The paper's configurations A to D (its section 5), as DVC experiments on the present commit: queue those that are not
# there yet, run them one after another, and write metrics/ablations.{csv,md,png}. Run by `make ablations`.
#
# Learning rates are the paper's × 100: they suit the small editor. Its 1,500 pairs are not followed: with the study's own
# 2,000 everything before `train`, and the baseline's edits, come from DVC's cache.
set -euo pipefail
cd "$(dirname "$0")/.."

#            name  lr      lambda_preserve  unfreeze
configurations="A  1.0e-3  0.5              attn+mid+up
                B  2.0e-3  0.8              attn+mid+up
                C  5.0e-4  0.3              attn+mid
                D  1.0e-3  0.5              attn+mid+res"

if dvc queue status | grep -E ' (Queued|Running) *$' >&2; then
    echo "DVC's queue holds these experiments: finish them (dvc exp run --run-all) or drop them (dvc queue remove --queued)" >&2
    exit 2
fi

present=$(dvc exp list --name-only)
names=()
while read -r name lr lambda unfreeze; do
    names+=("$name")
    if grep -qx "$name" <<<"$present"; then
        echo "$name is there for this commit; to run it again: dvc exp remove $name"
        continue
    fi
    dvc exp run --queue --name "$name" -S train.loss=preserve -S train.epochs=2 \
        -S train.lr="$lr" -S train.lambda_preserve="$lambda" -S train.unfreeze="$unfreeze"
done <<<"$configurations"

dvc exp run --run-all # returns 0 even where an experiment failed
present=$(dvc exp list --name-only)
for name in "${names[@]}"; do
    grep -qx "$name" <<<"$present" || { echo "$name failed: dvc queue logs $name" >&2; exit 1; }
done
atelier ablations "${names[@]}"
