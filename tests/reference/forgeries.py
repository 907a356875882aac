"""Recordings whose hashes all agree, but that are unusual or wrong.

Each is made of the toy recording: frames are changed, and the journal is
chained and committed to anew.
"""

import struct

import reenact_reference as reference
from reenact_reference import KINDS, H, prefixed, text, u32, u64

STARTED, LAYOUTS, STEP, CHECKPOINT, RESUMED, _INTERRUPTED, FINISHED, SELECTIONS = range(8)
VALIDATED = 10


def split(journal):
    """Returns [kind, payload] of each frame."""
    frames, at = [], 20
    while at < len(journal):
        length, kind = struct.unpack_from("<IH", journal, at)
        frames.append([kind, journal[at + 14 : at + 14 + length]])
        at += 14 + length + 32
    return frames


def chained(frames):
    file, chain = reference.JOURNAL_HEADER, H("reenact v1 journal header", reference.JOURNAL_HEADER)
    for sequence, (kind, payload) in enumerate(frames):
        frame = struct.pack("<IHQ", len(payload), kind, sequence) + payload
        chain = H(f"reenact v1 journal {KINDS[kind][0]}", chain + frame)
        file += frame + chain
    return file, chain


def encode_map(entries):
    pairs = (text(key) + text(value) for key, value in sorted(entries.items()))
    return u64(len(entries)) + b"".join(pairs)


def with_class(payload, facts):
    """Replaces the class of the environment of a frame of kind 0."""
    fields = reference.Payload(payload[32:])
    fields.map()
    return payload[:32] + encode_map(facts) + payload[32 + fields.at :]


def selection(table=b"sum", key=b"k", choice=0, candidates=2, kernel=b"fast"):
    numbers = u32(choice) + u32(candidates)
    return prefixed(table) + prefixed(key) + numbers + prefixed(kernel)


def numbered(count):
    return [selection(key=number.to_bytes(4, "big")) for number in range(count)]


def large_selections(kernel):
    """Four lists whose tables and keys have 2^24 bytes, and one kernel."""
    keys = [number.to_bytes(4, "big") + bytes(4091) for number in range(4095)]
    entries = [selection(b"a", key, kernel=b"") for key in keys]
    entries.append(selection(b"b", bytes(4095), kernel=kernel))
    return [entries[start : start + 1024] for start in range(0, 4096, 1024)]


