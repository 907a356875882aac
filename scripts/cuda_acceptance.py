"""Tries a prebuilt reenact on one device and writes down what came out.

Parts run in order of importance, each under a time limit, all within a budget.
A part that fails stops no other. results.json is written again after each part,
so that it is there even if this process is killed.
"""

import argparse
import datetime
import json
import lzma
import os
import platform
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tarfile
import tempfile
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USAGE = 64
DIVERGENT, INCONCLUSIVE = 1, 2
PROGRAMS = ["digits-mlp", "digits-cnn", "cicero-gpt"]
LARGE = "gpt-100m"
# Those that only a replay on the device can catch.
SOME_ATTACKS = ["lr-tamper", "weight-edit", "kernel-swap"]
# The time that is left unused, to write results and remove recordings.
RESERVE_S = 10
# A part is not begun with less than this.
PART_S_MIN = 5
TAIL_CHARACTERS = 800
# Steps in each round in which the cost of recording is measured.
COST_STEPS = 4
# What scripts/cuda-build packs: the command, and CUDA's mathematical functions.
LIBDEVICE = "cuda/nvvm/libdevice/libdevice.10.bc"
PACKED = ["reenact", LIBDEVICE, "cuda/License.txt"]
# How often a replay with free kernels is repeated: a tuning may choose otherwise
# each time, so that one try says little.
FREE_TRIES = 2
LARGE_DISK_BYTES = 4 << 30
# Tensors that are named where a replay diverges.
NAMED_MAX = 3
# What --small puts into the specs, for machines that are slow or busy.
SMALL = {"steps": 20, "checkpoint_every": 10, "warmup_steps": 4, "hidden": 8, "size": 16}
LETTERS = {"passed": "✓", "failed": "✗", "not run": "-", "skipped": "·"}


class Failed(Exception):
    """Something came out otherwise than it should."""


class NotRun(Exception):
    """The part could not be tried."""


class Skipped(Exception):
    """The part makes no sense with these arguments; that is no fault."""


@dataclass
class Ran:
    """Holds what a command did."""

    arguments: list
    code: int
    seconds: float
    timed_out: bool
    lines: list  # of standard output, each with the second at which it came
    errors: str

    def json(self):
        try:
            return json.loads("\n".join(line for _, line in self.lines))
        except ValueError:
            raise Failed(f"{self.words()}: {self.tail() or 'it printed nothing'}") from None

    def tail(self):
        return self.errors.strip()[-TAIL_CHARACTERS:]

    def words(self):
        end = "ran out of time" if self.timed_out else f"ended with {self.code}"
        return f"`{self.arguments[0]}` {end} after {self.seconds:.1f} s"

    def expect(self, code):
        if self.timed_out or self.code != code:
            said = self.tail() or self.verdict()
            raise Failed(f"{self.words()} instead of {code}: {said}")
        return self

    def verdict(self):
        """Says in short what an audit found, if this was one."""
        try:
            report = json.loads("\n".join(line for _, line in self.lines))
            return json.dumps([report["verdict"], report["reasons"]])[:TAIL_CHARACTERS]
        except (ValueError, KeyError, TypeError):
            return "no message"


@dataclass
class Recording:
    """Holds a recording that a part has made, for those after it."""

    folder: Path
    commitment: str
    steps: int
    segments: int
    seconds: float


