//! An honest recording of the toy program, as small as one can be.

use std::sync::{Arc, LazyLock};

use reenact_core::data::DataSet;
use reenact_core::digest::Digest;
use reenact_core::format::{Environment, Object, SecretKey};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::{Recorder, sign};
use reenact_core::spec::Spec;
use reenact_toy::Toy;
use reenact_core::trainer::{Engine, Program, Setting, Trainer, TrainerError};

/// Trains 2 steps in 2 segments.
const SPEC: &str = r#"
format = 1
name = "toy"
root_seed = 7
steps = 2
checkpoint_every = 1
device = "cpu"
comparison = "bit-exact"
program.name = "toy-plane"
data = { name = "toy-points", samples = 64, digest = "DIGEST" }
batch.size = 2
optimizer = { kind = "sgd", momentum = 0.9, nesterov = false, weight_decay = 0.0 }
learning_rate = { kind = "constant", value = 0.05 }
sampling.kind = "all"
"#;

/// The spec that comes with reenact, for its comments and its other schedule.
pub const TOY_PLANE: &str = include_str!("../../../replay-specs/toy-plane.toml");

/// The recording, signed; made once.
pub static RUN: LazyLock<MemoryRun> = LazyLock::new(record);

/// Its data set.
pub static DATA: LazyLock<Arc<dyn DataSet>> = LazyLock::new(|| {
    let any = Spec::parse(&SPEC.replace("DIGEST", &Digest::default().to_string()));
    Toy.data(&any.expect("the spec is right"), &setting()).expect("the toy has its data")
});

/// Digest of its data set, which takes a while to compute.
pub static DATA_DIGEST: LazyLock<Digest> = LazyLock::new(|| DATA.digest().expect("they are in memory"));

fn setting() -> Setting {
    Setting::new("cpu", 1)
}

/// Starts the toy program on a spec, which need not be its own.
pub fn trainer(spec: &Spec) -> Result<Box<dyn Trainer>, TrainerError> {
    Toy.start(spec, DATA.clone(), &setting())
}

/// The key that signs it.
pub fn key() -> SecretKey {
    SecretKey::from_seed(&[7; 32])
}

/// The spec of the recording.
pub fn spec() -> Spec {
    let text = SPEC.replace("DIGEST", &DATA_DIGEST.to_string());
    Spec::parse(&text).expect("the spec is right")
}

/// Where it was recorded.
pub fn environment(class: u8) -> Environment {
    let class = [("engine", format!("toy {class}")), (Engine::DEVICE, "cpu".into())];
    Environment {
        engine: Engine {
            class: class.map(|(name, fact)| (name.to_owned(), fact)).into(),
            notes: Default::default(),
        },
        reenact: "0".into(),
        rustc: "0".into(),
        lock: Digest([1; 32]),
        binary: Digest([2; 32]),
        system: "any".into(),
    }
}

fn record() -> MemoryRun {
    let mut run = MemoryRun::default();
    let trainer = trainer(&spec()).expect("the toy knows its spec");
    let recorder = Recorder::start(&mut run, spec(), trainer, environment(1));
    let mut recorder = recorder.expect("memory takes it");
    while !recorder.is_done() {
        recorder.advance().expect("the toy trains");
    }
    recorder.finish().expect("memory takes it");
    sign(&mut run, &key()).expect("the commitment is that of the journal");
    run
}

/// Returns one object of the recording.
pub fn object(object: Object) -> &'static [u8] {
    &RUN.objects[&object]
}

/// Returns its checkpoints, by name.
pub fn checkpoints() -> impl Iterator<Item = &'static [u8]> {
    let found = RUN.objects.iter().filter(|(name, _)| matches!(name, Object::Checkpoint(_)));
    found.map(|(_, bytes)| bytes.as_slice())
}
