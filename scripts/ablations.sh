#!/usr/bin/env bash
# Run the paper's configurations A to D (section 5) as DVC experiments on the current commit and write
# metrics/ablations.{csv,md,png}. Experiments that exist already are kept. Run by `make ablations`.
#
# Learning rates are the paper's × 100, which suits the small editor. The number of triplets is the study's 2,000, not the
# paper's 1,500, so that the stages before `train` and the baseline's edits come from DVC's cache.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/experiments.sh

#            name  lr      lambda_preserve  unfreeze
configurations="A  1.0e-3  0.5              attn+mid+up
                B  2.0e-3  0.8              attn+mid+up
                C  5.0e-4  0.3              attn+mid
                D  1.0e-3  0.5              attn+mid+res"

begin
while read -r name lr lambda unfreeze; do
    experiment "$name" -S train.loss=preserve -S train.epochs=2 \
        -S train.lr="$lr" -S train.lambda_preserve="$lambda" -S train.unfreeze="$unfreeze"
done <<<"$configurations"
finish
atelier ablations "${names[@]}"