@dataclass
class Session:
    """Holds what the parts share."""

    binary: Path
    device: str
    other: str
    small: bool
    work: Path
    deadline: float
    recordings: dict = field(default_factory=dict)
    commands: list = field(default_factory=list)
    machine: dict = field(default_factory=dict)
    part_deadline: float = 0.0

    def left_s(self):
        return self.deadline - RESERVE_S - time.monotonic()

    def run(self, *arguments, kill_when=None, task=None):
        """Runs reenact; kills it, and what it started, at the part's limit. A worker reads
        its task from standard input."""
        arguments = [str(argument) for argument in arguments]
        limit_s = max(1.0, self.part_deadline - time.monotonic())
        # The ledger of whoever runs this is none of our business.
        environment = {**os.environ, "XDG_STATE_HOME": str(self.work / "state")}
        environment.pop("REENACT_LEDGER", None)
        if self.device.startswith("cuda"):
            # CubeCL writes there whatever it gives to the driver.
            environment["CUBECL_CUDA_DUMP_PTX"] = str(self.work / "ptx")
        if (self.work / LIBDEVICE).exists():
            # Those of the machine's toolkit only if it is named.
            environment.setdefault("CUDA_PATH", str(self.work / "cuda"))
        errors, told = self.work / "stderr", self.work / "task"
        told.write_text("" if task is None else json.dumps(task))
        begun = time.monotonic()
        with errors.open("w") as sink, told.open() as source:
            process = subprocess.Popen(
                [self.binary, *arguments], stdin=source, stdout=subprocess.PIPE,
                stderr=sink, text=True, errors="replace", env=environment,
                start_new_session=True, cwd=self.work)
        timed_out = threading.Event()
        watch = threading.Timer(limit_s, lambda: (timed_out.set(), kill(process)))
        watch.start()
        try:
            if kill_when is not None:
                kill_once(process, kill_when)
            lines = [(time.monotonic() - begun, line.rstrip("\n")) for line in process.stdout]
            process.wait()
        finally:
            watch.cancel()
            kill(process)
        ran = Ran(arguments, process.returncode, time.monotonic() - begun, timed_out.is_set(),
                  lines, errors.read_text(errors="replace"))
        self.commands.append({
            "arguments": arguments, "exit_code": ran.code, "seconds": round(ran.seconds, 3),
            "timed_out": ran.timed_out, "stderr_tail": ran.tail()})
        return ran

    def spec(self, name):
        """Returns the spec to record: its name, or a file where none is built in."""
        file = ROOT / "replay-specs" / f"{name}.toml"
        if not self.small:
            return file if name == LARGE else name
        text = file.read_text()
        for key, value in SMALL.items():
            text = re.sub(rf"(?m)^{key} = \d+", f"{key} = {value}", text)
        short = self.work / f"{name}.toml"
        short.write_text(text)
        return short

    def spec_text(self, name):
        found = Path(self.spec(name))
        return (found if found.exists() else ROOT / "replay-specs" / f"{name}.toml").read_text()

    def recording(self, name):
        if name not in self.recordings:
            raise NotRun(f"there is no recording of {name}")
        return self.recordings[name]


