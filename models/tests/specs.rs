//! The specs that come with the programs, and what goes wrong with others.

mod tiny;

use std::fs;

use reenact_core::spec::{Hyperparameter, Spec};
use reenact_core::trainer::{Request, Setting, TrainerError};
use tiny::{program, setting, try_start};

fn specs() -> impl Iterator<Item = Spec> {
    reenact_models::SPECS.iter().map(|(name, text)| {
        let spec = Spec::parse(text).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(spec.name, *name);
        spec
    })
}

#[test]
fn data_digests_are_those_of_the_specs() {
    for spec in specs() {
        let data = program(&spec).data(&spec, &setting()).unwrap();
        assert_eq!(data.digest().ok(), spec.data.digest, "{}", spec.name);
    }
}

#[test]
fn each_program_has_a_spec_and_a_description() {
    for program in reenact_models::programs() {
        assert!(specs().any(|spec| spec.program.name == program.name()));
        assert!(!program.describe().is_empty());
    }
}

#[test]
fn impossible_hyperparameters_are_refused_by_name() {
    let bad: [(&str, &str, Hyperparameter); 10] = [
        ("digits-mlp", "hiden", Hyperparameter::Integer(16)),
        ("digits-mlp", "hidden", Hyperparameter::Integer(0)),
        ("digits-mlp", "hidden", Hyperparameter::Integer(-1)),
        ("digits-mlp", "hidden", Hyperparameter::Text("big".into())),
        ("digits-mlp", "side", Hyperparameter::Integer(28)),
        ("digits-mlp", "brightest", Hyperparameter::Integer(0)),
        ("digits-cnn", "dropout", Hyperparameter::Real(1.0)),
        ("cicero-gpt", "heads", Hyperparameter::Integer(3)),
        ("cicero-gpt", "context", Hyperparameter::Integer(0)),
        ("cicero-gpt", "context", Hyperparameter::Integer(100_000)),
    ];
    for (name, key, value) in bad {
        let mut spec = specs().find(|spec| spec.name == name).unwrap();
        spec.program.hyperparameters.insert(key.into(), value);
        match try_start(&spec, &setting()).err() {
            Some(TrainerError::Hyperparameter(problem)) => {
                assert!(problem.contains(key), "{key}: {problem}");
            }
            other => panic!("{name} {key}: {other:?}"),
        }
    }
}

#[test]
fn unknown_devices_and_data_sets_are_refused() {
    let spec = specs().next().unwrap();
    let abacus = Setting { device: "abacus:0".into(), ..setting() };
    let error = try_start(&spec, &abacus).err().unwrap();
    assert!(matches!(error, TrainerError::Device { .. }), "{error}");
    assert!(error.to_string().contains("cpu"), "{error}");
    assert!(program(&spec).platform().engine(&abacus).is_err());
    for mut spec in specs() {
        spec.data.name = "imagenet".into();
        let error = try_start(&spec, &setting()).err().unwrap();
        assert!(matches!(error, TrainerError::Data { .. }), "{error}");
    }
}

#[test]
fn the_engine_says_what_decides_the_bits() {
    let spec = specs().next().unwrap();
    let engine = program(&spec).platform().engine(&setting()).unwrap();
    let chosen = ["engine", "backend", "arch", "simd", "products", "rounding"];
    let measured = ["probe.functions", "probe.products", "probe.reductions"];
    for fact in chosen.iter().chain(&measured) {
        assert!(engine.class.contains_key(*fact), "{fact} in {:?}", engine.class);
    }
    // What decides nothing parts no machines.
    let text = format!("{:?}", engine.class);
    assert!(engine.notes.contains_key("caches") && !text.contains(&engine.notes["caches"]));
    assert!(!text.contains("vnni"), "{text}");
    assert_eq!(engine.notes["threads"], "1");
    assert_eq!(program(&spec).platform().engine(&setting()).unwrap(), engine);
}

#[test]
fn idx_files_of_a_user_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let here = Setting { data_dir: folder.path().into(), ..setting() };
    let mut spec = specs().next().unwrap();
    spec.data.name = "idx".into();
    spec.batch.size = 4;
    spec.program.hyperparameters.insert("side".into(), Hyperparameter::Integer(3));
    assert!(matches!(try_start(&spec, &here), Err(TrainerError::Data { .. })));
    let images = [&[0, 0, 8, 3, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0, 3][..], &[7; 180]].concat();
    fs::write(folder.path().join("images.idx3-ubyte"), &images).unwrap();
    let labels: Vec<u8> =
        [0, 0, 8, 1, 0, 0, 0, 20].into_iter().chain((0..20).map(|i| i % 10)).collect();
    fs::write(folder.path().join("labels.idx1-ubyte"), &labels).unwrap();
    let mut trainer = try_start(&spec, &here).unwrap();
    trainer.step(0, &Request::default()).unwrap();
    assert_eq!(trainer.evaluate().unwrap().len(), 2);
    fs::write(folder.path().join("images.idx3-ubyte"), &images[..100]).unwrap();
    assert!(matches!(try_start(&spec, &here), Err(TrainerError::Data { .. })));
}
