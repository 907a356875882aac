"""Checks that reenact and the reference agree about recordings.

    python3 check_recording.py REENACT [--changes N] [--seed N]

Records toy-plane.toml with the binary REENACT. Both have to accept the
recording and to draw the same segments for several nonces. Both have to judge
alike recordings that are consistent and yet unusual (forgeries.py), of both
formats of the spec. Then both have to notice every one of N small changes of its files.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile

import forgeries
import reenact_reference as reference

SPEC = pathlib.Path(__file__).parents[2] / "replay-specs" / "toy-plane.toml"


def reenact(binary, *arguments):
    return subprocess.run([binary, *map(str, arguments)], capture_output=True, text=True)


def reference_code(run):
    try:
        _, findings = reference.audit(str(run))
    except reference.Disagreement:
        return 1
    except reference.Inconclusive:
        return 2
    return 1 if findings else 0


def both_codes(binary, run):
    return reenact(binary, "inspect", run).returncode, reference_code(run)


def compare_draws(binary, run):
    recording, findings = reference.audit(str(run))
    yield from findings
    total = recording["spec"].segment_count()
    nonces = {f"nonce {count}": ["--nonce", f"nonce {count}"] for count in range(1, total + 1)}
    nonces[reference.beacon_nonce("drand", 4321098, "9a1f")] = [
        "--beacon", "drand", "--beacon-round", 4321098, "--beacon-value", "9a1f"]
    for count, (nonce, options) in enumerate(nonces.items(), start=1):
        count = min(count, total)
        audit = reenact(binary, "audit", run, *options, "--sample", count, "--json",
                        "--no-ledger")
        answer = json.loads(audit.stdout)
        found = [segment["segment"]["index"] for segment in answer["segments"]]
        expected = reference.draw(recording["commitment"], nonce, total, count)
        if audit.returncode != 0 or found != expected or answer["challenge"]["nonce"] != nonce:
            yield f"{nonce}: reenact draws {found}, the reference {expected}"
        audited = reference.audited(str(run), recording)
        if answer["audited"] != audited:
            yield f"reenact names {answer['audited']}, the reference {audited}"


def compare_forgeries(binary, run, forged):
    for name, expected, restore in forged(run):
        codes = both_codes(binary, run)
        if codes != (expected, expected):
            yield f"{name}: reenact exits {codes[0]}, the reference {codes[1]}, not {expected}"
        restore()


def record(binary, spec, run):
    recorded = reenact(binary, "record", spec, "--out", run)
    if recorded.returncode != 0:
        sys.exit(recorded.stderr)


def compare_second(binary, folder):
    """Takes a recording of format 2."""
    spec, run = folder / "second.toml", folder / "second"
    spec.write_text(forgeries.second_spec(SPEC.read_text()))
    record(binary, spec, run)
    yield from compare_draws(binary, run)
    yield from compare_forgeries(binary, run, forgeries.second)


def changed(content, chance):
    """Flips a bit, cuts the end off, appends, removes or inserts bytes."""
    content, at = bytearray(content), chance.randrange(len(content))
    some = chance.randbytes(chance.randint(1, 40))
    match chance.randrange(9):
        case 0:
            del content[at:]
        case 1:
            content += some
        case 2:
            del content[at : at + len(some)]
        case 3:
            content[at:at] = some
        case 4:
            content[at:] = bytes(len(content) - at)
        case _:
            content[at] ^= 1 << chance.randrange(8)
    return bytes(content)


def compare_changes(binary, run, count, chance):
    """Changes one file at a time; now and then, the commitment is not there."""
    files = sorted(path for path in run.rglob("*") if path.is_file())
    commitment = run / "commitment"
    committed = commitment.read_bytes()
    for _ in range(count):
        path = chance.choice(files)
        before = path.read_bytes()
        after = changed(before, chance)
        if after == before:
            continue
        path.write_bytes(after)
        if chance.randrange(4) == 0:
            commitment.unlink()
        codes = both_codes(binary, run)
        if 0 in codes or codes[0] != codes[1]:
            yield f"{path.name}: reenact exits {codes[0]}, the reference {codes[1]}"
        commitment.write_bytes(committed)
        path.write_bytes(before)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("reenact", help="the binary")
    parser.add_argument("--changes", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        run = pathlib.Path(folder) / "run"
        record(arguments.reenact, SPEC, run)
        problems = list(compare_draws(arguments.reenact, run))
        problems += compare_forgeries(arguments.reenact, run, forgeries.each)
        problems += compare_second(arguments.reenact, pathlib.Path(folder))
        chance = random.Random(arguments.seed)
        problems += compare_changes(arguments.reenact, run, arguments.changes, chance)
    print("\n".join(problems) or "reenact and the reference agree")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
