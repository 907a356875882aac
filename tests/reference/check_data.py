"""Checks data set and batch digests of a recording (README, section 7).

    python3 check_data.py RUN DATA

RUN is a recording of one of the specs for real models; DATA is models/data.
"""

import pathlib
import sys
import tomllib

import reenact_reference as reference
from reenact_reference import H, prefixed, text, u64


def kind(name, shape):
    return text(name) + text("U8") + u64(len(shape)) + b"".join(map(u64, shape))


def column(name, shape, data):
    return kind(name, shape) + prefixed(data)


def batch_tensor(name, shape, data):
    return kind(name, shape) + u64(reference.fingerprint(data))


class Digits:
    def __init__(self, folder, _spec):
        images = (folder / "digits-images.idx3-ubyte").read_bytes()[16:]
        labels = (folder / "digits-labels.idx1-ubyte").read_bytes()[8:]
        self.count = len(labels) * 4 // 5
        self.images = [images[64 * i : 64 * i + 64] for i in range(self.count)]
        self.labels = labels[: self.count]

    def digest(self):
        columns = column("images", [8, 8], b"".join(self.images))
        columns += column("labels", [], self.labels)
        return H("reenact v1 data in memory", u64(2) + columns)

    def batch(self, samples):
        images = b"".join(self.images[i] for i in samples)
        labels = bytes(self.labels[i] for i in samples)
        tensors = batch_tensor("images", [len(samples), 8, 8], images)
        return u64(2) + tensors + batch_tensor("labels", [len(samples)], labels)


class Cicero:
    def __init__(self, folder, spec):
        book = (folder / "liber-primus.txt").read_bytes()
        self.vocabulary = bytes(sorted(set(book)))
        self.tokens = bytes(self.vocabulary.index(c) for c in book[: len(book) * 9 // 10])
        self.context = spec["program"]["hyperparameters"]["context"]
        self.count = len(self.tokens) - self.context

    def digest(self):
        message = prefixed(self.vocabulary) + prefixed(self.tokens) + u64(self.context) + u64(1)
        return H("reenact v1 data cicero", message)

    def windows(self, samples, offset):
        starts = [sample + offset for sample in samples]
        return b"".join(self.tokens[start : start + self.context] for start in starts)

    def batch(self, samples):
        shape = [len(samples), self.context]
        tensors = batch_tensor("tokens", shape, self.windows(samples, 0))
        return u64(2) + tensors + batch_tensor("targets", shape, self.windows(samples, 1))


def step_batch_digest(data, samples, size):
    pieces = [samples[at : at + size] for at in range(0, len(samples), size)]
    return H("reenact v1 batch", u64(len(pieces)) + b"".join(map(data.batch, pieces)))


def main(run, folder):
    spec = tomllib.loads((pathlib.Path(run) / "spec.toml").read_text())
    opened = {"digits": Digits, "cicero": Cicero}[spec["data"]["name"]]
    data = opened(pathlib.Path(folder), spec)
    recording, findings = reference.audit(run)
    if data.count != spec["data"]["samples"]:
        findings.append(f"the data set has {data.count} samples")
    if data.digest().hex() != spec["data"]["digest"]:
        findings.append("the digest of the data set is another")
    batch = recording["spec"].batch
    order = reference.DataOrder(spec["root_seed"], data.count, batch)
    for step, trace in enumerate(recording["history"].steps):
        found = step_batch_digest(data, order.samples(step), batch.size_at(step))
        if found != trace["batch"]:
            findings.append(f"step {step}: the batch is not what the data set holds")
    print("\n".join(findings) or f"data and {step + 1} batches agree")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