def kill(process):
    """Kills a process and those that it started: they share its session."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def kill_once(process, condition):
    while process.poll() is None:
        if condition():
            kill(process)
            return
        time.sleep(0.005)


# The parts: each takes the session and fills in figures.


def doctor(session, figures):
    report = session.run("doctor", "--json").json()
    session.machine = report["machine"]
    figures["influences"] = report["influences"]
    for engine in session.machine["engines"]:
        for device in engine["devices"]:
            if device["name"] == session.device and device["state"] == "usable":
                if device["inexact"] is not None:
                    raise Failed(f"no bit-exact audits here: {device['inexact']}")
                return
    raise Failed(f"{session.device} is not usable here: {why_unusable(session)}")


def why_unusable(session):
    devices = [device for engine in session.machine["engines"] for device in engine["devices"]
               if device["name"] == session.device]
    return devices[0].get("problem") or "no reason given" if devices else "no such device"


def record_and_audit(session, figures, name, options=(), kind=""):
    folder = session.work / "runs" / (name + kind)
    ran = session.run("record", session.spec(name), "--device", session.device, "--out", folder,
                      "--json", *options).expect(0)
    made = ran.json()
    figures["rehearsal"] = rehearsal = made["rehearsal"]
    session.recordings[name + kind] = Recording(
        folder, made["commitment"], made["steps"], made["segments"], ran.seconds)
    figures.update({
        "steps": made["steps"], "record_s": ran.seconds,
        "steps_per_s": made["steps"] / ran.seconds, "metrics": made["metrics"],
        "recording_bytes": sum(f.stat().st_size for f in folder.rglob("*") if f.is_file())})
    audit_bit_exact(session, figures, folder, made["segments"])
    figures["audit_per_record"] = figures["audit_s"] / ran.seconds
    # Said last: whether an audit matches is the question.
    if rehearsal and not rehearsal["reproducible"]:
        raise Failed(f"its first steps do not repeat: {rehearsal['first']}")


def audit_bit_exact(session, figures, folder, segments):
    ran = session.run("audit", folder, "--sample", "all", "--device", session.device,
                      "--no-ledger", "--json")
    figures["audit_s"] = ran.seconds
    report = ran.expect(0).json()
    if report["verdict"] != {"kind": "match", "grade": "bit-exact"}:
        raise Failed(f"the verdict is {report['verdict']}")
    if len(report["segments"]) != segments:
        raise Failed(f"{len(report['segments'])} of {segments} segments were replayed")
    figures.update({"segments": segments, "verdict": "match, bit-exact"})
    figures["launched"] = launched = launches(report)
    figures["tf32"] = (report["claim"] or {}).get("tf32", [])
    if launched["other"]:
        raise Failed(f"{launched['other']} of {launched['compared']} replayed steps launched "
                     "other kernels than the recording, with the same bits")


def launches(report):
    """Counts the replayed steps whose launches were compared, and those that differ."""
    found = [segment["outcome"]["replay"].get("launched") or {} for segment in report["segments"]]
    return {key: sum(one.get(key, 0) for one in found) for key in ("compared", "other")}


def unfused(session, figures, name):
    """Every operation is a kernel of its own: where fusion is to blame, this repeats."""
    device, session.device = session.device, f"{session.device}/unfused"
    try:
        record_and_audit(session, figures, name, ["--no-rehearsal"], "unfused")
    finally:
        session.device = device


def two_processes(session, figures, name):
    """Takes the same steps in two processes at different times of their lives."""
    ran = session.run("doctor", session.spec(name), "--device", session.device, "--json")
    figures["trials"] = ran.expect(0).json()["repetition"]["trials"]


def large(session, figures):
    if session.small:
        raise Skipped("--small")
    free = shutil.disk_usage(session.work).free
    if free < LARGE_DISK_BYTES:
        raise NotRun(f"only {free >> 20} MiB are free in {session.work}")
    # Its state is large, so its rehearsal takes longer than its first steps.
    record_and_audit(session, figures, LARGE, ["--no-rehearsal"])


def pinning(session, figures, name):
    """Says whether unpinned replays diverge. That they do is no failure; that a
    pinned one does is."""
    recording = session.recording(name)
    last = recording.segments - 1
    selections = session.run("inspect", recording.folder, "--json").expect(0).json()["selections"]
    figures.update({"segment": last, "recorded_kernels": len(selections)})
    figures["pinned"] = pinned = replay(session, recording, last, free=False)
    if pinned["diverged"]:
        raise Failed("a replay with the recorded kernels diverges")
    # Filled as it goes: what was seen stays if one of them fails.
    figures["free"] = free = []
    for _ in range(FREE_TRIES):
        free.append(replay(session, recording, last, free=True))
    median = statistics.median
    figures["free_diverged"] = sum(one["diverged"] for one in free)
    figures["free_s_per_pinned_s"] = median(one["seconds"] for one in free) / pinned["seconds"]
    if pinned["step_ms"] and all(one["step_ms"] for one in free):
        ratio = pinned["step_ms"] / median(one["step_ms"] for one in free)
        figures["pinned_step_per_free_step"] = ratio


def replay(session, recording, segment, free):
    task = {"run": path(recording.folder), "commitment": recording.commitment,
            "segment": segment, "device": device(session), "free_kernels": free}
    ran = session.run("worker", "replay", task={"replay": task}).expect(0)
    messages = [(second, json.loads(line)) for second, line in ran.lines]
    outcome = next((m["outcome"] for _, m in messages if "outcome" in m), None)
    if outcome is None or outcome["kind"] != "replayed":
        raise Failed(f"segment {segment} was not replayed: {str(outcome)[:TAIL_CHARACTERS]}")
    found = describe_divergence(outcome["replay"]["divergence"])
    # Left out of the message where every kernel is a recorded one.
    unrecorded = outcome["replay"].get("unrecorded", {"count": 0, "first": []})
    steps = [second for second, message in messages if "step" in message]
    return {"seconds": ran.seconds, "step_ms": step_ms(steps), "unrecorded": unrecorded, **found}


def device(session):
    return {"device": session.device, "data_dir": path(".")}


def path(name):
    """Returns a path as a task holds it: the system's own bytes."""
    return {"Unix": list(os.fsencode(name))}


def step_ms(seconds):
    """Returns the median time between steps: the first ones tune and compile."""
    gaps = [after - before for before, after in zip(seconds, seconds[1:])]
    return 1000 * statistics.median(gaps) if gaps else None


