//! The one text of a spec of format 2 that has everything, and what follows from it.

use reenact_core::spec::{LastBatch, Spec};

/// As an author may write it.
const WRITTEN: &str = r#"
format=2
name="everything"
steps=40
root_seed=2026
checkpoint_every=10
device="cpu"
comparison="bit-exact"
start={commitment="0202020202020202020202020202020202020202020202020202020202020202",recording="base"}
average={decay=0.999,step_start=5}
program.name="p"
program.precision="bf16"

[program.hyperparameters]
layers=[{width=4,kind="conv"},{kind="pool",size=[2,2],pad={left=1,right=0}}]
"a.b"=1
widths=[64,32,1]
mixed=[1,[0.5,true],{deep=[]}]
depth=3
attention={heads=4,drop=0.1}
none={}

[files]
"train.bin"="0101010101010101010101010101010101010101010101010101010101010101"
"held-out.bin"="0303030303030303030303030303030303030303030303030303030303030303"

[data]
name="d"
samples=100
files=["train.bin"]

[validation]
every="epoch"
batch_size=16
data={name="held-out",samples=20,files=["held-out.bin"]}

[batch]
size=8
accumulation=2
combination="weighted"
last="wrapped"
phases=[{step_start=10,size=16},{size=4,step_start=30}]

[optimizer]
kind="lion"
beta_1=0.95
weight_decay=1
nested={b=[1],a="x"}

[[groups]]
match="encoder.**"
frozen_until=10
learning_rate_factor=0.1

[[groups]]
match="**.bias"
weight_decay=0
clipping={kind="tensor-norm",limit=0.5}
optimizer={kind="sgd",momentum=0.9,nesterov=false,weight_decay=0.0}

[clipping]
kind="value"
limit=1

[learning_rate]
kind="phases"
phases=[
{shape="linear",steps=4,from=0,to=3e-3},
{shape="constant",steps=4,value=3e-3},
{shape="cosine",steps=8,from=3e-3,to=1e-4},
{shape="exponential",steps=8,from=1e-3,factor=0.97,every=2},
{shape="noam",steps=8,factor=1.5,model_size=48,warmup_steps=3}]

[sampling]
kind="all"
"#;

/// As a recorder stores it.
const CANONICAL: &str = include_str!("../../../tests/reference/everything.toml");

/// Its digest.
const DIGEST: &str = "ec02d487ff3172889bcf85789abd839c9c50b4c94f64a6772e6107bdd785bf82";

#[test]
fn everything_has_one_text() {
    let spec = Spec::parse(WRITTEN).unwrap();
    assert_eq!(spec.canonical(), CANONICAL);
    assert_eq!(Spec::parse(CANONICAL).unwrap(), spec);
    assert_eq!(spec.digest().to_string(), DIGEST);
}

#[test]
fn rates_in_phases_are_pinned() {
    let spec = Spec::parse(CANONICAL).unwrap();
    let bits = [0, 3, 4, 8, 15, 17, 23, 24, 26, 31, 39]
        .map(|step| spec.learning_rate_at(step).unwrap().to_bits());
    let golden = [
        0x0,
        0x3f626e978d4fdf3c,
        0x3f689374bc6a7efa,
        0x3f689374bc6a7efa,
        0x3f2b9300b8fd8aaa,
        0x3f50624dd2f1a9fc,
        0x3f4de80e57edb8e7,
        0x3fa5555555555556,
        0x3fc0000000000000,
        0x3fb3988e1409212e,
        0x3fb3988e1409212e,
    ];
    assert_eq!(bits, golden, "{bits:#x?}");
}

/// Returns the samples of the steps 6 and 10 of the spec above, where other rules hold for
/// the last ones of an epoch.
fn samples(last: LastBatch) -> [Vec<u32>; 2] {
    let mut spec = Spec::parse(CANONICAL).unwrap();
    spec.batch.last = last;
    let mut order = spec.data_order().unwrap();
    [6, 10].map(|step| order.samples(step).to_vec())
}

