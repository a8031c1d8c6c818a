#!/usr/bin/env bash
# The three methods of fine-tuning, as DVC experiments on the present commit: the same data, seed and number of steps
# (none stops early); scores beside trained share, seconds and peak memory in metrics/methods.{csv,md}. Run by `make methods`.
#
# Adapters want a higher learning rate than the tensors themselves, so that each method has its own.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/experiments.sh

#        method     lr
methods="selective  1.0e-3
         full       1.0e-3
         lora       4.0e-3"

begin
while read -r method lr; do
    experiment "$method" -S train.method="$method" -S train.lr="$lr" -S train.epochs=4 -S train.patience=4
done <<<"$methods"
finish
atelier methods "${names[@]}"