def describe_divergence(divergence):
    if divergence is None:
        return {"diverged": False}
    step, closing = divergence["step"], divergence["closing"]
    elements = [t["difference"] for t in closing if t["difference"]["kind"] == "elements"]
    ulps = [e["ulp_max"] for e in elements if e["ulp_max"] is not None]
    return {
        "diverged": True,
        "step": step and step["step"],
        "stage": step and step["stage"],
        "recorded_loss": step and step["recorded"]["loss"],
        "replayed_loss": step and step["replayed"]["loss"],
        "closing_tensors": len(closing),
        "closing_elements": sum(e["count"] for e in elements),
        "closing_elements_of": sum(e["of"] for e in elements),
        "closing_ulp_max": max(ulps, default=None),
        # With both values of the first element that differs.
        "closing_worst": sorted(closing, key=ulp_max, reverse=True)[:NAMED_MAX],
    }


def ulp_max(tensor):
    return tensor["difference"].get("ulp_max") or 0


def costs(session, figures):
    """Measures what recording adds to a step. That it is more than the goal is no
    failure: a small model's step is short."""
    for name in PROGRAMS if session.small else [*PROGRAMS, LARGE]:
        task = {"spec": session.spec_text(name), "device": device(session),
                "threads": os.cpu_count(), "steps": COST_STEPS, "times": 1,
                "restored_step": None, "selections": []}
        ran = session.run("worker", "cost", task={"cost": task}).expect(0)
        answer = json.loads(ran.lines[-1][1])
        if "costed" not in answer:
            raise Failed(f"{name}: {str(answer)[:TAIL_CHARACTERS]}")
        figures[name] = answer["costed"]


def kill_and_resume(session, figures):
    """Kills a recording after some steps and goes on: nothing may show."""
    name = "digits-cnn"
    whole = session.recording(name)
    folder = session.work / "runs" / "killed"
    journal = folder / "journal"
    segment_bytes = (whole.folder / "journal").stat().st_size / whole.segments
    size_then = []

    def in_the_middle():
        """Half of the checkpoints are there, and some steps after the last one."""
        if len(list(folder.glob("checkpoints/*.safetensors"))) <= whole.segments // 2:
            return False
        size = journal.stat().st_size
        size_then.append(size)
        return size - size_then[0] >= 0.3 * segment_bytes

    killed = session.run(
        "record", session.spec(name), "--device", session.device, "--out", folder, "--json",
        kill_when=in_the_middle)
    if killed.code != -signal.SIGKILL or killed.timed_out:
        raise Failed(f"it could not be killed in the middle: {killed.words()}: {killed.tail()}")
    resumed = session.run("record", "--resume", "--out", folder, "--device", session.device,
                          "--json").expect(0)
    figures["resumed_step"] = resumed.json()["resumed_step"]
    if not figures["resumed_step"]:
        raise Failed("it began anew instead of going on")
    audit_bit_exact(session, figures, folder, whole.segments)
    inspected = [session.run("inspect", run, "--json").expect(0).json()
                 for run in (whole.folder, folder)]
    kernels = [sorted(json.dumps(one, sort_keys=True) for one in run["selections"])
               for run in inspected]
    roots = [final_root(run) for run in inspected]
    figures.update({"final_roots": roots, "same_kernels": kernels[0] == kernels[1]})
    # Two trainings that chose other kernels end in other states.
    if kernels[0] == kernels[1] and roots[0] != roots[1]:
        raise Failed("it ends in another state than the recording that was not interrupted")


def final_root(inspected):
    return max(inspected["checkpoints"], key=lambda checkpoint: checkpoint["step"])["root"]


def cross_class(session, figures):
    """Without a calibration, an audit on another class must not decide."""
    check_other(session)
    ran = session.run("audit", session.recording("digits-mlp").folder, "--device", session.other,
                      "--sample", "1", "--no-ledger", "--json")
    ran.expect(INCONCLUSIVE)
    report = ran.json()
    figures.update({"exit_code": ran.code, "audit_s": ran.seconds, "reasons": report["reasons"]})
    if report["verdict"]["kind"] != "inconclusive":
        raise Failed(f"the verdict is {report['verdict']}")


def calibrate(session, figures):
    """Calibrates with few runs: that shows that it works, not what is honest."""
    check_other(session)
    run = session.recording("digits-mlp").folder
    calibration = session.work / "calibration.toml"
    figures["runs"] = runs = 4
    made = session.run(
        "calibrate", session.spec("digits-mlp"), "--recorded-on", session.device, "--device",
        session.other, "--runs", runs, "--out", calibration, "--json").expect(0)
    figures["calibrate_s"] = made.seconds
    ran = session.run("audit", run, "--device", session.other, "--calibration", calibration,
                      "--sample", "all", "--no-ledger", "--json").expect(0)
    figures.update({"audit_s": ran.seconds, "verdict": ran.json()["verdict"]})
    if figures["verdict"] != {"kind": "match", "grade": "tolerance"}:
        raise Failed(f"the verdict is {figures['verdict']}")


