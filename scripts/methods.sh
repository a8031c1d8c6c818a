#!/usr/bin/env bash
# Run the three methods of fine-tuning as DVC experiments on the current commit, with the same data, seed and number of
# steps (patience equals epochs, so none stops early), and write scores, share of trained parameters, seconds per step and
# peak memory to metrics/methods.{csv,md}. Run by `make methods`.
#
# Each method has its own learning rate: LoRA adapters need a higher one than the full tensors.
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
