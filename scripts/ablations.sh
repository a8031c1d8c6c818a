#!/usr/bin/env bash
# The paper's configurations A to D (its section 5), as DVC experiments on the present commit: queue those that are not
# there yet, run them one after another, and write metrics/ablations.{csv,md,png}. Run by `make ablations`.
#
# Learning rates are the paper's × 50: they suit the small editor. Its 1,500 pairs are not followed: with the study's own
# 2,000 everything before `train`, and the baseline's edits, come from DVC's cache.
set -euo pipefail
cd "$(dirname "$0")/.."

#            name  lr      lambda_preserve  unfreeze
configurations="A  5.0e-4  0.5              attn+mid+up
                B  1.0e-3  0.8              attn+mid+up
                C  2.5e-4  0.3              attn+mid
                D  5.0e-4  0.5              attn+mid+res"

present=$(dvc exp list --name-only)
names=()
while read -r name lr lambda unfreeze; do
    names+=("$name")
    if grep -qx "$name" <<<"$present"; then
        echo "$name is already there for this commit; \`dvc exp remove $name\` first to run it again"
    else
        dvc exp run --queue --name "$name" -S train.loss=preserve -S train.epochs=2 \
            -S train.lr="$lr" -S train.lambda_preserve="$lambda" -S train.unfreeze="$unfreeze"
    fi
done <<<"$configurations"

dvc exp run --run-all # succeeds even where an experiment failed: the next line does not, and names it
atelier ablations "${names[@]}"