def check_other(session):
    if session.device == session.other:
        raise Skipped(f"it needs another device than {session.device}: --other")


def attacks(session, figures, name):
    if session.small:
        raise Skipped("--small")
    drill(session, figures, name, [])


def some_attacks(session, figures, name):
    """A drill that runs out of time says nothing: this leaves something."""
    drill(session, figures, name, ["--attacks", ",".join(SOME_ATTACKS)])


def drill(session, figures, name, options):
    ran = session.run("drill", session.recording(name).folder, "--quick", "--device",
                      session.device, "--json", *options)
    report = ran.json()
    figures.update({"drill_s": ran.seconds, **report["totals"]})
    figures["not_caught"] = [row for row in report["rows"] if row["caught"] == "no"]
    figures["accused_honest"] = [c for c in report["controls"] if not c["agrees"]]
    if figures["got_past"] or figures["unclear"] or figures["accused_honest"]:
        raise Failed(f"{figures['got_past']} got past, {figures['unclear']} unclear, "
                     f"{len(figures['accused_honest'])} honest ones accused")
    ran.expect(0)


def operations(session, figures):
    """An operation that is unsafe is a fact of the engine and no failure here: if
    a training used it, its audit would show it."""
    report = session.run("doctor", "--ops", "--device", session.device, "--json").json()
    tables = [t for t in report["operations"] or [] if t["device"] == session.device]
    if not any(table["operations"] for table in tables):
        problems = [table["problem"] for table in tables] or why_unusable(session)
        raise Failed(f"no operation was run: {problems}")
    rows = [row for table in tables for row in table["operations"]]
    figures["operations"] = rows
    figures["counts"] = {}
    for row in rows:
        kind = row["steadiness"]
        figures["counts"][kind] = figures["counts"].get(kind, 0) + 1


def of(function, name):
    return lambda session, figures: function(session, figures, name)


# A trial interprets kernels on a processor that other work shares: it waits longer.
SMALL_LIMITS = 5

# Name, most seconds, function; in order of importance. On an H100 a process that has to
# choose its kernels takes some 40 seconds.
PARTS = [
    ("doctor", 30, doctor),
    ("audit digits-mlp", 120, of(record_and_audit, "digits-mlp")),
    (f"audit {LARGE}", 200, large),
    ("cost of recording", 200, costs),
    ("two processes", 90, of(two_processes, "digits-mlp")),
    ("pinning digits-mlp", 120, of(pinning, "digits-mlp")),
    ("some attacks digits-mlp", 150, of(some_attacks, "digits-mlp")),
    ("audit cicero-gpt", 120, of(record_and_audit, "cicero-gpt")),
    ("audit digits-cnn", 120, of(record_and_audit, "digits-cnn")),
    ("unfused digits-mlp", 90, of(unfused, "digits-mlp")),
    ("kill and resume", 60, kill_and_resume),
    ("pinning cicero-gpt", 120, of(pinning, "cicero-gpt")),
    ("other class", 30, cross_class),
    ("attacks digits-mlp", 150, of(attacks, "digits-mlp")),
    ("operations", 150, operations),
    ("attacks digits-cnn", 150, of(attacks, "digits-cnn")),
    ("calibration", 120, calibrate),
]


def needs(chosen):
    """Says what this will take, before it takes it."""
    asked = [(name, limit_s) for name, limit_s, _ in PARTS
             if not chosen.parts or name in chosen.parts]
    large = LARGE in " ".join(name for name, _ in asked) and not chosen.small
    disk = f"{LARGE_DISK_BYTES >> 30} GiB of disk" if large else "200 MB of disk"
    memory = "40 GB of the device's memory" if large else "1 GB of the device's memory"
    return (f"{len(asked)} parts on {chosen.device}, in order of importance, within "
            f"{chosen.budget} s; needs {disk}, {memory}, no network")


