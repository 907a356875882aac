"""Checks the reference against the test vectors of replay-specs/README.md.

The same values stand in the unit tests of harness/core.
"""

import pathlib
import re
import sys

import reenact_reference as reference
from reenact_reference import H, bits_of, prefixed, u32, u64

PAGE = pathlib.Path(__file__).parents[2] / "replay-specs" / "README.md"


def ramp(length):
    return bytes((31 * i + i // 251) % 256 for i in range(length))


def odd_state():
    """NaN payloads, negative zero, denormals, an infinity, an empty tensor."""
    odd = [0x7FC01234, 0xFFA55AA5, 0x80000000, 1, 0x807FFFFF, 0x7F800000]
    return [
        ("model.flags", "BOOL", (3,), bytes([0, 1, 1])),
        ("model.none", "F32", (0, 4), b""),
        ("model.w", "F32", (2, 3), b"".join(map(u32, odd))),
        ("run.step", "U64", (), u64(7)),
    ]


def rate_bits(step):
    return f"{bits_of(reference.warmup_cosine(3e-3, 1e-4, 20, 400, step)):016x}"


def one_frame_journal():
    frame = u32(8) + b"\x06\0" + u64(0) + u64(9)
    header = H("reenact v1 journal header", reference.JOURNAL_HEADER)
    return H("reenact v1 journal run-finished", header + frame).hex()


def selections_frame():
    """Takes the example of kernel selections off the page itself."""
    page = PAGE.read_text().split("Example, a frame of kernel-selections")[1].split("Example,")[0]
    lines = re.findall(r"^    ((?:[0-9a-f]{2,} {0,2})+)", page, re.MULTILINE)
    return bytes.fromhex("".join(lines).replace(" ", ""))


def selections():
    """Reads that frame, and checks its chain."""
    frame = selections_frame()
    header = H("reenact v1 journal header", reference.JOURNAL_HEADER)
    chain = H("reenact v1 journal kernel-selections", header + frame[:-32])
    return reference.Payload(frame[14:-32]).event("kernel-selections"), chain == frame[-32:]


def figures_frame():
    """Takes the example of a step with figures off the page itself, and checks its chain."""
    lines = [line.split("   ")[0] for line in indented("Example, a frame of step-validated")]
    frame = bytes.fromhex("".join(lines).replace(" ", ""))
    header = H("reenact v1 journal header", reference.JOURNAL_HEADER)
    chain = H("reenact v1 journal step-validated", header + frame[:-32])
    event = reference.Payload(frame[14:-32]).event("step-validated")
    return event["step"], event["figures"], chain == frame[-32:]


def gate_figures():
    message = u64(1) + prefixed(b"loss_nats") + u64(0x7FF8000000000000)
    return H("reenact v1 gate figures", message).hex()[:16]


def commitment_text():
    roots = {0: bytes([3] * 32), 10: bytes([4] * 32)}
    return reference.encode_commitment(bytes([1] * 32), 12, bytes([2] * 32), roots)


def example_spec():
    """Takes the example of section 5 off the page itself."""
    section = PAGE.read_text().split("\n## 5. Spec\n")[1].split("\n## 6.")[0]
    return re.search(r"```toml\n(.*?)```", section, re.DOTALL)[1].encode()


def gate_class(facts):
    listed = [prefixed(name.encode()) + prefixed(facts[name].encode()) for name in sorted(facts)]
    digest = H("reenact v1 gate class", u64(len(facts)) + b"".join(listed)).hex()
    return f"{facts['device']}-{digest[:6]}"


def indented(after):
    """Takes the lines of an example that stands after these words off the page itself."""
    example = PAGE.read_text().split(after)[1].split("\n\n")[1]
    return [line.removeprefix("    ") for line in example.splitlines()]


def gate_trace():
    text = "\n".join(indented("Example, a trace (of no training)")) + "\n"
    return H("reenact v1 gate trace", prefixed(text.encode())).hex()


def gate_tensors(names, fingerprints):
    shapes = {"bias": ("F32", (1,)), "weight": ("F32", (4,)), "step": ("U64", ())}
    message = u64(len(names))
    for name, fingerprint in zip(names, fingerprints, strict=True):
        dtype, shape = shapes[name.removesuffix(".velocity").split(".")[-1]]
        message += prefixed(name.encode()) + prefixed(dtype.encode()) + u64(len(shape))
        message += b"".join(map(u64, shape)) + bytes.fromhex(fingerprint)
    return H("reenact v1 gate tensors", message).hex()[:16]


def gate_step():
    """Shortens the payload of a step that is the example of section 11."""
    lines = [line.split("   ")[0] for line in indented("Example, the payload of step 0")]
    step, samples, batch, rate, loss, _, gradient, _, *state = lines
    model = ["model.bias", "model.weight"]
    names = [*model, "optimizer.bias.velocity", "optimizer.weight.velocity", "run.step"]
    message = bytes.fromhex(samples) + bytes.fromhex(batch)
    number, *words = int.from_bytes(bytes.fromhex(step), "little"), rate, loss
    rate, loss = (bytes.fromhex(word)[::-1].hex() for word in words)
    return (
        f"{number} batch {H('reenact v1 gate batch', message).hex()[:8]} rate {rate} loss {loss}"
        f" gradient {gate_tensors(model, gradient.split())}"
        f" update {gate_tensors(names, ' '.join(state).split())}"
    )


def order(step):
    table = reference.Table({"size": 8}, "batch")
    return reference.DataOrder(2026, 1437, reference.Batch(table, 1, 1437)).samples(step)


EVERYTHING = (pathlib.Path(__file__).parent / "everything.toml").read_bytes()


def phase_bits(step):
    return f"{bits_of(reference.Spec(EVERYTHING).learning_rate(step)):016x}"


def orders(last):
    """The steps 6 and 10 of the spec with everything, of which other samples are the last."""
    spec = reference.Spec(EVERYTHING.replace(b"wrapped", last))
    order = reference.DataOrder(spec.root_seed, spec.samples, spec.batch)
    return order.samples(6), order.samples(10)[:4]


def second():
    """The vectors of format 2."""
    yield H("reenact v1 spec", prefixed(EVERYTHING)).hex(), EVERYTHING_DIGEST
    for step, bits in [
        (0, "0000000000000000"), (3, "3f626e978d4fdf3c"), (4, "3f689374bc6a7efa"),
        (8, "3f689374bc6a7efa"), (15, "3f2b9300b8fd8aaa"), (17, "3f50624dd2f1a9fc"),
        (23, "3f4de80e57edb8e7"), (24, "3fa5555555555556"), (26, "3fc0000000000000"),
        (31, "3fb3988e1409212e"), (39, "3fb3988e1409212e"),
    ]:
        yield phase_bits(step), bits
    rest, first = [19, 17, 52, 15], [33, 86, 78, 43, 68, 23, 61, 20, 93, 59, 55, 44]
    yield orders(b"wrapped"), (rest + first, [70, 42, 54, 56])
    yield orders(b"kept"), (rest, [81, 96, 1, 85])
    yield orders(b"dropped")[0][:12], first
    yield orders(b"dropped")[1], [92, 63, 67, 60]


EVERYTHING_DIGEST = "ec02d487ff3172889bcf85789abd839c9c50b4c94f64a6772e6107bdd785bf82"


def vectors():
    """Yields what is computed, and what it has to be."""
    yield reference.ChaCha20(bytes(32)).next_u64(), 0x903DF1A0ADE0B876
    yield len(example_spec()), 600
    digest = "8de4edd4ece3c66462431ed921711f3effe29ee3a3c7bb3a841d6e4956927fc7"
    yield H("reenact v1 spec", prefixed(example_spec())).hex(), digest
    yield reference.Spec(example_spec()).samples, 64
    for length, expected in [
        (0, "a40fb2c557bb2e69"),
        (4, "043528dca3f8af76"),
        (4096, "a1973f33a3a0b944"),
        (300_000, "74d9029167f021fd"),
    ]:
        yield f"{reference.fingerprint(ramp(length)):016x}", expected
    yield order(0), [301, 223, 46, 1385, 1289, 21, 738, 849]
    yield order(179), [615, 126, 1030, 754, 843, 231, 623, 1336]
    yield rate_bits(0), "3f23a92a30553262"
    yield rate_bits(19), "3f689374bc6a7efa"
    yield rate_bits(20), "3f689374bc6a7efa"
    yield rate_bits(77), "3f6748055e0096d7"
    yield rate_bits(399), "3f1a3a363a92783c"
    yield reference.initial_seed(2026), 2492039856654919769
    yield reference.step_seed(2026, 0), 2724564971735240318
    seed = 0x0123456789ABCDEF
    block = reference.philox((0, 0, 0, 0), (seed % 2**32, seed >> 32))
    yield " ".join(f"{word:08x}" for word in block), "b850222e c58cb04b 14a7a020 7a84fff9"
    # Those of harness/burn/src/dropout/tests.rs.
    stays = "".join("01"[stay] for stay in reference.dropout_stays(seed, 1, 0.25, 64))
    yield stays, "1110111011111101110101110111111100111001111110111111010111111111"
    digest = "e29c1a200c1613b515eb214736dcfe63d7ea01caafed5029101ec62a1cb0b2c5"
    yield reference.samples_digest([3, 1]).hex(), digest
    leaves = [reference.leaf(*tensor) for tensor in odd_state()]
    root = "3a1e2279987af8148857f42adaefb6f262aee614da622a0e7618fb7a256e43d2"
    yield reference.root_of_leaves(leaves).hex(), root
    named = [(tensor[0], reference.leaf(*tensor)) for tensor in odd_state()]
    root = "e78f1403a9037b9fa437beda10c8dd84b56446bde0f443f68ecab30820a20790"
    yield reference.model_root(named).hex(), root
    yield figures_frame(), (2, [("loss_nats", bits_of(0.5))], True)
    yield gate_figures(), "1249e141496c62c9"
    yield one_frame_journal(), "666c2a6d5aa102a6a2eb79caaaf62c6cb06fea66a7c518c27a7ed2d7efb56d68"
    chosen = [(b"a", b"", 0, 3, b"tiled"), (b"mm", bytes([7, 255]), 2, 3, b"tiled")]
    yield selections(), (chosen, True)
    digest = "7bf96482027f358a27f35275258eeb521cdc9484af44e554f713c9301f23dbcf"
    yield reference.commitment_digest(commitment_text()).hex(), digest
    for options, expected in [
        ({}, [0, 6, 14, 18, 19]),
        ({"covered": [(1, 4), (8, 9), (19, 20)]}, [4, 5, 7, 12, 16]),
        ({"covered": [(1, 4), (8, 9)], "grows": True}, [4, 5, 6, 13, 17]),
        ({"covered": [(2, 20)]}, [0, 1, 3, 8, 13]),
        ({"rule": 2}, [1, 8, 12, 15, 19]),
        ({"rule": 1}, [1, 4, 5, 14, 19]),
    ]:
        yield reference.draw(bytes([9] * 32), "a nonce", 20, 5, **options), expected
    yield [reference.escape(20, m, 3) for m in (1, 18, 19, 20)], [17 / 19, 0.0, 0.0, 0.0]
    yield [reference.escape(20, m, 1) for m in (1, 19, 20)], [1.0, 1.0, 0.0]
    yield reference.count_by_policy(("confidence", 0.95, 1), 20), 20
    yield gate_class({"engine": "toy 1", "device": "cpu"}), "cpu-e703bc"
    digest = "0031c92efeff8bc1fd03362ab4e1aa29265a3bae7fb940b31d65f7d363636ebe"
    yield gate_trace(), digest
    yield from second()
    yield [gate_step()], indented("whose payload is an example of section 11:")


def main():
    wrong = [(found, expected) for found, expected in vectors() if found != expected]
    for found, expected in wrong:
        print(f"{found!r} instead of {expected!r}")
    print("all vectors agree" if not wrong else f"{len(wrong)} vectors differ")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
