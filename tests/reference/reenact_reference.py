"""Slow, readable reference auditor of reenact recordings.

It was written from replay-specs/README.md alone and shares no code with
reenact. It replays nothing: it checks what can be checked from the files, and
draws challenges. Section numbers below are those of that page.
"""

import argparse
import json
import math
import os
import re
import stat
import struct
import sys
import tomllib

import blake3
import numpy
import safetensors

U64 = 2**64

DTYPES = ["BOOL", "U8", "I8", "I16", "U16", "F16", "BF16", "I32", "U32", "F32", "F64", "I64", "U64"]
ELEMENT_BYTES = dict(zip(DTYPES, [1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 8, 8, 8]))


class Disagreement(Exception):
    """The recording contradicts itself or the format."""


class Inconclusive(Exception):
    """It cannot be told whether the recording is right."""


def demand(condition, problem):
    if not condition:
        raise Disagreement(problem)


# Section 3: notation


def u32(value):
    return struct.pack("<I", value)


def u64(value):
    return struct.pack("<Q", value)


def prefixed(data):
    return u64(len(data)) + data


def text(string):
    return prefixed(string.encode())


def H(context, message):
    return blake3.blake3(message, derive_key_context=context).digest()


def first64(digest):
    return struct.unpack("<Q", digest[:8])[0]


class ChaCha20:
    """The key stream, word by word."""

    def __init__(self, key):
        self.key = struct.unpack("<8I", key)
        self.counter = 0
        self.words = []

    def next_u32(self):
        if not self.words:
            self.words = self.block()[::-1]
        return self.words.pop()

    def next_u64(self):
        low = self.next_u32()
        return low | self.next_u32() << 32

    def block(self):
        constants = struct.unpack("<4I", b"expand 32-byte k")
        counter = [self.counter & 0xFFFFFFFF, self.counter >> 32]
        start = [*constants, *self.key, *counter, 0, 0]
        self.counter += 1
        x = list(start)
        for _ in range(10):
            for column in range(4):
                quarter_round(x, column, column + 4, column + 8, column + 12)
            quarter_round(x, 0, 5, 10, 15)
            quarter_round(x, 1, 6, 11, 12)
            quarter_round(x, 2, 7, 8, 13)
            quarter_round(x, 3, 4, 9, 14)
        return [(a + b) & 0xFFFFFFFF for a, b in zip(x, start)]


def quarter_round(x, a, b, c, d):
    for i, j, k, turn in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
        x[i] = (x[i] + x[j]) & 0xFFFFFFFF
        word = x[k] ^ x[i]
        x[k] = (word << turn | word >> (32 - turn)) & 0xFFFFFFFF


# Section 5: spec


def real_at_least_0(x):
    return x >= 0


def real_above_0(x):
    return x > 0


def share(x):
    return 0 <= x < 1


class Table:
    """Takes keys out of a TOML table. What is left over is unknown."""

    def __init__(self, table, path):
        demand(isinstance(table, dict), f"`{path}` is no table")
        self.left, self.path = dict(table), path

    def take(self, key, good, wanted):
        demand(key in self.left, f"`{key}` is missing in [{self.path}]")
        value = self.left.pop(key)
        demand(good(value), f"`{key}` = {value!r} in [{self.path}]: {wanted} is expected")
        return value

    def integer(self, key, low, high):
        wanted = f"an integer from {low} to {high}"
        return self.take(key, lambda x: type(x) is int and low <= x <= high, wanted)

    def real(self, key, in_range):
        return float(self.take(key, lambda x: is_real(x) and in_range(float(x)), "another real"))

    def flag(self, key):
        return self.take(key, lambda x: type(x) is bool, "true or false")

    def choice(self, key, *values):
        return self.take(key, lambda x: type(x) is str and x in values, " or ".join(values))

    def name(self, key):
        return self.take(key, is_name, "a name")

    def digest(self, key):
        return self.take(key, is_digest, "a digest")

    def hyperparameter(self, key, good):
        demand(is_name(key), f"`{key}` in [{self.path}] is no name")
        return self.take(key, good, "a flag, an integer, a real, a name, or several of them")

    def hyperparameters(self, good):
        for key in list(self.left):
            self.hyperparameter(key, good)

    def tables(self, key, most, least=0):
        """Takes a list of tables."""
        good = lambda x: type(x) is list and least <= len(x) <= most
        found = self.take(key, good, f"a list of {least} to {most}")
        return [Table(table, f"{self.path}.{key}.{at}") for at, table in enumerate(found)]

    def has(self, key):
        return key in self.left

    def table(self, key):
        path = f"{self.path}.{key}" if self.path else key
        return Table(self.take(key, lambda x: isinstance(x, dict), "a table"), path)

    def done(self):
        demand(not self.left, f"unknown keys in [{self.path}]: {', '.join(self.left)}")


NAME = re.compile("[a-zA-Z0-9_.-]{1,64}")
DIGEST = re.compile("[0-9a-f]{64}")


def is_name(value):
    return type(value) is str and NAME.fullmatch(value) is not None


def is_digest(value):
    return type(value) is str and DIGEST.fullmatch(value) is not None


def is_i64(value):
    return type(value) is int and -(2**63) <= value < 2**63


def is_real(value):
    return is_i64(value) or type(value) is float and math.isfinite(value)


def is_hyperparameter(value):
    return type(value) is bool or is_real(value) or is_name(value)


def is_nested(value, depth=0):
    """A hyperparameter of format 2: also a list or a table of such, up to 8 around one."""
    if depth > 8:
        return False
    if type(value) is list:
        return all(is_nested(item, depth + 1) for item in value)
    if type(value) is dict:
        return all(is_name(key) and is_nested(value[key], depth + 1) for key in value)
    return is_hyperparameter(value)


def is_file_name(value):
    return is_name(value) and not value.startswith(".")


PIECE = re.compile(r"\*\*|(?:\*?[a-zA-Z0-9_-])*\*?")


def is_pattern(value):
    if type(value) is not str or not 1 <= len(value) <= 256:
        return False
    return all(piece and PIECE.fullmatch(piece) for piece in value.split("."))