def run_part(session, name, limit_s, function):
    """Runs a part and returns what to write down of it."""
    figures, session.commands = {}, []
    begun = time.monotonic()
    if session.small:
        limit_s *= SMALL_LIMITS
    session.part_deadline = begun + min(limit_s, session.left_s())
    state, message = "passed", ""
    try:
        if session.left_s() < PART_S_MIN:
            raise NotRun("no time left")
        function(session, figures)
    except Skipped as error:
        state, message = "skipped", str(error)
    except NotRun as error:
        state, message = "not run", str(error)
    except Failed as error:
        state, message = "failed", str(error)
    except (OSError, KeyError, TypeError, ValueError, IndexError) as error:
        # What reenact printed is not what this script expects.
        state, message = "failed", f"{type(error).__name__}: {error}"
    return {"part": name, "state": state, "message": message,
            "seconds": round(time.monotonic() - begun, 3), "limit_s": limit_s,
            "figures": figures, "commands": session.commands}


# What is written down.


def collect(session, parts, begun):
    seconds = sum(part["seconds"] for part in parts)
    return {"format": 1, "date": begun, "device": session.device,
            "device_name": device_name(session), "other_device": session.other,
            "small": session.small, "seconds": round(seconds, 3), "passed": passed(parts),
            "host": platform.platform(), "machine": session.machine, "parts": parts}


def passed(parts):
    return all(part["state"] in ("passed", "skipped") for part in parts)


def device_facts(session):
    for engine in session.machine.get("engines", []):
        for device in engine["devices"]:
            if device["name"] == session.device and "engine" in device:
                return device["engine"]
    return {"class": {}, "notes": {}}


def device_name(session):
    facts = device_facts(session)
    name = facts["class"].get("part") or facts["notes"].get("processor")
    return name or session.device


def table(results):
    """Returns the results as text to read."""
    machine = results["machine"]
    lines = [
        f"reenact on {results['device']} ({results['device_name']}), {results['date']}",
        f"reenact {machine.get('reenact', '?')}, binary {machine.get('binary', '?')[:16]}, "
        f"{machine.get('system', '?')}, {machine.get('threads', '?')} threads",
    ]
    if results["small"]:
        lines.append("--small: short runs, without the large GPT; this is a trial of the script")
    lines += ["", *part_lines(results["parts"])]
    lines += audit_lines(results["parts"]) + cost_lines(results["parts"])
    lines += pinning_lines(results["parts"])
    lines += other_lines(results["parts"])
    states = [part["state"] for part in results["parts"]]
    counts = ", ".join(f"{states.count(state)} {state}" for state in LETTERS if state in states)
    return "\n".join([*lines, "", f"{counts}; {results['seconds']:.0f} s", ""])


def part_lines(parts):
    lines = []
    for part in parts:
        mark, message = LETTERS[part["state"]], " ".join(part["message"].split())
        words = part["state"] + (f": {message[:160]}" if message else "")
        lines.append(f"{mark} {part['part']:<24} {part['seconds']:>7.1f} s  {words}")
    return lines


def audit_lines(parts):
    rows = [(p["part"].removeprefix("audit "), p["figures"]) for p in parts
            if p["figures"].get("record_s")]
    if not rows:
        return []
    lines = ["", "Training, recorded, and the audit of every segment", "",
             f"{'run':<12} {'steps':>6} {'record':>9} {'steps/s':>8} {'audit':>9} "
             f"{'audit/record':>13}  verdict"]
    for name, f in rows:
        audit = f"{f['audit_s']:.1f} s" if "audit_s" in f else "-"
        ratio = f"{f['audit_per_record']:.2f}" if "audit_per_record" in f else "-"
        lines.append(f"{name:<12} {f['steps']:>6} {f['record_s']:>7.1f} s "
                     f"{f['steps_per_s']:>8.1f} {audit:>9} {ratio:>13}  {f.get('verdict', '-')}")
    return lines + [
        "", "  Times are of the whole command, with its start, the choice of kernels, and for",
        "  `record` the evaluation. steps/s is with the fingerprints of every step: the command",
        "  trains in no other way, so this is what a recorded run costs, not what recording",
        "  adds. Segments are audited in several processes at a time."]


def cost_lines(parts):
    rows = next((p["figures"] for p in parts if p["part"] == "cost of recording"), {})
    if not rows:
        return []
    lines = ["", "What recording adds", "",
             f"{'run':<12} {'a step':>10} {'fingerprints':>13} {'in the rounds':>17} "
             f"{'checkpoint':>12} {'checkpoints':>12}"]
    for name, cost in rows.items():
        least, most = (f"{100 * share:.1f}" for share in cost["fingerprints_share_range"])
        lines.append(
            f"{name:<12} {cost['step_ms']:>7.2f} ms {100 * cost['fingerprints_share']:>11.2f} % "
            f"{least:>7} to {most:>4} % {cost['checkpoint_ms']:>9.1f} ms "
            f"{100 * cost['checkpoints_share']:>10.1f} %")
    return lines + [
        "", "  A step without recording; what digests and fingerprints add to it, the median",
        f"  of {cost['rounds']} rounds; a checkpoint taken and digested, and what those of the spec",
        "  add to a training. Writing them goes on beside it."]