class Forger:
    """Holds the parts of an honest recording, and stores others in its place."""

    def __init__(self, run):
        self.run = run
        self.spec = (run / "spec.toml").read_text()
        self.journal = (run / "journal").read_bytes()
        self.commitment = (run / "commitment").read_bytes()
        self.frames = split(self.journal)
        environment = reference.Payload(self.frames[0][1][32:]).environment()
        self.facts = environment["class"]

    def restore(self):
        (self.run / "spec.toml").write_text(self.spec)
        (self.run / "journal").write_bytes(self.journal)
        (self.run / "commitment").write_bytes(self.commitment)

    def store(self, frames, spec=None):
        """Stores frames, and the commitment to them."""
        file, head = chained(frames)
        (self.run / "journal").write_bytes(file)
        if spec is not None:
            (self.run / "spec.toml").write_text(spec)
        commitment = reference.encode_commitment(
            frames[0][1][:32], len(frames), head, self.checkpoints()
        )
        (self.run / "commitment").write_bytes(commitment)

    def checkpoints(self):
        found = (payload for kind, payload in self.frames if kind == CHECKPOINT)
        return {reference.first64(payload): payload[8:] for payload in found}

    def respecified(self, old, new):
        """Stores another spec, as if the run had begun with it."""
        assert old in self.spec, old
        spec = self.spec.replace(old, new, 1)
        digest = H("reenact v1 spec", prefixed(spec.encode()))
        (_, started), *others = self.frames
        self.store([[STARTED, digest + started[32:]], *others], spec)

    def reformatted(self, number, spec):
        """Stores another spec, of format 2 if that is said."""
        spec = spec.replace("format = 1", number or "format = 1", 1)
        self.respecified(self.spec, spec)

    def trained_on(self, facts):
        (_, started), *others = self.frames
        self.store([[STARTED, with_class(started, facts)], *others])

    def resumed(self, count, facts, before=()):
        """Goes on `count` times from checkpoint 0, once `before` is recorded."""
        environment = with_class(self.frames[0][1], facts)[32:]
        again = [[RESUMED, u64(0) + environment]] * count
        self.store([*self.frames[:2], *before, *again, *self.frames[2:]])

    def resumed_inside(self, facts, back=0):
        """Goes on inside of the first segment, from `back` steps before the fourth."""
        environment = with_class(self.frames[0][1], facts)[32:]
        steps = [at for at, (kind, _) in enumerate(self.frames) if kind == STEP][:3]
        at = steps[-1] + 1
        again = [self.frames[place] for place in steps[3 - back :]]
        resumed = [RESUMED, u64(3 - back) + environment]
        self.store([*self.frames[:at], resumed, *again, *self.frames[at:]])

    def contradicted(self, facts):
        """Records another loss in step 0 first."""
        layouts, (kind, trace) = self.frames[2:4]
        assert (layouts[0], kind) == (LAYOUTS, STEP)
        other = trace[:80] + u32(struct.unpack_from("<I", trace, 80)[0] ^ 1) + trace[84:]
        self.resumed(1, facts, [layouts, [STEP, other]])

    def measured(self, *figures, option=b"\0"):
        """Gives the first step figures."""
        at = next(at for at, (kind, _) in enumerate(self.frames) if kind == STEP)
        encoded = b"".join(text(name) + u64(bits) for name, bits in figures)
        payload = self.frames[at][1] + option + u64(len(figures)) + encoded
        self.store([*self.frames[:at], [VALIDATED, payload], *self.frames[at + 1 :]])

    def with_layout(self, name):
        tensor = u64(1) + text(name) + u32(0) + u64(0)
        self.store([*self.frames[:2], [LAYOUTS, tensor + u64(0)], *self.frames[2:]])

    def selecting(self, *lists, before=9):
        """Puts kernel selections, a frame a list, in front of a frame."""
        frames = [[SELECTIONS, u64(len(entries)) + b"".join(entries)] for entries in lists]
        self.store([*self.frames[:before], *frames, *self.frames[before:]])

    def cut(self, kept, tail=b"", committed=False):
        """Keeps some frames of the honest journal, then stores `tail`."""
        (self.run / "journal").write_bytes(chained(self.frames[:kept])[0] + tail)
        if not committed:
            (self.run / "commitment").unlink()


def second(run):
    """Forges a recording of SECOND: what format 2 derives is found as well."""
    forger = Forger(run)
    for name, expected, *arguments in [
        ("nothing", 0, "", ""),
        ("a phase that never comes", 0, "size = 5\n", "size = 5\n\n[[batch.phases]]\nstep_start = 60\nsize = 4\n"),
        ("a batch of another size", 1, "size = 5\n", "size = 6\n"),
        ("a phase a step later", 1, "step_start = 20", "step_start = 21"),
        ("the last samples dropped", 1, 'last = "wrapped"', 'last = "dropped"'),
        ("the last samples kept", 1, 'last = "wrapped"', 'last = "kept"'),
        ("another rate in the second phase", 1, "to = 0.001", "to = 0.0011"),
        ("a phase of the rate less", 1, '[[learning_rate.phases]]\nshape = "linear"\nsteps = 5\nfrom = 0.0\nto = 0.05\n', ""),
        ("another factor", 1, "factor = 0.9", "factor = 0.91"),
        ("a factor above 1", 2, "factor = 0.9", "factor = 1.5"),
        ("phases out of order", 2, "step_start = 20", "step_start = 0"),
        ("more samples than there are", 2, "size = 5\n", "size = 65\n"),
    ]:
        forger.respecified(*arguments)
        yield f"format 2, {name}", expected, forger.restore


def second_spec(first):
    """Makes a spec of format 2 of the toy's."""
    rates = first[first.index("[learning_rate]") : first.index("[sampling]")]
    phases = """[learning_rate]
kind = "phases"

[[learning_rate.phases]]
shape = "linear"
steps = 5
from = 0.0
to = 0.05

[[learning_rate.phases]]
shape = "cosine"
steps = 30
from = 0.05
to = 0.001

[[learning_rate.phases]]
shape = "exponential"
steps = 15
from = 0.01
factor = 0.9
every = 3

"""
    batch = """size = 8
last = "wrapped"
phases = [{ step_start = 20, size = 5 }]
"""
    for old, new in [("format = 1", "format = 2"), ("size = 8\n", batch), (rates, phases)]:
        assert old in first, old
        first = first.replace(old, new, 1)
    return first


