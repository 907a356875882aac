//! What is said of a spec that cannot be: the key, and what to do.

mod common;

use common::spec;
use reenact_core::spec::Spec;

const ZEROS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What is wrong with the spec of the tests once `to` stands in the place of `from`; `@` is a
/// digest.
fn problem(format: u32, from: &str, to: &str) -> String {
    let text = spec().canonical().replace("format = 1", &format!("format = {format}"));
    let changed = text.replacen(from, &to.replace('@', &format!("{ZEROS:?}")), 1);
    assert_ne!(changed, text, "{from}");
    Spec::parse(&changed).err().map(|error| error.to_string()).unwrap_or_default()
}

const RATE: &str = "kind = \"constant\"\nvalue = 0.05";

/// What only format 2 has, as a line in the place of `[data]`, `[batch]` or the rate.
const NEWER: [(&str, &str, &str); 14] = [
    ("`program.precision`", "[data]", "[program]\nname = \"p\"\nprecision = \"f32\"\n[data]"),
    ("`program.hyperparameters.a`", "[data]", "[program.hyperparameters]\na = []\n[data]"),
    ("`data.files`", "[data]", "[data]\nfiles = []"),
    ("`start`", "[data]", "[start]\nrecording = \"a\"\ncommitment = @\n[data]"),
    ("`batch.combination`", "[batch]", "[batch]\ncombination = \"mean\""),
    ("`batch.last`", "[batch]", "[batch]\nlast = \"dropped\""),
    ("`batch.phases`", "[batch]", "[batch]\nphases = []"),
    ("`groups`", "[data]", "[[groups]]\nmatch = \"**\"\n[data]"),
    ("`average`", "[data]", "[average]\ndecay = 0.5\n[data]"),
    (
        "`validation`",
        "[data]",
        "[validation]\nevery = 3\nbatch_size = 4\ndata = { name = \"d\", samples = 4, digest = @ }\n[data]",
    ),
    ("`clipping.kind = ", "[data]", "[clipping]\nkind = \"tensor-norm\"\nlimit = 1\n[data]"),
    ("`learning_rate.kind = \"program\"`", RATE, "kind = \"program\""),
    (
        "`learning_rate.kind = \"phases\"`",
        RATE,
        "kind = \"phases\"\nphases = [{ shape = \"constant\", steps = 1, value = 1 }]",
    ),
    ("`optimizer.kind`: \"lion\"", "kind = \"sgd\"", "kind = \"lion\""),
];

#[test]
fn an_older_format_has_none_of_the_newer_keys() {
    let text = spec().canonical();
    let program = text.lines().skip_while(|line| *line != "[program]").take(2);
    let program = program.collect::<Vec<_>>().join("\n");
    for (key, from, to) in NEWER {
        // A table stands there once.
        let from =
            if to.starts_with("[program]") { format!("{program}\n\n{from}") } else { from.into() };
        let error = problem(1, &from, to);
        assert!(error.starts_with(key) || error.contains(key), "{key}: {error}");
        assert!(error.contains("write `format = 2`"), "{error}");
        assert_eq!(problem(2, &from, to), "", "{key}");
    }
    let digest = text.lines().find(|line| line.starts_with("digest")).unwrap();
    assert!(problem(1, digest, "").starts_with("`data.digest`: it is missing"));
    assert!(problem(2, digest, "").starts_with("`data.digest`: it is missing"));
}

#[test]
fn the_number_of_the_format_is_read_first() {
    for number in ["0", "3", "-1", "9223372036854775807"] {
        let error = problem(1, "format = 1", &format!("format = {number}\nsurprise = 1"));
        assert!(error.starts_with(&format!("`format = {number}`: ")), "{error}");
    }
    for number in ["\"1\"", "1.0", "[]"] {
        let error = problem(1, "format = 1", &format!("format = {number}"));
        assert!(error.contains("invalid type"), "{error}");
    }
}