class Spec:
    def __init__(self, stored):
        demand(len(stored) <= 65536, "more than 65,536 bytes")
        try:
            table = tomllib.loads(stored.decode())
        except (UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
            raise Disagreement(f"no TOML: {error}") from None
        self.read(Table(table, ""))

    def read(self, top):
        self.format = top.integer("format", 1, 2)
        self.name = top.name("name")
        self.root_seed = top.integer("root_seed", 0, 2**63 - 1)
        self.steps = top.integer("steps", 1, 2**32)
        fewest = -(-self.steps // 100_000)
        self.checkpoint_every = top.integer("checkpoint_every", fewest, self.steps)
        self.device = top.choice("device", "cpu", "cuda", "cubecl-cpu")
        top.choice("comparison", "bit-exact")
        self.files = self.read_files(top.table("files")) if top.has("files") else []
        self.read_program(top.table("program"))
        self.samples = self.read_data(top.table("data"))
        self.batch = Batch(top.table("batch"), self.format, self.samples)
        self.read_optimizer(top.table("optimizer"))
        if top.has("clipping"):
            self.read_clipping(top.table("clipping"))
        self.read_learning_rate(top.table("learning_rate"))
        self.read_sampling(top.table("sampling"))
        self.validated, self.walk = None, None
        if self.format > 1:
            self.read_second(top)
        top.done()

    def read_second(self, top):
        """What only format 2 has."""
        if top.has("start"):
            table = top.table("start")
            table.take("recording", is_file_name, "a name")
            table.digest("commitment")
            table.done()
        if top.has("groups"):
            for group in top.tables("groups", 256):
                self.read_group(group)
        if top.has("average"):
            table = top.table("average")
            table.real("decay", share)
            if table.has("step_start"):
                table.integer("step_start", 0, 2**32)
            table.done()
        if top.has("validation"):
            table = top.table("validation")
            every = lambda x: x == "epoch" or type(x) is int and 1 <= x <= 2**32
            self.validated = table.take("every", every, "a number of steps or `epoch`")
            table.integer("batch_size", 1, 2**20)
            self.read_data(table.table("data"))
            table.done()

    def read_group(self, table):
        table.take("match", is_pattern, "a pattern")
        for key in ("learning_rate_factor", "weight_decay"):
            if table.has(key):
                table.real(key, real_at_least_0)
        if table.has("frozen_until"):
            table.integer("frozen_until", 0, 2**32)
        if table.has("clipping"):
            self.read_clipping(table.table("clipping"))
        if table.has("optimizer"):
            self.read_optimizer(table.table("optimizer"))
        table.done()

    def validates_after(self, step):
        """Says whether the model is measured after a step; in format 1 it never is."""
        if self.validated is None:
            return False
        if step == self.steps - 1:
            return True
        if self.validated != "epoch":
            return (step + 1) % self.validated == 0
        return self.epoch_of(step + 1) != self.epoch_of(step)

    def epoch_of(self, step):
        """Returns the epoch in which a step begins."""
        if self.walk is None:
            self.walk = (DataOrder(self.root_seed, self.samples, self.batch), [])
        order, epochs = self.walk
        while len(epochs) <= step:
            epochs.append(order.take()[0][0])
        return epochs[step]

    def read_program(self, table):
        table.name("name")
        if self.format > 1 and table.has("precision"):
            table.choice("precision", "f32", "bf16", "f16")
        if table.has("hyperparameters"):
            good = is_hyperparameter if self.format == 1 else is_nested
            table.table("hyperparameters").hyperparameters(good)
        table.done()

    def read_data(self, table):
        table.name("name")
        samples = table.integer("samples", 1, 2**32 - 1)
        files = []
        if self.format > 1 and table.has("files"):
            good = lambda x: type(x) is list and all(name in self.files for name in x)
            files = table.take("files", good, "a list of declared files")
            demand(len(set(files)) == len(files), f"a file twice in [{table.path}]")
        if not files or table.has("digest"):
            table.digest("digest")
        table.done()
        return samples

    def read_files(self, table):
        names = list(table.left)
        for key in names:
            demand(is_file_name(key), f"[files]: `{key}` is no name of a file")
            table.digest(key)
        table.done()
        return names

    def read_optimizer(self, table):
        kind = table.name("kind")
        if kind in ("adamw", "sgd"):
            if kind == "adamw":
                table.real("beta_1", share)
                table.real("beta_2", share)
                table.real("epsilon", real_above_0)
            else:
                table.real("momentum", share)
                table.flag("nesterov")
            table.real("weight_decay", real_at_least_0)
        else:
            demand(self.format > 1, f"`{kind}` in [{table.path}]: adamw or sgd is expected")
            table.hyperparameters(is_nested)
        table.done()

    def read_clipping(self, table):
        kinds = ["global-norm", "value"] + ["tensor-norm"] * (self.format > 1)
        table.choice("kind", *kinds)
        table.real("limit", real_above_0)
        table.done()

    def read_learning_rate(self, table):
        """`learning_rate` gives the rate of a step; none where only the program knows it."""
        kinds = ["constant", "warmup-cosine"] + ["phases", "program"] * (self.format > 1)
        kind = table.choice("kind", *kinds)
        if kind == "constant":
            value = table.real("value", real_at_least_0)
            self.learning_rate = lambda step: value
        elif kind == "warmup-cosine":
            peak = table.real("peak", real_above_0)
            floor = table.real("floor", lambda x: 0 <= x <= peak)
            warmup = table.integer("warmup_steps", 0, self.steps)
            self.learning_rate = lambda step: warmup_cosine(peak, floor, warmup, self.steps, step)
        elif kind == "phases":
            phases = [read_phase(phase) for phase in table.tables("phases", 1024, 1)]
            self.learning_rate = lambda step: in_phases(phases, step)
        else:
            self.learning_rate = lambda step: None
        table.done()

    def read_sampling(self, table):
        kind = table.choice("kind", "all", "count", "confidence")
        self.sampling = (kind,)
        if kind == "count":
            self.sampling = (kind, table.integer("segments", 1, 2**32))
        if kind == "confidence":
            confidence = table.real("confidence", lambda x: 0 < x < 1)
            self.sampling = (kind, confidence, table.integer("tampered", 1, 2**32))
        table.done()

    def boundaries(self):
        return [*range(0, self.steps, self.checkpoint_every), self.steps]

    def segment_count(self):
        return -(-self.steps // self.checkpoint_every)


class Batch:
    """Says how many samples a step consumes."""

    def __init__(self, table, number, samples):
        self.size, self.accumulation = table.integer("size", 1, 2**20), 1
        if table.has("accumulation"):
            self.accumulation = table.integer("accumulation", 1, 2**20 // self.size)
        self.last, self.phases = "dropped", []
        if number > 1:
            self.read_second(table)
        for size in [self.size, *(size for _, size in self.phases)]:
            demand(size * self.accumulation <= samples, "a step consumes more than all samples")
        table.done()

    def read_second(self, table):
        if table.has("combination"):
            table.choice("combination", "mean", "sum", "weighted")
        if table.has("last"):
            self.last = table.choice("last", "dropped", "kept", "wrapped")
        start = 0
        for phase in table.tables("phases", 1024) if table.has("phases") else []:
            start = phase.integer("step_start", start + 1, 2**32)
            self.phases.append((start, phase.integer("size", 1, 2**20 // self.accumulation)))
            phase.done()

    def size_at(self, step):
        return [self.size, *(size for start, size in self.phases if start <= step)][-1]


def read_phase(table):
    """Returns the number of steps of a phase, and its rate by the number of its step."""
    shape = table.choice("shape", "constant", "linear", "cosine", "exponential", "noam")
    n = table.integer("steps", 1, 2**32)
    if shape == "constant":
        value = table.real("value", real_at_least_0)
        rate = lambda k: value
    elif shape in ("linear", "cosine"):
        start, end = table.real("from", real_at_least_0), table.real("to", real_at_least_0)
        rate = lambda k: (linear if shape == "linear" else half_cosine)(start, end, n, k)
    elif shape == "exponential":
        start = table.real("from", real_at_least_0)
        factor = table.real("factor", lambda x: 0 < x <= 1)
        every = table.integer("every", 1, 2**32) if table.has("every") else 1
        rate = lambda k: start * power(factor, k // every)
    else:
        factor = table.real("factor", real_above_0)
        model_size = table.integer("model_size", 1, 2**32)
        warmup = table.integer("warmup_steps", 1, 2**32)
        rate = lambda k: noam(factor, model_size, warmup, k)
    table.done()
    return n, rate


# Section 6: steering


def initial_seed(root_seed):
    return first64(H("reenact v1 initial seed", u64(root_seed)))


def step_seed(root_seed, step):
    return first64(H("reenact v1 step seed", u64(root_seed) + u64(step)))


def philox(counter, key):
    """Philox4x32-10 (Salmon et al. 2011)."""
    for _ in range(10):
        first, third = counter[0] * 0xD2511F53, counter[2] * 0xCD9E8D57
        counter = (
            (third >> 32) ^ counter[1] ^ key[0],
            third % 2**32,
            (first >> 32) ^ counter[3] ^ key[1],
            first % 2**32,
        )
        key = ((key[0] + 0x9E3779B9) % 2**32, (key[1] + 0xBB67AE85) % 2**32)
    return counter


def dropout_stays(seed, call, chance, count):
    """Says of the first elements of a mask whether they stay."""
    threshold = min(math.floor(chance * 2**32 + 0.5), 2**32 - 1)
    key = (seed % 2**32, seed >> 32)

    def word(element):
        block = element // 4
        return philox((block % 2**32, block >> 32, call, 0), key)[element % 4]

    return [word(element) >= threshold for element in range(count)]


def below(stream, bound):
    excess = U64 % bound
    while True:
        word = stream.next_u64()
        if word <= U64 - 1 - excess:
            return word % bound


def shuffle(stream, items, count):
    for i in range(min(count, len(items))):
        j = i + below(stream, len(items) - i)
        items[i], items[j] = items[j], items[i]


class Epoch:
    """Shuffles an epoch only as far as its steps are asked for, so that memory
    does not grow with the number of samples, which may be a lie."""

    def __init__(self, root_seed, number, count):
        key = H("reenact v1 data order", u64(root_seed) + u64(number))
        self.number, self.count, self.stream = number, count, ChaCha20(key)
        self.drawn, self.moved = [], {}  # the shuffled front; what moved back

    def places(self, start, end):
        while len(self.drawn) < end:
            i = len(self.drawn)
            j = i + below(self.stream, self.count - i)
            self.drawn.append(self.moved.get(j, j))
            self.moved[j] = self.moved.get(i, i)
        return self.drawn[start:end]


class DataOrder:
    """Walks over the data from step to step."""

    def __init__(self, root_seed, count, batch):
        self.root_seed, self.count, self.batch = root_seed, count, batch
        self.rewind()

    def rewind(self):
        self.step, self.number, self.place = 0, 0, 0
        self.epoch = Epoch(self.root_seed, 0, self.count)

    def samples(self, step):
        if step < self.step:
            self.rewind()
        while self.step < step:
            self.take()
        return [sample for part in self.take() for sample in self.drawn(*part)]

    def take(self):
        """Takes the next step: (epoch, first place, end) of each of its parts."""
        batch, left = self.batch, self.count - self.place
        size = batch.size_at(self.step) * batch.accumulation
        if left == 0 or batch.last == "dropped" and left < size:
            self.number, self.place, left = self.number + 1, 0, self.count
        parts = [(self.number, self.place, self.place + min(size, left))]
        self.place += min(size, left)
        if batch.last == "wrapped" and size > left:
            self.number, self.place = self.number + 1, size - left
            parts.append((self.number, 0, self.place))
        self.step += 1
        return parts

    def drawn(self, number, start, end):
        if number != self.epoch.number:
            self.epoch = Epoch(self.root_seed, number, self.count)
        return self.epoch.places(start, end)


def double(bits):
    return struct.unpack("<d", u64(bits))[0]


def bits_of(value):
    return struct.unpack("<Q", struct.pack("<d", value))[0]


PI = double(0x400921FB54442D18)
P1, T1 = double(0x3FF921FB54400000), double(0x3DD0B4611A626331)
P2, T2 = double(0x3DD0B4611A600000), double(0x3BA3198A2E037073)
P3, T3 = double(0x3BA3198A2E000000), double(0x397B839A252049C1)
V, M = double(0x3FE45F306DC9C883), double(0x4338000000000000)
C1, C2 = double(0x3FA555555555554C), double(0xBF56C16C16C15177)
C3, C4 = double(0x3EFA01A019CB1590), double(0xBE927E4F809C52AD)
C5, C6 = double(0x3E21EE9EBDB4B1C4), double(0xBDA8FAE9BE8838D4)
S1, S2 = double(0xBFC5555555555549), double(0x3F8111111110F8A6)
S3, S4 = double(0xBF2A01A019C161D5), double(0x3EC71DE357B1FE7D)
S5, S6 = double(0xBE5AE5E68A2B9CEB), double(0x3DE5D93A5ACFD57C)


def warmup_cosine(peak, floor, warmup, steps, step):
    if step < warmup:
        return peak * ((step + 1) / warmup)
    span = float(max(steps - warmup, 1))
    turn = PI * ((step - warmup) / span)
    return floor + (peak - floor) * (0.5 * (1.0 + cos(turn)))


def linear(start, end, n, k):
    return start + (end - start) * (k / n)


def half_cosine(start, end, n, k):
    return end + (start - end) * (0.5 * (1.0 + cos(PI * (k / n))))


def power(base, exponent):
    """Squares and multiplies, from the highest bit of the exponent down."""
    result = 1.0
    for bit in f"{exponent:b}" if exponent else "":
        result = result * result
        if bit == "1":
            result = result * base
    return result


def noam(factor, model_size, warmup, k):
    number, warmup = float(k + 1), float(warmup)
    falling = 1.0 / math.sqrt(number)
    rising = number / (warmup * math.sqrt(warmup))
    return factor / math.sqrt(model_size) * min(falling, rising)


def in_phases(phases, step):
    for n, rate in phases:
        if step < n:
            return rate(step)
        step -= n
    return rate(n - 1)  # the last rate stays


def cos(x):
    high = bits_of(x) >> 32
    if high <= 0x3FE921FB:
        return k_cos(x, 0.0)
    if high in (0x3FF921FB, 0x400921FB):
        n, y0, y1 = medium(x)
    elif high <= 0x4002D97C:
        z = x - P1
        y0 = z - T1
        n, y1 = 1, (z - y0) - T1
    else:
        z = x - 2 * P1
        y0 = z - 2 * T1
        n, y1 = 2, (z - y0) - 2 * T1
    return -k_sin(y0, y1) if n == 1 else -k_cos(y0, y1)


def exponent(x):
    return bits_of(x) >> 52 & 0x7FF


def medium(x):
    f = (x * V + M) - M
    r = x - f * P1
    w = f * T1
    y0 = r - w
    if exponent(x) - exponent(y0) > 16:
        t = r
        w = f * P2
        r = t - w
        w = f * T2 - ((t - r) - w)
        y0 = r - w
        if exponent(x) - exponent(y0) > 49:
            t = r
            w = f * P3
            r = t - w
            w = f * T3 - ((t - r) - w)
            y0 = r - w
    return int(f), y0, (r - y0) - w


def k_cos(x, y):
    z = x * x
    w = z * z
    r = z * (C1 + z * (C2 + z * C3)) + w * w * (C4 + z * (C5 + z * C6))
    h = 0.5 * z
    w = 1.0 - h
    return w + (((1.0 - w) - h) + (z * r - x * y))


def k_sin(x, y):
    z = x * x
    w = z * z
    r = S2 + z * (S3 + z * S4) + z * w * (S5 + z * S6)
    v = z * x
    return x - ((z * (0.5 * y - v * r) - y) - v * S1)


# Section 7: samples


def samples_digest(samples):
    return H("reenact v1 samples", u64(len(samples)) + b"".join(map(u32, samples)))


# Section 8: fingerprints


def key_table():
    stream = ChaCha20(H("reenact v1 fingerprint keys", b""))
    words = numpy.array([stream.next_u32() for _ in range(2 * 512)], dtype="<u4")
    return words.view("<u8")


KEYS = key_table()


def block_sum(block):
    words = numpy.frombuffer(block + bytes(-len(block) % 64), dtype="<u8")
    keyed = words + KEYS[: len(words)]  # modulo 2^64
    products = (keyed & 0xFFFFFFFF) * (keyed >> 32)
    return u64(int(products.sum(dtype="<u8")))  # modulo 2^64


def fold(data):
    return b"".join(block_sum(data[at : at + 4096]) for at in range(0, len(data), 4096))


def fingerprint(data):
    level = fold(data)
    while len(level) > 4096:
        level = fold(level)
    return first64(H("reenact v1 fingerprint", u64(len(data)) + prefixed(level)))


# Section 9: state and root. A tensor's description is (name, dtype, shape).


def check_layout(layout):
    demand(len(layout) <= 100_000, f"{len(layout)} tensors")
    for name, dtype, shape in layout:
        printable = all("!" <= c <= "~" and c not in '"\\' for c in name)
        good = 1 <= len(name) <= 256 and printable and name != "__metadata__"
        demand(good, f"{name!r} is no tensor name")
        demand(len(shape) <= 16, f"tensor `{name}` has {len(shape)} dimensions")
        size = ELEMENT_BYTES[dtype]
        for dimension in shape:
            size *= dimension
            demand(size <= 2**46, f"tensor `{name}` is too large")
    names = [name for name, _, _ in layout]
    demand(all(a < b for a, b in zip(names, names[1:])), "tensors twice or out of order")
    return layout


def byte_len(dtype, shape):
    return ELEMENT_BYTES[dtype] * math.prod(shape)


def leaf(name, dtype, shape, data):
    dimensions = u64(len(shape)) + b"".join(map(u64, shape))
    return H("reenact v1 state leaf", text(name) + text(dtype) + dimensions + prefixed(data))


def tree(leaves):
    if not leaves:
        return bytes(32)
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while 2 * split < len(leaves):
        split *= 2
    return H("reenact v1 state node", tree(leaves[:split]) + tree(leaves[split:]))


def root_of_leaves(leaves):
    return H("reenact v1 state root", u64(len(leaves)) + tree(leaves))


def model_root(named_leaves):
    ours = [found for name, found in named_leaves if name.startswith("model.")]
    return H("reenact v1 model root", u64(len(ours)) + tree(ours))


# Section 10: checkpoint


def encode_header(layout):
    entries = ['"__metadata__":{"format":"reenact-state","version":"1"}']
    offset = 0
    for name, dtype, shape in sorted(layout, key=lambda t: (-ELEMENT_BYTES[t[1]], t[0])):
        end = offset + byte_len(dtype, shape)
        dimensions = ",".join(map(str, shape))
        entries.append(
            f'"{name}":{{"dtype":"{dtype}","shape":[{dimensions}],"data_offsets":[{offset},{end}]}}'
        )
        offset = end
    header = "{" + ",".join(entries) + "}"
    header += " " * (-len(header) % 8)
    return u64(len(header)) + header.encode()


class Checkpoint:
    """A checkpoint whose form has been checked: tensors in canonical order."""

    def __init__(self, file):
        try:
            found = safetensors.deserialize(file)
        except (safetensors.SafetensorError, ValueError) as error:
            raise Disagreement(f"no safetensors file: {error}") from None
        self.tensors = sorted(
            (name, str(t["dtype"]), tuple(t["shape"]), bytes(t["data"])) for name, t in found
        )
        demand(all(t[1] in ELEMENT_BYTES for t in self.tensors), "an unknown dtype")
        self.layout = check_layout([tensor[:3] for tensor in self.tensors])
        header = encode_header(self.layout)
        demand(len(header) <= 8 + 2**26, "the header is too long")
        demand(file.startswith(header), "the header is not in canonical form")
        size = len(header) + sum(byte_len(*tensor[1:3]) for tensor in self.tensors)
        demand(len(file) == size, f"{len(file)} bytes instead of {size}")

    def root(self):
        return root_of_leaves([leaf(*tensor) for tensor in self.tensors])

    def model_root(self):
        return model_root((tensor[0], leaf(*tensor)) for tensor in self.tensors)

    def fingerprints(self):
        return [fingerprint(data) for _, _, _, data in self.tensors]

    def step(self):
        found = [data for name, dtype, shape, data in self.tensors
                 if (name, dtype, shape) == ("run.step", "U64", ())]
        demand(found, "no scalar `run.step`")
        return first64(found[0])


# Section 11: journal

KINDS = [
    ("run-started", 2**16), ("layouts", 2**23), ("step", 2**23), ("checkpoint", 2**8),
    ("run-resumed", 2**16), ("run-interrupted", 2**8), ("run-finished", 2**8),
    ("kernel-selections", 2**23), ("run-ended", 2**8), ("step-launched", 2**23),
    ("step-validated", 2**23),
]
KINDS_OF_FORMAT = {1: 8, 2: 9, 3: 10, 4: 11}
JOURNAL_HEADER = b"reenact journal\n" + u32(4)


def is_printable(string):
    return all(" " <= character <= "~" for character in string)


class Payload:
    """Takes fields off the front of a payload."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def raw(self, size):
        demand(self.at + size <= len(self.data), "the payload ends too early")
        self.at += size
        return self.data[self.at - size : self.at]

    def u32(self):
        return struct.unpack("<I", self.raw(4))[0]

    def u64(self):
        return struct.unpack("<Q", self.raw(8))[0]

    def digest(self):
        return self.raw(32)

    def text(self):
        try:
            return self.raw(self.u64()).decode()
        except UnicodeDecodeError:
            raise Disagreement("a text is not UTF-8") from None

    def list(self, item):
        count = self.u64()
        demand(count <= len(self.data), "a list is longer than its payload")
        return [item() for _ in range(count)]

    def map(self):
        pairs = self.list(lambda: (self.text(), self.text()))
        keys = [key.encode() for key, _ in pairs]
        demand(all(a < b for a, b in zip(keys, keys[1:])), "the keys of a map are out of order")
        return dict(pairs)

    def environment(self):
        return {
            "class": self.map(), "notes": self.map(), "reenact": self.text(), "rustc": self.text(),
            "lock": self.digest(), "binary": self.digest(), "system": self.text(),
        }

    def tensor(self):
        name, index = self.text(), self.u32()
        demand(index < len(DTYPES), f"there is no dtype {index}")
        return name, DTYPES[index], tuple(self.list(self.u64))

    def layout(self):
        return check_layout(self.list(self.tensor))

    def trace(self):
        return {
            "step": self.u64(), "samples": self.digest(), "batch": self.digest(),
            "learning_rate_bits": self.u64(), "loss_bits": self.u32(),
            "gradient": self.list(self.u64), "state": self.list(self.u64), "figures": None,
        }

    def option(self, item):
        tag = self.raw(1)[0]
        demand(tag <= 1, f"an option is {tag}")
        return item() if tag else None

    def launches(self):
        """What was launched decides nothing that is compared here."""
        return self.u32(), self.digest()

    def figure(self):
        name, bits = self.text(), self.u64()
        demand(re.fullmatch(r"[a-zA-Z0-9._-]{1,64}", name), f"{name!r} is no name of a figure")
        return name, bits

    def figures(self):
        figures = self.list(self.figure)
        demand(1 <= len(figures) <= 64, f"{len(figures)} figures")
        names = [name.encode() for name, _ in figures]
        demand(all(a < b for a, b in zip(names, names[1:])), "figures are out of order")
        return figures

    def selection(self):
        table, key = self.text(), self.raw(self.u64())
        choice, candidates, kernel = self.u32(), self.u32(), self.text()
        demand(1 <= len(table) <= 512 and is_printable(table), "no table of a kernel selection")
        demand(len(key) <= 4096, "the key of a kernel selection is too long")
        demand(len(kernel) <= 512 and is_printable(kernel), "no name of a kernel")
        demand(choice < candidates <= 10_000, "the choice is none of the candidates")
        return table.encode(), key, choice, candidates, kernel.encode()

    def selections(self):
        selections = self.list(self.selection)
        demand(1 <= len(selections) <= 65_536, f"{len(selections)} kernel selections")
        pairs = zip(selections, selections[1:])
        demand(all(a[:2] < b[:2] for a, b in pairs), "kernel selections are out of order")
        return selections

    def event(self, kind):
        if kind == "run-started":
            event = self.digest(), self.environment()
        elif kind == "layouts":
            event = self.layout(), self.layout()
        elif kind == "step":
            event = self.trace()
        elif kind == "step-launched":
            event = self.trace()
            self.launches()
        elif kind == "step-validated":
            event = self.trace()
            self.option(self.launches)
            event["figures"] = self.figures()
        elif kind == "checkpoint":
            event = self.u64(), self.digest()
        elif kind == "run-resumed":
            event = self.u64(), self.environment()
        elif kind == "kernel-selections":
            event = self.selections()
        else:
            event = self.u64()
        demand(self.at == len(self.data), "bytes are left over in the payload")
        return event


class Journal:
    """Reads frames: `events` holds (kind, event), `torn` the bytes after them."""

    def __init__(self, file):
        self.file, self.at = file, 0
        self.events, self.torn = [], 0
        if len(file) < 20:
            demand(JOURNAL_HEADER[:19].startswith(file[:19]), "this is no journal")
            self.torn = len(file)
            return
        demand(file[:16] == JOURNAL_HEADER[:16], "this is no journal")
        self.format = struct.unpack("<I", file[16:20])[0]
        if self.format not in KINDS_OF_FORMAT:
            raise Inconclusive(f"journal: format {self.format}; this reader reads 1 to 4")
        self.head = H("reenact v1 journal header", file[:20])
        self.at = 20
        while self.at < len(file) and not self.torn:
            try:
                self.read_frame()
            except Disagreement as error:
                place = f"frame {len(self.events)} at byte {self.at}"
                raise Disagreement(f"{place}: {error}") from None

    def read_frame(self):
        left = len(self.file) - self.at
        if left < 14 or self.only_zeros_follow():
            self.torn = left
            return
        length, kind, sequence = struct.unpack_from("<IHQ", self.file, self.at)
        demand(kind < KINDS_OF_FORMAT[self.format], f"there is no kind {kind}")
        name, limit = KINDS[kind]
        demand(length <= limit, f"a payload of {length} bytes is too long")
        demand(sequence == len(self.events), f"its number is {sequence}")
        if left < 14 + length + 32:
            self.torn = left
            return
        end = self.at + 14 + length
        chain = H(f"reenact v1 journal {name}", self.head + self.file[self.at : end])
        demand(self.file[end : end + 32] == chain, "the hash chain is broken")
        self.events.append((name, Payload(self.file[self.at + 14 : end]).event(name)))
        self.at, self.head = end + 32, chain

    def only_zeros_follow(self):
        head = self.file[self.at : self.at + 14]
        rest = self.file[self.at :]
        return not any(head) and len(rest) <= 1 << 24 and not any(rest)


class History:
    """Folds the frames of a journal."""

    def __init__(self, journal):
        self.steps = []
        self.layouts = []  # (first step, state layout, gradient layout)
        self.checkpoints = {}
        self.environments = []  # (first step, environment)
        self.contradictions = []  # (what, whether its environments are of one class)
        self.selections, self.selection_bytes = set(), 0  # (table, key); of these and the kernels
        self.finished = self.stopped = self.ended_early = False
        self.earlier_steps, self.earlier_checkpoints = {}, {}
        for number, (kind, event) in enumerate(journal.events):
            try:
                demand((kind == "run-started") == (number == 0), "a journal starts once, at 0")
                demand(not self.finished, "a frame follows the end")
                goes_on = kind in ("run-resumed", "run-ended")
                demand(not self.stopped or goes_on, "only a resumption or an end may follow")
                getattr(self, "take_" + kind.replace("-", "_"))(event)
            except Disagreement as error:
                raise Disagreement(f"frame {number} ({kind}): {error}") from None

    def expect_next(self, step):
        demand(step == len(self.steps), f"step {step} stands where {len(self.steps)} belongs")

    def take_run_started(self, event):
        self.spec = event[0]
        self.environments.append((0, event[1]))

    def take_layouts(self, event):
        if self.layouts and self.layouts[-1][1:] == event:
            return
        demand(len(self.layouts) < 64, "the layouts change too often")
        self.layouts.append((len(self.steps), *event))

    def take_kernel_selections(self, selections):
        for table, key, _, _, kernel in selections:
            demand((table, key) not in self.selections, "a kernel is selected twice")
            self.selections.add((table, key))
            self.selection_bytes += len(table) + len(key) + len(kernel)
        demand(len(self.selections) <= 65_536, "too many kernel selections")
        demand(self.selection_bytes <= 2**24, "the kernel selections are too long")

    def take_step(self, trace):
        self.expect_next(trace["step"])
        demand(self.layouts, "no layouts are in force")
        _, state, gradient = self.layouts[-1]
        sizes = len(state), len(gradient)
        demand(sizes == (len(trace["state"]), len(trace["gradient"])), "fingerprints do not fit")
        self.compare(self.earlier_steps, trace["step"], trace, f"step {trace['step']}")
        self.steps.append(trace)

    take_step_launched = take_step_validated = take_step

    def take_checkpoint(self, event):
        step, root = event
        self.expect_next(step)
        demand(step not in self.checkpoints, f"a second checkpoint opens step {step}")
        self.compare(self.earlier_checkpoints, step, root, f"checkpoint {step}")
        self.checkpoints[step] = root

    def take_run_resumed(self, event):
        step, environment = event
        demand(step <= len(self.steps), f"step {step} was not reached")
        demand(any(at <= step for at in self.checkpoints), f"no checkpoint opens step {step}")
        if step not in self.checkpoints:
            in_force = [found for first, found in self.environments if first <= step][-1]
            alike = in_force["class"] == environment["class"]
            demand(alike, f"step {step} goes on inside of a segment on another class of machine")
        demand(len(self.environments) <= 4095, "resumed too often")
        self.environments.append((step, environment))
        self.take_back(step)
        self.stopped = False

    def take_back(self, step):
        del self.steps[step:]
        self.layouts = [layouts for layouts in self.layouts if layouts[0] < step]
        self.checkpoints = {at: root for at, root in self.checkpoints.items() if at <= step}

    def take_run_interrupted(self, step):
        self.expect_next(step)
        self.stopped = True

    def take_run_finished(self, steps):
        self.expect_next(steps)
        self.finished = True

    def take_run_ended(self, steps):
        demand(steps > 0 and steps in self.checkpoints, f"no state was stored at step {steps}")
        self.take_back(steps)
        self.finished = self.ended_early = True

    def compare(self, records, key, record, what):
        """Compares with the earlier record of the same, if there is one, and replaces it."""
        now = self.environments[-1][1]["class"]
        earlier, before = records.get(key, (record, now))
        if earlier != record:
            self.contradictions.append((what, before == now))
        records[key] = (record, now)

    def state_layout(self, step):
        return [state for first, state, _ in self.layouts if first <= step][-1]


# Section 12: commitment


def encode_commitment(spec, frames, head, checkpoints):
    lines = ["reenact commitment 1", f"spec {spec.hex()}", f"frames {frames}", f"head {head.hex()}"]
    lines += [f"checkpoint {step} {root.hex()}" for step, root in sorted(checkpoints.items())]
    return "".join(line + "\n" for line in lines).encode()


NUMBER = rb"(0|[1-9][0-9]*)"
COMMITMENT = re.compile(
    rb"reenact commitment 1\nspec [0-9a-f]{64}\nframes %b\nhead [0-9a-f]{64}\n"
    rb"(checkpoint %b [0-9a-f]{64}\n)*" % (NUMBER, NUMBER)
)


def check_commitment_form(file):
    demand(COMMITMENT.fullmatch(file), "it is not in its form")
    lines = [line.split() for line in file.splitlines()]
    steps = [int(line[1]) for line in lines if line[0] == b"checkpoint"]
    demand(all(a < b for a, b in zip(steps, steps[1:])), "checkpoints twice or out of order")
    demand(all(number < U64 for number in [int(lines[2][1]), *steps]), "a number is too large")


def commitment_digest(file):
    return H("reenact v1 commitment", prefixed(file))


# Section 13: challenge


def covered_digest(ranges):
    return H("reenact v1 covered", u64(len(ranges)) + b"".join(u64(n) for r in ranges for n in r))


def draw(commitment, nonce, total, count, rule=3, covered=(), grows=False):
    """`covered` are ranges of segments, from and up to; only rule 3 knows any."""
    printable = 1 <= len(nonce) <= 256 and all(" " <= c <= "~" for c in nonce)
    demand(printable, "a nonce is 1 to 256 printable ASCII characters")
    demand(rule in (1, 2, 3), "the rule of the draw is not known")
    context = covered_digest(covered) if rule == 3 else b""
    stream = ChaCha20(H(f"reenact v{rule} challenge",
                        commitment + text(nonce) + u64(total) + context))
    known = [n for start, end in covered for n in range(start, min(end, total))]
    pool = [n for n in range(total) if n not in known]
    count, drawn = min(count, total), []
    forces = rule == 2 or rule == 3 and not grows
    if forces and count > 0 and total - 1 in pool:
        drawn.append(pool.pop())
    for segments in (pool, known):  # the covered ones only where the others are too few
        left = min(count - len(drawn), len(segments))
        shuffle(stream, segments, left)
        drawn += segments[:left]
    return sorted(drawn)


def beacon_nonce(source, number, value):
    for part in (source, value):
        demand(part and all("!" <= c <= "~" for c in part), "a part of a beacon is no word")
    return f"beacon {source} {number} {value}"


def escape(total, tampered, drawn, rule=3):
    """Of a finished run of which nothing is covered."""
    if rule > 1 and drawn > 0:
        total, drawn = total - 1, drawn - 1  # the last one is left alone
        if tampered > total:
            return 0.0
    if tampered + drawn > total:
        return 0.0
    few, many = min(tampered, drawn), max(tampered, drawn)
    product = 1.0
    for i in range(few):
        product *= (total - many - i) / (total - i)
    return product


def count_by_policy(sampling, total):
    kind, *values = sampling
    if kind == "all":
        return total
    if kind == "count":
        return min(values[0], total)
    confidence, tampered = values[0], min(values[1], total)
    enough = (n for n in range(1, total) if escape(total, tampered, n) <= 1.0 - confidence)
    return next(enough, total)


# Section 14: the audit


def read_object(run, name, limit=None, missing=Disagreement, unfit=Inconclusive):
    """Reads a plain file; follows no symbolic link below `run`."""
    path = os.path.join(run, name)
    try:
        for part in (os.path.dirname(path), path):
            if part != run and stat.S_ISLNK(os.lstat(part).st_mode):
                raise unfit(f"{name}: a symbolic link")
        if not stat.S_ISREG(os.lstat(path).st_mode):
            raise unfit(f"{name}: no plain file")
        if limit is not None and os.path.getsize(path) > limit:
            raise unfit(f"{name}: more than {limit} bytes")
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        raise missing(f"{name}: it is missing") from None
    except OSError as error:
        raise Inconclusive(f"{name}: {error}") from None


def at(place, work):
    """Does `work` and says where it disagreed."""
    try:
        return work()
    except Disagreement as error:
        raise Disagreement(f"{place}: {error}") from None


def audit(run):
    """Returns the recording and what is wrong with it."""
    run = os.path.normpath(run)
    committed = os.path.lexists(os.path.join(run, "commitment"))
    missing = Disagreement if committed else Inconclusive
    # The journal first: its number says how to read the rest.
    journal, history = read_journal(run, missing)
    commitment = read_object(run, "commitment", 2**24) if committed else None
    if committed:
        at("commitment", lambda: check_commitment_form(commitment))
    spec = read_spec(run, history, missing)
    if not committed:
        raise Inconclusive("commitment: there is none; the recording is unfinished")
    findings = list(check_end(spec, history, journal, commitment))
    if not findings:
        findings += check_contradictions(history)
        findings += check_devices(spec, history)
        findings += check_learning_rates(spec, history)
        findings += check_samples(spec, history)
        findings += check_figures(spec, history)
        findings += check_checkpoints(run, history)
    recording = {"spec": spec, "journal": journal, "history": history,
                 "commitment": commitment_digest(commitment)}
    return recording, findings


def read_journal(run, missing):
    file = read_object(run, "journal", missing=missing)
    journal = at("journal", lambda: Journal(file))
    if not journal.events:
        raise missing("journal: it is empty")
    return journal, at("journal", lambda: History(journal))


def read_spec(run, history, missing):
    stored = read_object(run, "spec.toml", 65536, missing)
    demand(H("reenact v1 spec", prefixed(stored)) == history.spec,
           "spec.toml: it is not the spec that the journal began with")
    try:
        return Spec(stored)
    except Disagreement as error:
        # It is what the recorder took, so the fault may be the reader's.
        raise Inconclusive(f"spec.toml: {error}") from None


def check_end(spec, history, journal, commitment):
    written = encode_commitment(
        history.spec, len(journal.events), journal.head, history.checkpoints
    )
    if commitment != written:
        yield "commitment: " + first_difference(commitment, written)
    if journal.torn:
        yield f"journal: {journal.torn} bytes follow the last frame"
    if not history.finished:
        yield f"journal: it has no end; it stops after {len(history.steps)} steps"
    reached = min(len(history.steps), spec.steps) if history.ended_early else spec.steps
    if len(history.steps) != reached:
        yield f"journal: {len(history.steps)} steps; the spec declares {spec.steps}"
    if sorted(history.checkpoints) != [at for at in spec.boundaries() if at <= reached]:
        yield "journal: its checkpoints are not at the boundaries"


def first_difference(found, expected):
    pairs = zip(found.splitlines(), expected.splitlines())
    number = next((i for i, (a, b) in enumerate(pairs, 1) if a != b), None)
    return f"line {number} is not what the journal gives" if number else "its length differs"


def check_contradictions(history):
    for what, one_class in history.contradictions:
        if one_class:
            yield f"journal: {what} was recorded twice and differs"


def check_devices(spec, history):
    for step, environment in history.environments:
        device = environment["class"].get("device")
        if device != spec.device:
            yield f"journal, step {step}: trained on {device}; the spec declares {spec.device}"


def check_learning_rates(spec, history):
    for step, trace in enumerate(history.steps):
        rate = spec.learning_rate(step)
        if rate is None:
            return  # only a replay derives it
        derived = bits_of(rate)
        if trace["learning_rate_bits"] != derived:
            recorded = trace["learning_rate_bits"]
            yield f"journal, step {step}: learning rate {recorded:016x}, derived {derived:016x}"


def check_figures(spec, history):
    for step, trace in enumerate(history.steps):
        due, there = spec.validates_after(step), trace["figures"] is not None
        if due != there:
            yield f"journal, step {step}: figures are {'missing' if due else 'not due'}"


def check_checkpoints(run, history):
    for step, root in sorted(history.checkpoints.items()):
        try:
            name = f"checkpoints/{root.hex()}.safetensors"
            file = read_object(run, name, unfit=Disagreement)
            at(name, lambda: check_checkpoint(history, Checkpoint(file), step, root))
        except Disagreement as error:
            yield f"{error} (step {step})"


def check_checkpoint(history, checkpoint, step, root):
    demand(checkpoint.root() == root, "the root is another")
    demand(checkpoint.step() == step, f"`run.step` is {checkpoint.step()}")
    if step == 0:
        return
    layout = history.state_layout(step - 1)
    demand(layout == checkpoint.layout, f"its tensors are not those that step {step - 1} left")
    pairs = zip(layout, checkpoint.fingerprints(), history.steps[step - 1]["state"])
    differing = [spec[0] for spec, stored, recorded in pairs if stored != recorded]
    demand(not differing, f"not what step {step - 1} left: {', '.join(differing)}")


def check_samples(spec, history):
    order = DataOrder(spec.root_seed, spec.samples, spec.batch)
    for step, trace in enumerate(history.steps):
        if trace["samples"] != samples_digest(order.samples(step)):
            yield f"journal, step {step}: the samples are not those that the spec derives"


def audited(run, recording):
    """Names what was audited, as a report does."""
    root = recording["history"].checkpoints[len(recording["history"].steps)]
    file = read_object(run, f"checkpoints/{root.hex()}.safetensors")
    return {
        "spec": recording["history"].spec.hex(),
        "commitment": recording["commitment"].hex(),
        "state": root.hex(),
        "model": Checkpoint(file).model_root().hex(),
    }


def report(run, arguments):
    recording, findings = audit(run)
    spec = recording["spec"]
    answer = {
        "agrees": not findings,
        "findings": findings,
        "spec": recording["history"].spec.hex(),
        "audited": None if findings else audited(run, recording),
        "commitment": recording["commitment"].hex(),
        "head": recording["journal"].head.hex(),
        "frames": len(recording["journal"].events),
        "steps": len(recording["history"].steps),
    }
    if arguments.nonce is not None:
        total = spec.segment_count()
        count = arguments.count or count_by_policy(spec.sampling, total)
        challenge = {"commitment": answer["commitment"], "nonce": arguments.nonce,
                     "total": total, "count": min(count, total), "rule": 3}
        answer["challenge"] = challenge
        answer["segments"] = draw(recording["commitment"], arguments.nonce, total, count)
    return answer


def main():
    parser = argparse.ArgumentParser(description="Checks a recording without replaying it.")
    parser.add_argument("run", help="folder of the recording")
    parser.add_argument("--nonce", help="draw the challenge of this nonce")
    parser.add_argument("--count", type=int, help="segments to draw [default: the spec's policy]")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    try:
        answer = report(arguments.run, arguments)
    except Disagreement as error:
        answer = {"agrees": False, "findings": [str(error)]}
    except Inconclusive as error:
        answer = {"agrees": None, "findings": [str(error)]}
    if arguments.json:
        print(json.dumps(answer, indent=2))
    else:
        print("\n".join(answer["findings"]) if answer["findings"] else "everything agrees")
        if "segments" in answer:
            print("segments", *answer["segments"])
    return {True: 0, False: 1, None: 2}[answer["agrees"]]


if __name__ == "__main__":
    sys.exit(main())
