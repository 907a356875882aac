//! Each attack of the catalogue, with the layer, segment, step, stage and
//! tensor that must be named.

use std::path::Path;

use reenact_core::attack::{Planted, PostHocAttack, plant};
use reenact_store::Directory;

use crate::common::{DIVERGENT, Found, MATCH, audit, divergent_segments, findings, record};
use crate::run::{EVERY, PROGRAMS, Run, short_spec};

/// A step in the middle of the second segment.
const STEP: u64 = 15;
const SEGMENT: u64 = STEP / EVERY;

/// Trains with an attack and returns the one segment that diverges.
#[track_caller]
fn caught_in_run(program: &str, attack: &str) -> (Vec<String>, Found) {
    let run = Run::record(program, &["--attack", attack]);
    let report = audit(&run.path, &[]).expect(DIVERGENT).json();
    let mut found = divergent_segments(&report);
    assert_eq!(found.len(), 1, "{program} {attack}: {found:?}");
    let objects = findings(&report).into_iter().map(|(object, step, problem)| {
        assert_eq!(step, Some(STEP), "{program} {attack}: {problem}");
        format!("{object}: {problem}")
    });
    (objects.collect(), found.remove(0))
}

/// Checks where the replay of an attack at [`STEP`] leaves the recording.
#[track_caller]
fn assert_caught_by_replay(program: &str, attack: &str, stage: &str) -> Found {
    let (findings, found) = caught_in_run(program, &format!("{attack}@{STEP}"));
    assert_eq!((found.segment, found.step), (SEGMENT, Some(STEP)), "{program} {attack}");
    assert_eq!(found.stage, stage, "{program} {attack}");
    assert!(!found.tensors.is_empty() && !found.closing.is_empty(), "{program} {attack}");
    assert_eq!(findings, Vec::<String>::new(), "{program} {attack}: not seen without replay");
    let like = if attack == "in-run-edit" { "weight-edit" } else { attack };
    assert_eq!(found.explained.as_deref(), Some(like), "{program} {attack}");
    found
}

#[test]
fn lr_tamper() {
    for (program, ..) in PROGRAMS {
        let found = assert_caught_by_replay(program, "lr-tamper", "update");
        // The rate scales the step of the parameters, not the moments.
        assert!(found.tensors.iter().all(|name| name.starts_with("model.")), "{found:?}");
    }
}

#[test]
fn sign_flip_for_one_step() {
    for (program, ..) in PROGRAMS {
        let found = assert_caught_by_replay(program, "sign-flip", "update");
        assert!(found.tensors.iter().any(|name| name.starts_with("optimizer.")), "{found:?}");
    }
}

#[test]
fn dropout_off() {
    for program in ["digits-cnn", "cicero-gpt"] {
        assert_caught_by_replay(program, "dropout-off", "loss");
    }
}

#[test]
fn in_run_edit_of_one_weight() {
    for (program, ..) in PROGRAMS {
        let found = assert_caught_by_replay(program, "in-run-edit", "update");
        assert_eq!(found.tensors.len(), 1, "{program}: {:?}", found.tensors);
        assert!(found.tensors[0].starts_with("model."));
    }
}

#[test]
fn moment_edit_in_the_run() {
    for (program, ..) in PROGRAMS {
        let found = assert_caught_by_replay(program, "moment-edit", "update");
        assert!(found.tensors.iter().all(|name| name.starts_with("optimizer.")), "{found:?}");
    }
}

#[test]
fn order_swap_is_seen_without_replay_and_by_it() {
    for (program, ..) in PROGRAMS {
        let (findings, found) = caught_in_run(program, &format!("order-swap@{STEP}"));
        assert!(findings[0].contains("samples"), "{program}: {findings:?}");
        assert_eq!((found.step, found.stage.as_str()), (Some(STEP), "batch"), "{program}");
        assert_eq!(found.explained.as_deref(), Some("order-swap"), "{program}");
    }
}

#[test]
fn moment_reset() {
    for (program, ..) in PROGRAMS {
        assert_caught_by_replay(program, "moment-reset", "update");
    }
}

