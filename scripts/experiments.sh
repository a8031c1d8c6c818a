# Sourced by scripts that run a set of DVC experiments on the present commit: those that are there already are kept, the
# others are queued and run one after another.

names=()

# begin: nobody else's experiments may wait in the queue, or they would be run as well
begin() {
    if dvc queue status | grep -E ' (Queued|Running) *$' >&2; then
        echo "DVC's queue holds these experiments: finish them (dvc exp run --run-all) or drop them (dvc queue remove --queued)" >&2
        exit 2
    fi
    present=$(dvc exp list --name-only)
}

# experiment NAME -S section.key=value …
experiment() {
    local name=$1
    shift
    names+=("$name")
    if grep -qx "$name" <<<"$present"; then
        echo "$name is there for this commit; to run it again: dvc exp remove $name"
    else
        dvc exp run --queue --name "$name" "$@"
    fi
}

# finish: run what was queued, and fail if an experiment did
finish() {
    dvc exp run --run-all # returns 0 even where an experiment failed
    present=$(dvc exp list --name-only)
    for name in "${names[@]}"; do
        grep -qx "$name" <<<"$present" || { echo "$name failed: dvc queue logs $name" >&2; exit 1; }
    done
}
