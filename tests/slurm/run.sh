#!/usr/bin/env bash
# Fan-out on a real Slurm of two nodes on this machine, by the real binary:
#
#   tests/slurm/run.sh REENACT
#   scripts/with-s3 tests/slurm/run.sh REENACT      with the night's recordings in a bucket
#
# 1. 200 segments as an array with its collector, of which a task is killed and a node dies.
# 2. A night over six recordings, while a node dies: what it says is what a night on one machine
#    says, but for times and hosts.
#
# As root; exit code 69: Slurm does not start here. It takes about two minutes, most of which is Slurm noticing that a node is gone.
set -euo pipefail
cd "$(dirname "$0")/../.."
reenact=$(realpath "$1")
slurm=$PWD/scripts/slurm
specs=$PWD/replay-specs
compare=$PWD/tests/slurm/compare.py
lab=$(mktemp -d)
cluster=$lab/cluster
helpers=()

finish() {
    kill "${helpers[@]}" 2>/dev/null || true
    "$slurm" down "$cluster" || true
    rm -rf "$lab"
}
trap finish EXIT

say() { printf -- '-- %s (%s s)\n' "$*" "$SECONDS"; }
fail() { echo "slurm: $*" >&2; exit 1; }

wait_for() { # SECONDS COMMAND...
    local until=$((SECONDS + $1))
    shift
    until "$@"; do
        [ $SECONDS -lt $until ] || return 1
        sleep 0.3
    done
}

# Kills a node as soon as something runs there, and shortens the wait of what comes back.
kill_when_busy() { # NODE
    wait_for 60 busy "$1" || return
    sleep 0.5
    "$slurm" kill-node "$cluster" "$1"
    echo "   $1 died"
    while sleep 1; do "$slurm" hurry "$cluster"; done
}
busy() { squeue --noheader --states=RUNNING --nodelist="$1" --format=%i 2>/dev/null | grep -q .; }

cd "$lab"
mkdir runs
started=$("$slurm" up "$cluster" 2) || { echo "slurm: it does not start here" >&2; exit 69; }
eval "$started"
export REENACT_LEDGER=$lab/ledger.sqlite
# A worker that takes its time, so that a node can die under it.
printf '#!/bin/sh\nsleep 1\nexec "%s" "$@"\n' "$reenact" >slow
chmod +x slow

spec() { # SEED STEPS
    sed "s/^root_seed = .*/root_seed = $1/; s/^steps = .*/steps = $2/" "$specs/toy-plane.toml"
}

say "200 segments in 20 shards: a task is killed, a node dies"
spec 1 2000 >long.toml
"$reenact" record long.toml --out long --attack lr-tamper@1234..1236 >/dev/null 2>&1
"$reenact" plan long --sample all --out jobs --emit slurm --shards 20 2>/dev/null
sed -i "s|^[^#].* work |$lab/slow work |" jobs/work.sbatch
kill_when_busy n2 & helpers+=($!)
jobs=$(sh jobs/submit)
echo "   $jobs"
work=$(echo "$jobs" | sed 's/work \([0-9]*\),.*/\1/')
collect=${jobs##*collect }
wait_for 30 busy n1 || fail "no task runs"
task=$(squeue --noheader --states=RUNNING --nodelist=n1 --array --format=%i | head -1)
scancel --signal=KILL --full "$task" && echo "   task $task was killed"
gone() { ! squeue --noheader --jobs="$1" 2>/dev/null | grep -q .; }
wait_for 300 gone "$collect" || fail "the collector did not end: $(squeue)"
kill "${helpers[@]}" 2>/dev/null || true
log=$(ls jobs/*collect*.log)
# The shard of the killed task is not judged, and the divergence stands or is not judged either.
grep -q "of 200 segments have a result" "$log" || fail "$(cat "$log")"
units=$(find jobs/results -name '*.json' | sed 's|.*/||; s|-.*||' | sort | uniq -c)
[ "$(echo "$units" | awk '$1 > 1' | wc -l)" = 0 ] || fail "something was done twice: $units"
echo "   $(grep -o '[0-9]* of 200 segments have a result' "$log")"
# What the killed task has left undone is done by whoever hands it in again.
for shard in $(seq 0 19); do
    "$reenact" work jobs/plan.json --results jobs/results --index "$shard" >/dev/null 2>&1
done
code=0
"$reenact" collect jobs/plan.json --results jobs/results --json --no-ledger >one.json 2>/dev/null ||
    code=$?
[ $code = 1 ] || fail "the collected verdict is $code, not divergent"
nonce=$(python3 -c 'import json; print(json.load(open("one.json"))[0]["challenge"]["nonce"])')
"$reenact" audit long --sample all --nonce "$nonce" --json --no-ledger >two.json 2>/dev/null || true
python3 "$compare" reports one.json two.json

say "a node comes back"
"$slurm" start-node "$cluster" n2
idle() { [ "$(sinfo --noheader --Node --states=idle | wc -l)" = 2 ]; }
wait_for 60 idle || fail "$(sinfo)"

runs=../runs
[ -z "${AWS_ENDPOINT_URL:-}" ] || runs=s3://runs/night-$$
say "a night over six recordings in $runs, while a node dies"
for seed in 1 2 3 4 5 6; do
    spec "$seed" 60 >"spec-$seed.toml"
    attack=()
    [ "$seed" != 4 ] || attack=(--attack lr-tamper@22..24)
    push=()
    [ -z "${AWS_ENDPOINT_URL:-}" ] || push=(--push "$runs/run-$seed")
    "$reenact" record "spec-$seed.toml" --out "runs/run-$seed" "${attack[@]}" "${push[@]}" \
        >/dev/null 2>&1
done
[ -z "${AWS_ENDPOINT_URL:-}" ] || rm -r runs
night() { # NAME EXECUTOR
    mkdir "$1"
    cat >"$1/night.toml" <<EOF
format = 1
ledger = "ledger.sqlite"
reports = "pages"
[budget]
device_hours = 1
[goal]
confidence = 1.0
[[runs]]
name = "toys"
from = "$runs/*"
$2
EOF
    code=0
    "$reenact" nightly "$1/night.toml" --json >"$1/night.json" 2>"$1/said" || code=$?
    [ $code = 1 ] || fail "the night $1 ended with $code: $(cat "$1/said"; grep -A9 unjudged "$1/night.json"; squeue)"
    "$reenact" ledger list --ledger "$1/ledger.sqlite" --json >"$1/ledger.json"
}
night one-machine ""
# Only what this key signs counts as an answer.
"$reenact" keygen --out worker.key --workers --name worker --json |
    python3 -c 'import json, sys; print(json.load(sys.stdin)["allowed_signer"])' >workers
kill_when_busy n2 & helpers+=($!)
night fleet "
[executor]
kind = 'slurm'
folder = 'shared'
parallel = 4
key = '$lab/worker.key'
allowed_workers = '$lab/workers'
reenact = '$lab/slow'"
kill "${helpers[@]}" 2>/dev/null || true
[ "$(sinfo --noheader --Node --nodes=n2 --format=%T)" != idle ] || fail "n2 did not die"
python3 "$compare" nights one-machine fleet
say "the same ledger, the same page, the same verdicts"
