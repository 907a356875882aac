#!/usr/bin/env bash
# Runs every fuzz target for EXECUTIONS inputs (10,000,000 unless said
# otherwise), or only the targets named after it; prints a table of what each
# did, and fails on the first crash, hang or allocation above its limit.
#
#   tests/fuzz/run.sh [EXECUTIONS] [TARGET...]
set -euo pipefail
cd "$(dirname "$0")/../.."

executions=${1:-10000000}
shift || true
all=(journal frames history spec commitment calibration checkpoint signature keys recording headers)
targets=("${@:-${all[@]}}")
host=$(rustc --version --verbose | sed -n 's/^host: //p')
work=${CARGO_TARGET_DIR:-target}/fuzz
mkdir -p "$work"

# What cargo-fuzz asks of the compiler, without a sanitizer: no part of reenact
# has unsafe code, and a stable toolchain does. Only the targets are
# instrumented, not what builds them; so the host is named.
export RUSTFLAGS="--cfg fuzzing -Cpasses=sancov-module \
-Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
-Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares"
cargo build --quiet --release --locked --manifest-path tests/fuzz/Cargo.toml \
    --target "$host" --target-dir "$work/build"

row='| %-10s | %11s | %6s | %6s | %10s | %8s |\n'
# shellcheck disable=SC2059
printf "$row" target executions cov ft "peak MiB" seconds
# shellcheck disable=SC2059
printf "$row" --- --- --- --- --- ---
for target in "${targets[@]}"; do
    corpus=$work/corpus/$target
    log=$work/$target.log
    mkdir -p "$corpus" "$work/artifacts"
    # An event of a history takes two bytes; longer inputs are cut anyway.
    length=4096
    [[ $target != history ]] || length=48
    start=$SECONDS
    # The targets themselves refuse to hold more than 64 MiB.
    if ! REENACT_FUZZ_SEEDS=$corpus "$work/build/$host/release/$target" "$corpus" \
        -runs="$executions" -max_len="$length" -timeout=10 -malloc_limit_mb=64 -rss_limit_mb=512 \
        -use_value_profile=0 -print_final_stats=1 -artifact_prefix="$work/artifacts/$target-" \
        >"$log" 2>&1; then
        tail -n 40 "$log" >&2
        echo "$target failed; see $log and $work/artifacts" >&2
        exit 1
    fi
    done=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
    peak=$(sed -n 's/^stat::peak_rss_mb: *//p' "$log")
    last=$(grep -E '^#[0-9]+.* cov: ' "$log" | tail -n 1)
    cov=$(sed -E 's/.* cov: ([0-9]+) .*/\1/' <<<"$last")
    ft=$(sed -E 's/.* ft: ([0-9]+) .*/\1/' <<<"$last")
    # shellcheck disable=SC2059
    printf "$row" "$target" "$done" "$cov" "$ft" "$peak" $((SECONDS - start))
done