#[test]
fn kernel_swap() {
    for (program, ..) in PROGRAMS {
        assert_caught_by_replay(program, "kernel-swap", "gradient");
    }
}

#[test]
fn clip_off() {
    let honest = Run::record("digits-mlp", &[]);
    let folder = honest.path.parent().unwrap();
    // A limit that every gradient exceeds.
    let spec = short_spec(folder, "cicero-gpt", &[("limit = 1.0", "limit = 0.01")]);
    let run = honest.beside("unclipped");
    record(&spec, &run, &["--attack", &format!("clip-off@{STEP}")]);
    let found = divergent_segments(&audit(&run, &["--segment", "1"]).expect(DIVERGENT).json());
    assert_eq!((found[0].step, found[0].explained.as_deref()), (Some(STEP), Some("clip-off")));
}

#[test]
fn learning_rates_are_solved_for() {
    for (program, ..) in PROGRAMS {
        let run = Run::record(program, &["--attack", &format!("lr-tamper@{STEP}*1.037")]);
        let report = audit(&run.path, &["--segment", "1"]).expect(DIVERGENT).json();
        let cause = &report["segments"][0]["explanation"]["causes"][0]["cause"];
        assert_eq!((&cause["kind"], &cause["factor"]), (&"learning-rate".into(), &1.037.into()));
    }
}

#[test]
fn label_flip_and_pixel_edit_are_seen_without_replay_and_by_it() {
    for program in ["digits-mlp", "digits-cnn"] {
        for attack in ["label-flip", "pixel-edit"] {
            let (findings, found) = caught_in_run(program, &format!("{attack}@{STEP}"));
            assert!(findings[0].contains("labels were changed"), "{program}: {findings:?}");
            assert_eq!((found.step, found.stage.as_str()), (Some(STEP), "batch"), "{program}");
            // What a patch looks like cannot be guessed.
            let like = (attack == "label-flip").then_some("label-flip");
            assert_eq!(found.explained.as_deref(), like, "{program}");
        }
    }
}

#[test]
fn lr_recorded_is_seen_without_replay_and_by_it() {
    let (findings, found) = caught_in_run("digits-mlp", &format!("lr-recorded@{STEP}"));
    assert!(findings[0].contains("factor 1.05"), "{findings:?}");
    assert_eq!((found.step, found.stage.as_str()), (Some(STEP), "learning-rate"));
}

#[test]
fn seed_swap_is_seen_at_step_0_and_in_every_segment() {
    for (program, _, steps) in PROGRAMS {
        let run = Run::record(program, &["--attack", "seed-swap"]);
        let report = audit(&run.path, &[]).expect(DIVERGENT).json();
        let (object, step, problem) = findings(&report).remove(0);
        assert_eq!((object.as_str(), step), ("journal", Some(0)), "{program}");
        assert!(problem.contains("another seed"), "{problem}");
        let found = divergent_segments(&report);
        assert_eq!(found.len() as u64, steps / EVERY, "{program}");
        assert_eq!((found[0].step, found[0].stage.as_str()), (Some(0), "batch"));
        let initial = report["segments"][0]["outcome"]["replay"]["initial"].as_array().unwrap();
        assert!(!initial.is_empty(), "{program}: the initial weights are of another seed");
    }
}

/// Plants an attack into a copy of a recording.
fn planted(attack: &str, run: &Path, other: Option<&Path>, copy: &Path) -> Planted {
    let attack: PostHocAttack = attack.parse().unwrap();
    let open = |path| Directory::open(path).unwrap();
    let other = other.map(open);
    let other = other.as_ref().map(|other| other as &dyn reenact_core::format::ReadRun);
    plant(&attack, &open(run), other, &mut Directory::create(copy).unwrap()).unwrap()
}

