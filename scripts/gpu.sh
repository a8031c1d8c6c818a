#!/usr/bin/env bash
# All measurements on a GPU in one call of at most 10 minutes, the most valuable first. Each part has its own time
# limit, and stops no other by failing. After each part gpu.md (tables), gpu.jsonl (rows) and gpu.log are written anew.
#
#   scripts/gpu.sh [--tiny] [--example PATH] [--out FOLDER] [--parts "vs options editing memory stages"]
#
# --tiny tries all parts with embedded networks on the CPU. --example: diffusers' train_instruct_pix2pix.py, where
# there is no network to fetch it from. Needs no data and no hub; of the repository's models: models/base/editor, clip
# and features.
set -u
cd "$(dirname "$0")/.." || exit
tiny="" example="" out="build/gpu" parts="vs options editing memory stages"
while [ $# -gt 0 ]; do
  case "$1" in
    --tiny) tiny=--tiny ;;
    --example) example="--example $2"; shift ;;
    --out) out="$2"; shift ;;
    --parts) parts="$2"; shift ;;
    *) echo "gpu.sh: unknown option $1" >&2; exit 2 ;;
  esac
  shift
done
mkdir -p "$out"
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
for python in python python3; do "$python" -c 'import torch' 2>/dev/null && break; done
export PYTHONPATH="src:.${PYTHONPATH:+:$PYTHONPATH}" PYTHONUNBUFFERED=1 HF_HUB_OFFLINE=1 TOKENIZERS_PARALLELISM=false
export PYTORCH_ALLOC_CONF=expandable_segments:True

gather() {
  for table in against_diffusers losses options options_each editing memory memory_each stages; do
    [ ! -e "$work/$table.md" ] || { cat "$work/$table.md"; echo; }
  done > "$out/gpu.md"
  cat "$work"/*.jsonl > "$out/gpu.jsonl" 2>/dev/null
  tail -n 40 "$work"/*.log > "$out/gpu.log" 2>/dev/null
}

part() { # NAME SECONDS SCRIPT [ARGUMENTS]: the script begins nothing after its time, and is stopped 20 s later
  case " $parts " in *" $1 "*) ;; *) return ;; esac
  local name=$1 seconds=$2 began=$SECONDS
  shift 2
  [ -z "$tiny" ] || seconds=$((4 * seconds)) # a CPU is slow, even with small networks
  echo "== $name, at most $seconds s"
  # shellcheck disable=SC2086
  timeout --kill-after=5 $((seconds + 20)) "$python" scripts/"$@" $tiny --out "$work" --seconds "$seconds" \
    2> "$work/$name.log"
  local code=$?
  [ $code -eq 0 ] || { echo "== $name ended with code $code"; tail -n 4 "$work/$name.log"; }
  echo "== $name took $((SECONDS - began)) s"
  gather
}

# shellcheck disable=SC2086
part vs 100 benchmark_against_diffusers.py $example
part options 210 benchmark_full_size.py options
part editing 35 benchmark_editing.py
part memory 60 benchmark_full_size.py memory
part stages 75 benchmark_stages.py
cat "$out/gpu.md"