def each(run):
    """Stores one forgery after another; yields its name, the exit code that is
    right for it, and what restores the recording."""
    forger = Forger(run)
    facts, every = forger.facts, len(forger.frames)
    other_engine = facts | {"engine": "another"}
    other_device = facts | {"device": "cuda"}
    no_device = {key: value for key, value in facts.items() if key != "device"}
    samples = "samples = 64\n"
    sampling, all_of_them = 'kind = "count"\nsegments = 3\n', 'kind = "all"\n'
    program = 'name = "toy-plane"\n\n[data]'
    parameter = 'name = "toy-plane"\nhyperparameters.a = {}\n\n[data]'
    second, phase = "format = 2", "phases = [{{ step_start = {}, size = {} }}]"
    constant = 'kind = "phases"\nphases = [{ shape = "constant", steps = 1, value = 0.05 }]'
    lion = 'lion"\nnested = { a = [1, { b = true }] }\nname = "a'
    group = '[[groups]]\nmatch = "{}"\nclipping = {{ kind = "tensor-norm", limit = 1 }}\n[sampling]'

    def before(number, old, new):
        """Makes a spec of this format, and another one there."""
        head, tail = forger.spec.split(old, 1)
        return forger.reformatted, number, head + new + tail

    def batch(number, new):
        return before(number, "size = 8\n", f"size = 8\n{new}\n")

    def rate(number, new):
        start = forger.spec.index('kind = "warmup')
        return before(number, forger.spec[start : forger.spec.index("[sampling]")], new + "\n")

    def nested(lists):
        value = "[" * lists + "]" * lists
        return f"[program.hyperparameters]\na = {value}\n[sampling]"

    for name, expected, make, *arguments in [
        ("nothing", 0, forger.store, forger.frames),
        ("a comment", 0, forger.respecified, "format", "# harmless\nformat"),
        ("another spelling", 0, forger.respecified, samples, "samples=0x40\n"),
        ("a text in single quotes", 0, forger.respecified, program, parameter.format("'b'")),
        ("an integer for a real", 0, forger.respecified, "weight_decay = 0.0", "weight_decay = 0"),
        ("more samples", 1, forger.respecified, samples, "samples = 65\n"),
        ("fewer samples than a step", 2, forger.respecified, samples, "samples = 7\n"),
        ("too many samples", 2, forger.respecified, samples, "samples = 4294967296\n"),
        ("no samples", 2, forger.respecified, samples, ""),
        ("all segments", 0, forger.respecified, sampling, all_of_them),
        ("all segments, and a key", 2, forger.respecified, sampling, all_of_them + "a = 1\n"),
        ("a text that is no name", 2, forger.respecified, program, parameter.format('"b c"')),
        ("format 2", 0, forger.respecified, "format = 1", "format = 2"),
        ("format 3", 2, forger.respecified, "format = 1", "format = 3"),
        ("a default of format 2 in format 1", 2, *batch("", 'last = "dropped"')),
        ("the rest kept, where there is none", 0, *batch(second, 'last = "kept"')),
        ("a phase of the same size", 0, *batch(second, phase.format(5, 8))),
        ("a phase of another size", 1, *batch(second, phase.format(5, 4))),
        ("a phase from step 0 on", 2, *batch(second, phase.format(0, 8))),
        ("rates by the program", 0, *rate(second, 'kind = "program"')),
        ("rates by the program in format 1", 2, *rate("", 'kind = "program"')),
        ("rates in phases", 1, *rate(second, constant)),
        ("rates in no phases", 2, *rate(second, 'kind = "phases"\nphases = []')),
        ("an optimizer of the engine", 0, *before(second, "sgd", lion)),
        ("one with a date", 2, *before(second, "sgd", lion.replace("true", "1979-05-27"))),
        ("groups", 0, *before(second, "[sampling]", group.format("encoder.**.w*"))),
        ("a pattern with a space", 2, *before(second, "[sampling]", group.format("a b"))),
        ("a pattern that ends in **", 2, *before(second, "[sampling]", group.format("a**"))),
        ("a list in 8", 0, *before(second, "[sampling]", nested(9))),
        ("a list in 9", 2, *before(second, "[sampling]", nested(10))),
        ("a list in 500", 2, *before(second, "[sampling]", nested(500))),
        ("data in no file", 2, *before(second, "samples = 64", 'files = ["a"]\nsamples = 64')),
        ("another declared device", 1, forger.respecified, '"cpu"', '"cuda"'),
        ("another device", 1, forger.trained_on, other_device),
        ("no device", 1, forger.trained_on, no_device),
        ("another engine", 0, forger.trained_on, other_engine),
        ("a resumption on another device", 1, forger.resumed, 1, other_device),
        ("a resumption inside of a segment", 0, forger.resumed_inside, facts),
        ("one that takes steps back", 0, forger.resumed_inside, facts, 2),
        ("one from a step that was not reached", 1, forger.resumed_inside, facts, -1),
        ("one on another class of machine", 1, forger.resumed_inside, other_engine),
        ("4095 resumptions", 0, forger.resumed, 4095, facts),
        ("4096 resumptions", 1, forger.resumed, 4096, facts),
        ("a contradiction", 1, forger.contradicted, facts),
        ("a contradiction of two classes", 0, forger.contradicted, other_engine),
        ("a tensor too many", 0, forger.with_layout, "metadata"),
        ("a tensor of a forbidden name", 1, forger.with_layout, "__metadata__"),
        ("a selection", 0, forger.selecting, [selection()]),
        ("two of different keys", 0, forger.selecting, [selection(), selection(key=b"l")]),
        ("a key before its beginning", 1, forger.selecting, [selection(key=b"kk"), selection()]),
        ("tables out of order", 1, forger.selecting, [selection(table=b"t"), selection()]),
        ("a key twice", 1, forger.selecting, [selection(), selection(choice=1)]),
        ("a key twice, in two frames", 1, forger.selecting, [selection()], [selection()]),
        ("no selection", 1, forger.selecting, []),
        ("no candidates", 1, forger.selecting, [selection(candidates=0)]),
        ("a choice beyond", 1, forger.selecting, [selection(choice=2)]),
        ("10,000 candidates", 0, forger.selecting, [selection(candidates=10_000)]),
        ("10,001 candidates", 1, forger.selecting, [selection(candidates=10_001)]),
        ("an empty key and kernel", 0, forger.selecting, [selection(key=b"", kernel=b"")]),
        ("an empty table", 1, forger.selecting, [selection(table=b"")]),
        ("the longest table", 0, forger.selecting, [selection(table=512 * b"~")]),
        ("a table too long", 1, forger.selecting, [selection(table=513 * b"t")]),
        ("a table that is not printable", 1, forger.selecting, [selection(table=b"\x7f")]),
        ("a table that is not ASCII", 1, forger.selecting, [selection(table="ä".encode())]),
        ("a table that is not UTF-8", 1, forger.selecting, [selection(table=b"\xff")]),
        ("the longest key", 0, forger.selecting, [selection(key=bytes(4096))]),
        ("a key too long", 1, forger.selecting, [selection(key=bytes(4097))]),
        ("a kernel too long", 1, forger.selecting, [selection(kernel=513 * b"k")]),
        ("a kernel of two lines", 1, forger.selecting, [selection(kernel=b"a\nb")]),
        ("65,536 selections", 0, forger.selecting, numbered(65_536)),
        ("65,537 selections", 1, forger.selecting, numbered(65_537)),
        ("65,537 selections in two frames", 1, forger.selecting, numbered(65_536), [selection()]),
        ("selections of 2^24 bytes", 0, forger.selecting, *large_selections(b"")),
        ("selections of 2^24 bytes and one", 1, forger.selecting, *large_selections(b"k")),
        ("figures that are not due", 1, forger.measured, ("loss", 0)),
        ("figures out of order", 1, forger.measured, ("b", 0), ("a", 0)),
        ("no figures", 1, forger.measured),
        ("a figure of no name", 1, forger.measured, ("a b", 0)),
        ("65 figures", 1, forger.measured, *((f"f{number:02}", 0) for number in range(65))),
        ("no commitment", 2, forger.cut, every),
        ("a cut journal", 1, forger.cut, every - 1, b"", True),
        ("zeros, committed", 1, forger.cut, every, bytes(99), True),
        ("zeros", 2, forger.cut, every - 3, bytes(99)),
        ("many zeros after the header", 2, forger.cut, 0, bytes(9999)),
        ("zeros after the header, committed", 1, forger.cut, 0, bytes(99), True),
        ("zeros that end otherwise", 1, forger.cut, every - 3, bytes(99) + b"\1"),
    ]:
        make(*arguments)
        yield name, expected, forger.restore