/// The second phase of a rate, and the key that is wrong in it.
const PHASES: [(&str, &str); 8] = [
    ("shape = \"linear\", steps = 4, from = -1, to = 1", "from`: -1"),
    ("shape = \"linear\", steps = 0, from = 1, to = 1", "steps`: 0"),
    ("shape = \"cosine\", steps = 4, from = 1, to = nan", "to`: NaN"),
    ("shape = \"constant\", steps = 4, value = inf", "value`: inf"),
    ("shape = \"exponential\", steps = 4, from = 1, factor = 1.5", "factor`: 1.5"),
    ("shape = \"exponential\", steps = 4, from = 1, factor = 1, every = 0", "every`: 0"),
    ("shape = \"noam\", steps = 4, factor = 1, model_size = 0, warmup_steps = 1", "model_size`: 0"),
    ("shape = \"noam\", steps = 4, factor = 0, model_size = 1, warmup_steps = 1", "factor`: 0"),
];

#[test]
fn a_wrong_phase_is_named() {
    for (phase, key) in PHASES {
        let first = "shape = \"constant\", steps = 1, value = 1";
        let phases = format!("kind = \"phases\"\nphases = [{{ {first} }}, {{ {phase} }}]");
        let error = problem(2, RATE, &phases);
        assert!(error.starts_with(&format!("`learning_rate.phases[1].{key}")), "{error}");
    }
}

/// What stands in `[batch]` beside the size, and what is said.
const BATCHES: [(&str, &str); 6] = [
    ("phases = [{ step_start = 0, size = 4 }]", "`batch.phases[0].step_start`: 0"),
    (
        "phases = [{ step_start = 9, size = 4 }, { step_start = 9, size = 4 }]",
        "`batch.phases[1].step_start`: 9",
    ),
    ("phases = [{ step_start = 9, size = 65 }]", "`batch.phases[0].size`: 65 is more"),
    ("phases = [{ step_start = 9, size = 9999999 }]", "`batch.phases[0].size`: 9999999 is out"),
    ("phases = [{ step_start = 9223372036854775807, size = 4 }]", "`batch.phases[0].step_start`"),
    (
        "accumulation = 2\nphases = [{ step_start = 9, size = 64 }]",
        "`batch.accumulation`: 2 times `batch.phases[0].size` = 64",
    ),
];

/// A table, and the key that is wrong in it.
const TABLES: [(&str, &str); 11] = [
    ("[[groups]]\nmatch = \"a b\"", "groups[0].match"),
    (
        "[[groups]]\nmatch = \"a\"\n[[groups]]\nmatch = \"b\"\nlearning_rate_factor = nan",
        "groups[1].learning_rate_factor",
    ),
    (
        "[[groups]]\nmatch = \"a\"\nclipping = { kind = \"value\", limit = 0 }",
        "groups[0].clipping.limit",
    ),
    (
        "[[groups]]\nmatch = \"a\"\noptimizer = { kind = \"x\", b = [1, nan] }",
        "groups[0].optimizer.b[1]",
    ),
    ("[average]\ndecay = 1.0", "average.decay"),
    ("[start]\nrecording = \"../a\"\ncommitment = @", "start.recording"),
    ("[program.hyperparameters]\na = [1, { b = 1979-05-27 }]", "program.hyperparameters.a[1].b"),
    (
        "[program.hyperparameters]\na = [[[[[[[[[[1]]]]]]]]]]",
        "program.hyperparameters.a[0][0][0][0][0][0][0][0][0]",
    ),
    ("[program.hyperparameters]\na = { b = \"c d\" }", "program.hyperparameters.a.b"),
    (
        "[validation]\nevery = 0\nbatch_size = 4\ndata = { name = \"d\", samples = 4, digest = @ }",
        "validation.every",
    ),
    (
        "[validation]\nevery = \"epoch\"\nbatch_size = 4\ndata = { name = \"d\", samples = 4 }",
        "validation.data.digest",
    ),
];

#[test]
fn a_wrong_value_is_named() {
    for (batch, said) in BATCHES {
        let error = problem(2, "size = 4", &format!("size = 4\n{batch}"));
        assert!(error.starts_with(said), "{error}");
    }
    for (table, key) in TABLES {
        let error = problem(2, "[data]", &format!("{table}\n[data]"));
        assert!(error.starts_with(&format!("`{key}`: ")), "{error}");
    }
    let error = problem(2, "[data]", "[data]\nfiles = [\"x\"]");
    assert!(error.starts_with("`data.files`: \"x\" is no file"), "{error}");
    let every = "[validation]\nevery = \"day\"\nbatch_size = 4\ndata = { name = \"d\", samples = 4, digest = @ }\n[data]";
    let error = problem(2, "[data]", every);
    assert!(error.contains("a number of steps or \"epoch\""), "{error}");
}
