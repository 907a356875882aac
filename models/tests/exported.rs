//! What `reenact export` writes is what burn's own stores read, without renaming anything.

mod tiny;

use std::collections::BTreeMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Device, Int, Tensor};
use burn_store::{ModuleSnapshot, ModuleStore, SafetensorsStore};
use reenact_burn::{Burn, Training};
use reenact_core::format::{Checkpoint, write_checkpoint, write_model};
use reenact_core::in_memory::MemoryFile;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Trainer};
use reenact_models::{CiceroGpt, DigitsCnn, DigitsMlp};
use tiny::{STEPS, setting, spec};

/// Collects the bytes of every parameter and buffer.
#[derive(Default)]
struct Bytes(Vec<Vec<u8>>);

impl ModuleVisitor for Bytes {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.0.push(param.val().into_data().as_bytes().to_vec());
    }

    fn visit_int<const D: usize>(&mut self, param: &Param<Tensor<D, Int>>) {
        self.0.push(param.val().into_data().as_bytes().to_vec());
    }
}

fn bytes<M: Module>(model: &M) -> Vec<Vec<u8>> {
    let mut bytes = Bytes::default();
    model.visit(&mut bytes);
    bytes.0
}

fn exported(trainer: &mut dyn Trainer) -> Vec<u8> {
    let state = trainer.capture(STEPS).unwrap();
    let mut stored = Vec::new();
    write_checkpoint(&state, &mut stored).unwrap();
    let checkpoint = Checkpoint::open(Box::new(MemoryFile::new(stored))).unwrap();
    let mut file = Vec::new();
    let root = write_model(&checkpoint, false, &BTreeMap::new(), &mut file).unwrap().unwrap();
    assert_eq!(root, state.root());
    file
}

fn names(store: &mut SafetensorsStore) -> Vec<String> {
    let mut names = store.keys().unwrap();
    names.sort();
    names
}

fn is_read_by_burn<T: Training>(training: T, spec: &Spec, hyper: &T::Hyper) {
    // Drawn with another stream than the trained one, so nothing agrees by chance.
    let device = Device::flex();
    device.seed(12345);
    let mut model = training.model(hyper, &device);
    bytes(&model);
    let (program, setting) = (Burn::new(training), setting());
    let data = program.data(spec, &setting).unwrap();
    let mut trainer = program.trainer(spec, data, &setting).unwrap();
    tiny::run(&mut trainer as &mut dyn Trainer, 0..STEPS);
    let file = exported(&mut trainer);
    let trained = bytes(trainer.model().unwrap());
    assert_ne!(bytes(&model), trained);
    let mut store = SafetensorsStore::from_bytes(Some(file));
    let read = model.load_from(&mut store).unwrap();
    assert!(read.errors.is_empty() && read.missing.is_empty() && read.unused.is_empty(), "{read}");
    assert_eq!(bytes(&model), trained, "{}", spec.name);
    // Burn writes the same names.
    let mut burns = SafetensorsStore::from_bytes(None);
    model.save_into(&mut burns).unwrap();
    assert_eq!(names(&mut store), names(&mut burns));
}

#[test]
fn burns_own_store_reads_an_exported_model() {
    let hyper = reenact_models::MlpHyper { hidden: 12, ..Default::default() };
    is_read_by_burn(DigitsMlp, &spec("digits-mlp", tiny::ADAMW), &hyper);
    // With the running statistics of batch norm.
    let hyper = reenact_models::CnnHyper { channels: 2, hidden: 8, ..Default::default() };
    is_read_by_burn(DigitsCnn, &spec("digits-cnn", tiny::SGD), &hyper);
    let hyper = reenact_models::GptHyper {
        layers: 1,
        heads: 2,
        width: 8,
        context: 8,
        ..Default::default()
    };
    is_read_by_burn(CiceroGpt, &spec("cicero-gpt", tiny::ADAMW), &hyper);
}
