//! A rehearsal names the first difference of two trainings.

use reenact_core::format::KernelSelection;
use reenact_core::spec::Spec;
use reenact_core::trainer::{Program, Setting};
use reenact_core::verify::{Departure, Part, Rehearsal, middle, rehearse};
use reenact_toy::Toy;

fn rehearsal(hyperparameters: &str, threads: usize, restored_step: Option<u64>) -> Rehearsal {
    let spec = include_str!("../../../replay-specs/toy-plane.toml");
    let program = format!("[program]\nname = \"toy-plane\"\n{hyperparameters}\n");
    let spec = spec.replace("[program]\nname = \"toy-plane\"\n", &program);
    let spec = Spec::parse(&spec).unwrap();
    let setting = Setting::new("cpu", threads);
    let data = Toy.data(&spec, &setting).unwrap();
    let mut threads = threads;
    let mut start = |pinned: &[KernelSelection]| {
        let selections = pinned.to_vec().into();
        let setting = Setting { threads, selections, ..setting.clone() };
        // With one thread a tuned toy would choose otherwise, were it not pinned.
        threads = 1;
        Toy.start(&spec, data.clone(), &setting)
    };
    rehearse(&mut start, &[], 5, restored_step, &mut |_| ()).unwrap()
}

fn unsteady(part: &str, by: &str) -> String {
    format!(
        "[program.hyperparameters]\nunsteady = \"{part}\"\nunsteady_step = 3\nunsteady_by = \"{by}\""
    )
}

#[test]
fn a_steady_program_repeats_in_every_bit() {
    let first = rehearsal("", 1, None);
    assert_eq!(first.steps.len(), 5);
    for second in [rehearsal("", 4, None), rehearsal("", 1, Some(2)), rehearsal("", 1, Some(0))] {
        assert_eq!(Departure::between(&first, &second), None);
    }
}

#[test]
fn kernels_once_chosen_are_kept() {
    let tuned = "[program.hyperparameters]\ntuned = true";
    let (plain, restored) = (rehearsal(tuned, 4, None), rehearsal(tuned, 4, Some(2)));
    assert_eq!((plain.selections.len(), plain.selections[0].choice), (1, 1));
    assert_eq!(Departure::between(&plain, &restored), None);
    assert_ne!(Departure::between(&plain, &rehearsal(tuned, 1, None)), None);
}

#[test]
fn the_first_difference_is_named_by_step_part_and_tensor() {
    let weight = &["model.weight"][..];
    for (name, part, tensors) in [
        ("batch", Part::Batch, &[][..]),
        ("loss", Part::Loss, &[]),
        ("gradient", Part::Gradient, weight),
        ("update", Part::Update, weight),
    ] {
        let hyperparameters = unsteady(name, "run");
        let rehearse = || rehearsal(&hyperparameters, 1, None);
        let found = Departure::between(&rehearse(), &rehearse()).unwrap();
        assert_eq!((found.step, found.part), (3, part), "{found}");
        assert_eq!(found.tensors, tensors, "{found}");
    }
}

#[test]
fn weights_and_captures_are_told_from_steps() {
    let found = |part: &str| {
        let hyperparameters = unsteady(part, "run");
        let rehearse = || rehearsal(&hyperparameters, 1, None);
        Departure::between(&rehearse(), &rehearse()).unwrap()
    };
    let initial = found("initial-weights");
    assert_eq!((initial.step, initial.part), (0, Part::InitialWeights));
    assert_eq!(initial.to_string(), "before step 0, initial `model.weight`");
    let closing = found("closing-state");
    assert_eq!((closing.step, closing.part), (5, Part::ClosingState));
    assert_eq!(closing.to_string(), "after the last step, captured `model.weight`");
}

#[test]
fn threads_and_what_a_state_does_not_hold_are_seen() {
    let by_threads = unsteady("gradient", "threads");
    let with = |threads| rehearsal(&by_threads, threads, None);
    assert_eq!(Departure::between(&with(2), &with(2)), None);
    let found = Departure::between(&with(1), &with(2)).unwrap();
    assert_eq!(found.to_string(), "step 3, gradient of `model.weight`");
    let by_restoring = unsteady("update", "restore");
    let restored = |step| rehearsal(&by_restoring, 1, step);
    assert_eq!(Departure::between(&restored(None), &restored(None)), None);
    let found = Departure::between(&restored(None), &restored(Some(2))).unwrap();
    assert_eq!(found.order(), (3, Part::Update));
}

/// As on a GPU, where two honest programs were said not to repeat.
#[test]
fn how_tensors_lie_in_memory_follows_the_checkpoints_and_is_no_fault() {
    let by_layout = unsteady("gradient", "layout");
    let plain = rehearsal(&by_layout, 1, None);
    let restored = rehearsal(&by_layout, 1, Some(middle(5)));
    assert_eq!(Departure::between(&plain, &restored), None);
    let elsewhere = rehearsal(&by_layout, 1, Some(3));
    assert!(Departure::between(&plain, &elsewhere).is_some(), "the layout is seen");
}