/// Checks that a re-signed edit at the boundary 20 is caught in the segment
/// that ends there, at its last step, in just the tensors that were edited.
#[track_caller]
fn assert_boundary_edit(program: &str, attack: &str) -> Found {
    let run = Run::record(program, &[]);
    let copy = run.beside("copy");
    let planted = planted(&format!("{attack}@20"), &run.path, None, &copy);
    let report = audit(&copy, &["--sample", "1"]);
    // Whichever segment is drawn; the one that ends at the edit is segment 1.
    assert!(matches!(report.code, Some(MATCH | DIVERGENT)));
    let report = audit(&copy, &[]).expect(DIVERGENT).json();
    assert_eq!(findings(&report), vec![], "{program}: every digest was recomputed");
    let found = divergent_segments(&report).remove(0);
    assert_eq!((found.segment, found.step), (1, Some(19)), "{program} {attack}");
    assert_eq!(found.stage, "update");
    assert_eq!(found.closing, planted.changes[0].tensors, "{program} {attack}");
    assert_eq!(found.explained.as_deref(), Some(attack), "{program} {attack}");
    // Segments that the edit does not touch are clean: the stated limit.
    audit(&copy, &["--segment", "0"]).expect(MATCH);
    found
}

#[test]
fn weight_edit_by_one_ulp() {
    for (program, ..) in PROGRAMS {
        let found = assert_boundary_edit(program, "weight-edit");
        assert_eq!(found.closing.len(), 1, "{program}: {found:?}");
    }
}

#[test]
fn moment_edit_at_a_boundary() {
    for (program, ..) in PROGRAMS {
        let found = assert_boundary_edit(program, "moment-edit");
        assert!(found.closing.iter().all(|name| name.starts_with("optimizer.")), "{found:?}");
    }
}

#[test]
fn splice_of_another_run() {
    for (program, ..) in PROGRAMS {
        let run = Run::record(program, &[]);
        let (other, copy) = (run.beside("other"), run.beside("copy"));
        let seed = [("root_seed = 2026", "root_seed = 2027")];
        let folder = run.path.parent().unwrap();
        record(&short_spec(folder, program, &seed), &other, &[]);
        planted("splice@20", &run.path, Some(&other), &copy);
        let found = divergent_segments(&audit(&copy, &[]).expect(DIVERGENT).json());
        let places: Vec<_> = found.iter().map(|found| (found.segment, found.step)).collect();
        assert_eq!(places, [(1, Some(19)), (2, Some(20))], "{program}");
        assert_eq!(found[1].explained.as_deref(), Some("checkpoint replaced"), "{program}");
    }
}

#[test]
fn no_training() {
    for (program, _, steps) in PROGRAMS {
        let run = Run::record(program, &[]);
        let copy = run.beside("copy");
        planted("no-training", &run.path, None, &copy);
        let report = audit(&copy, &[]).expect(DIVERGENT).json();
        let found = divergent_segments(&report);
        assert_eq!(found.len() as u64, steps / EVERY, "{program}: every segment");
        assert_eq!((found[0].segment, found[0].step), (0, Some(9)), "{program}");
        let notes = report["findings"].as_array().unwrap();
        assert!(
            notes.iter().any(|note| note["problem"].as_str().unwrap().contains("no parameter"))
        );
    }
}

#[test]
fn truncated() {
    let run = Run::record("digits-mlp", &[]);
    // With the old commitment, and with one forged for the shorter journal.
    for (attack, says) in [("truncated@25*0", "it was cut"), ("truncated@25*1", "26 steps")] {
        let copy = run.beside(attack);
        planted(attack, &run.path, None, &copy);
        let report = audit(&copy, &[]).expect(DIVERGENT).json();
        let (object, _, problem) = findings(&report).remove(0);
        assert_eq!(object, "journal");
        assert!(problem.contains(says), "{attack}: {problem}");
        assert!(report["segments"].as_array().unwrap().is_empty());
    }
}

#[test]
fn withheld() {
    let run = Run::record("digits-mlp", &[]);
    let copy = run.beside("copy");
    planted("withheld@20", &run.path, None, &copy);
    let report = audit(&copy, &[]).expect(DIVERGENT).json();
    let (object, step, problem) = findings(&report).remove(0);
    assert!(
        object.starts_with("checkpoints/") && problem.contains("missing"),
        "{object} {problem}"
    );
    assert_eq!(step, Some(20));
}