def pinning_lines(parts):
    rows = [(p["part"].removeprefix("pinning "), p["figures"]) for p in parts
            if "pinned" in p["figures"]]
    if not rows:
        return []
    lines = ["", "One segment, replayed with the recorded kernels and with free ones", ""]
    for name, f in rows:
        lines.append(f"{name}, segment {f['segment']}; {f['recorded_kernels']} kernels recorded")
        lines += replay_lines("pinned", f["pinned"])
        for one in f.get("free", []):
            lines += replay_lines("free", one)
        if "free_s_per_pinned_s" in f:
            steady = f.get("pinned_step_per_free_step")
            steady = f"; a step pinned / free {steady:.2f}" if steady else ""
            lines.append(f"  the process free / pinned {f['free_s_per_pinned_s']:.2f}{steady}")
    return lines + [
        "", "  A whole process pays for its start and, where kernels are tuned, for tuning them;",
        "  the step is the median time from one to the next. A device that tunes nothing (cpu)",
        "  has no kernels to pin: both are then the same."]


def replay_lines(kind, one):
    step = f"{one['step_ms']:.3g} ms a step" if one["step_ms"] else "-"
    other = one["unrecorded"]["count"]
    other = f"; {other} other kernels than recorded" if other else ""
    words = f"diverges at step {one['step']} ({one['stage']})" if one["diverged"] else "agrees"
    lines = [f"  {kind:<7} {one['seconds']:>7.2f} s  {step:>18}  {words}{other}"]
    if one["diverged"]:
        ulps = one["closing_ulp_max"]
        ulps = f", at most {ulps} ulp apart" if ulps is not None else ""
        lines.append(f"          at the end {one['closing_elements']} of "
                     f"{one['closing_elements_of']} elements differ, in "
                     f"{one['closing_tensors']} tensors{ulps}")
    return lines


def other_lines(parts):
    figures = {part["part"]: part["figures"] for part in parts}
    lines = []
    if "resumed_step" in figures.get("kill and resume", {}):
        lines.append(f"killed and resumed at step {figures['kill and resume']['resumed_step']}")
    for part, drilled in figures.items():
        if "caught" in drilled:
            lines.append(f"{part}: {drilled['caught']} caught, {drilled['reported']} "
                         f"reported, {drilled['got_past']} got past, {drilled['unclear']} unclear")
    counts = figures.get("operations", {}).get("counts")
    if counts:
        words = ", ".join(f"{n} {kind}" for kind, n in counts.items())
        lines.append(f"operations: {words}")
        rows = figures["operations"]["operations"]
        lines += [f"  unsafe: {row['name']}" for row in rows if row["steadiness"] == "unsafe"]
    calibrated = figures.get("calibration", {})
    if "verdict" in calibrated:
        lines.append(f"calibrated with {calibrated['runs']} runs: {calibrated['verdict']}")
    return ["", *lines] if lines else []


def write(out, results):
    out.mkdir(parents=True, exist_ok=True)
    (out / "results.json").write_text(json.dumps(results, indent=1) + "\n")
    (out / "results.txt").write_text(table(results))


def keep_ptx(folder, out):
    """Packs every kernel that was given to the driver: what was run can be read later."""
    if not folder.is_dir():
        return
    with tarfile.open(out / "ptx.tar.xz", "w:xz") as packed:
        for path in sorted(folder.iterdir()):
            packed.add(path, f"ptx/{path.name}", filter=undated)


def undated(member):
    member.mtime, member.uid, member.gid, member.uname, member.gname = 0, 0, 0, "", ""
    return member


def default_out(name):
    safe = re.sub(r"[^a-z0-9.]+", "-", name.lower()).strip("-.")
    return ROOT / "benches" / "results" / (safe or "device")


# The command.


