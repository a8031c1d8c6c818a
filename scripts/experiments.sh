# Sourced by scripts that run a set of DVC experiments on the current commit, one after another. Experiments that exist
# already are kept.

names=()

# begin: fail if the queue holds other experiments, because `finish` would run them as well
begin() {
    if dvc queue status | grep -E ' (Queued|Running) *$' >&2; then
        echo "DVC's queue holds other experiments: run them (dvc exp run --run-all) or remove them (dvc queue remove --queued)" >&2
        exit 2
    fi
    present=$(dvc exp list --name-only)
}

# experiment NAME -S section.key=value …: queue it unless it exists
experiment() {
    local name=$1
    shift
    names+=("$name")
    if grep -qx "$name" <<<"$present"; then
        echo "$name exists for this commit; to run it again: dvc exp remove $name"
    else
        dvc exp run --queue --name "$name" "$@"
    fi
}

# finish: run the queued experiments; fail if one of them failed
finish() {
    dvc exp run --run-all # returns 0 even where an experiment failed
    present=$(dvc exp list --name-only)
    for name in "${names[@]}"; do
        grep -qx "$name" <<<"$present" || { echo "$name failed: dvc queue logs $name" >&2; exit 1; }
    done
}