#[test]
fn order_of_every_kind_is_pinned() {
    // Of 100 samples, 16 a step: step 6 begins at place 96 of epoch 0, or in epoch 1.
    let [straddles, doubled] = samples(LastBatch::Wrapped);
    assert_eq!(straddles, WRAPPED_STEP_6);
    assert_eq!(doubled[..4], [70, 42, 54, 56]);
    assert_eq!(doubled.len(), 32);
    let [rest, doubled] = samples(LastBatch::Kept);
    assert_eq!(rest, WRAPPED_STEP_6[..4]);
    assert_eq!(doubled[..4], KEPT_STEP_10);
    let [first, doubled] = samples(LastBatch::Dropped);
    assert_eq!(first[..12], WRAPPED_STEP_6[4..]);
    assert_eq!(doubled[..4], DROPPED_STEP_10);
}

/// Four samples of epoch 0 and twelve of epoch 1.
const WRAPPED_STEP_6: [u32; 16] = [19, 17, 52, 15, 33, 86, 78, 43, 68, 23, 61, 20, 93, 59, 55, 44];
const KEPT_STEP_10: [u32; 4] = [81, 96, 1, 85];
const DROPPED_STEP_10: [u32; 4] = [92, 63, 67, 60];

#[test]
fn what_differs_is_named_also_in_lists() {
    let spec = Spec::parse(CANONICAL).unwrap();
    let changed = |from: &str, to: &str| {
        let text = CANONICAL.replacen(from, to, 1);
        assert_ne!(text, CANONICAL, "{from}");
        let found = spec.differences(&Spec::parse(&text).unwrap());
        found.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let one = |from, to, said: &str| assert_eq!(changed(from, to), [said]);
    one("to = 0.0001", "to = 0.0002", "`learning_rate.phases[2].to` was 0.0001 and is now 0.0002");
    one(
        "widths = [64",
        "widths = [65",
        "`program.hyperparameters.widths` was [64, 32, 1] and is now [65, 32, 1]",
    );
    one("left = 1", "left = 2", "`program.hyperparameters.layers[1].pad.left` was 1 and is now 2");
    one("last = \"wrapped\"\n", "", "`batch.last` was \"wrapped\" and is now \"dropped\"");
    one("\"a.b\" = 1", "\"a.b\" = 2", "`program.hyperparameters.\"a.b\"` was 1 and is now 2");
    one(
        "\n[program.hyperparameters.none]\n",
        "",
        "`program.hyperparameters.none` was {} and is now left out",
    );
    one("step_start = 30", "step_start = 31", "`batch.phases[1].step_start` was 30 and is now 31");
    // A name with a dot is no table.
    let found = changed("\"a.b\" = 1", "a.b = 1");
    assert_eq!(found.len(), 2, "{found:?}");
    let found = changed("[[batch.phases]]\nstep_start = 30\nsize = 4\n", "");
    assert_eq!(
        found,
        [
            "`batch.phases[1].size` was 4 and is now left out",
            "`batch.phases[1].step_start` was 30 and is now left out",
        ]
    );
}

#[test]
fn unknown_keys_are_errors_everywhere() {
    let tables = CANONICAL.match_indices("\n[").map(|(at, _)| at);
    let ends = tables.chain([0]).map(|at| at + CANONICAL[at + 1..].find('\n').unwrap() + 2);
    let mut open = Vec::new();
    for at in ends {
        let (before, after) = CANONICAL.split_at(at);
        if Spec::parse(&format!("{before}surprise = 1\n{after}")).is_ok() {
            open.push(before.lines().last().unwrap());
        }
    }
    // What has names of its author's and of the engine's.
    assert_eq!(
        open,
        [
            "[program.hyperparameters]",
            "[program.hyperparameters.attention]",
            "[[program.hyperparameters.layers]]",
            "[[program.hyperparameters.layers]]",
            "[program.hyperparameters.layers.pad]",
            "[program.hyperparameters.none]",
            "[optimizer]",
            "[optimizer.nested]",
        ]
    );
    for (from, to) in [
        ("kind = \"all\"", "kind = \"all\"\na = 1"),
        ("kind = \"phases\"", "kind = \"phases\"\nvalue = 1"),
        ("every = \"epoch\"", "every = {}"),
        ("every = \"epoch\"", "every = \"epochs\""),
    ] {
        assert!(Spec::parse(&CANONICAL.replacen(from, to, 1)).is_err(), "{to}");
    }
}