def arguments():
    names = ", ".join(name for name, _, _ in PARTS)
    parser = Parser(prog="cuda-acceptance", description=__doc__.splitlines()[0],
                    epilog=f"Parts: {names}. Exit codes: 0 if every part passed and none was "
                           "left out, 1 if not, 64 for wrong usage.")
    parser.add_argument("binary", help="reenact, as scripts/cuda-build packed it, or bare")
    parser.add_argument("out", nargs="?", help="folder for results.json and results.txt "
                        "[default: benches/results/DEVICE NAME]")
    parser.add_argument("--out", dest="out_option", metavar="OUT", help="the same")
    parser.add_argument("--device", default="cuda:0", help="device to try [default: cuda:0]")
    parser.add_argument("--other", default="cpu", help="device of another class [default: cpu]")
    parser.add_argument("--small", action="store_true",
                        help="short runs, without the large GPT: to try this script anywhere")
    parser.add_argument("--budget", type=seconds, default=570, metavar="SECONDS",
                        help="time for everything [default: 570]")
    parser.add_argument("--parts", metavar="LIST", help="only these, as in `doctor,pinning`; "
                        "the others count as left out")
    parser.add_argument("--work", help="folder for the recordings, which are then kept "
                        "[default: a temporary one]")
    chosen = parser.parse_args()
    if chosen.out and chosen.out_option:
        parser.error("give OUT once")
    chosen.parts = chosen.parts and [part.strip() for part in chosen.parts.split(",")]
    for part in chosen.parts or []:
        if part not in [name for name, _, _ in PARTS]:
            parser.error(f"there is no part `{part}`; there are {names}")
    return chosen


class Parser(argparse.ArgumentParser):
    """Ends with the code that reenact has for wrong usage."""

    def error(self, message):
        self.print_usage(sys.stderr)
        self.exit(USAGE, f"{self.prog}: {message}\n")


def seconds(text):
    value = int(text)
    if value <= RESERVE_S:
        raise ValueError
    return value


def unpack(binary, work):
    """Returns a binary that can be run: unpacked, and executable. What is packed with
    it lies beside it."""
    if not binary.is_file():
        raise Failed(f"{binary}: there is no such file; scripts/cuda-build makes it")
    ready = work / "reenact"
    try:
        if binary.name.endswith(".tar.xz"):
            with tarfile.open(binary, "r:xz") as packed:
                for part in packed:
                    # Only files, and only those that are packed.
                    if part.isfile() and part.name in PACKED:
                        target = work / part.name
                        target.parent.mkdir(parents=True, exist_ok=True)
                        with packed.extractfile(part) as source, target.open("wb") as plain:
                            shutil.copyfileobj(source, plain, 1 << 20)
        elif binary.suffix == ".xz":
            with lzma.open(binary) as packed, ready.open("wb") as plain:
                shutil.copyfileobj(packed, plain, 1 << 20)
        else:
            # A copy: a build that goes on beside this does not change it.
            shutil.copyfile(binary, ready)
        ready.chmod(0o755)
        subprocess.run([ready, "--version"], check=True, capture_output=True, timeout=60)
    except (OSError, EOFError, lzma.LZMAError, tarfile.TarError,
            subprocess.SubprocessError) as error:
        raise Failed(f"{binary} cannot be used: {error}") from None
    return ready


def accept(chosen, work):
    deadline = time.monotonic() + chosen.budget
    begun = datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
    binary = unpack(Path(chosen.binary), work)
    print(needs(chosen), file=sys.stderr, flush=True)
    session = Session(binary, chosen.device, chosen.other, chosen.small, work, deadline)
    parts = []
    for name, limit_s, function in PARTS:
        if chosen.parts and name not in chosen.parts:
            function = not_asked_for
        part = run_part(session, name, limit_s, function)
        parts.append(part)
        print(part_lines([part])[0], file=sys.stderr, flush=True)
        # Known once the doctor was asked.
        out = chosen.out or chosen.out_option or default_out(device_name(session))
        results = collect(session, parts, begun)
        write(Path(out), results)
    keep_ptx(session.work / "ptx", Path(out))
    print(table(results), end="")
    print(f"written to {out}", file=sys.stderr)
    return 0 if results["passed"] else 1


def not_asked_for(_session, _figures):
    raise NotRun("not asked for")


def main():
    chosen = arguments()
    # Ends as at ctrl-C: what was started is killed, the recordings are removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        if chosen.work:
            work = Path(chosen.work).resolve()
            work.mkdir(parents=True)
            return accept(chosen, work)
        with tempfile.TemporaryDirectory(prefix="reenact-acceptance-") as work:
            return accept(chosen, Path(work))
    except (Failed, OSError) as error:
        print(f"cuda-acceptance: {error}", file=sys.stderr)
        return USAGE


if __name__ == "__main__":
    sys.exit(main())
