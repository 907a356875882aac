//! What a training measures while it trains: recorded, examined, replayed.
//!
//! The usual run has boundaries at 0, 3, 6, 9 and 12; it is measured after steps 1, 3, 5, 7, 9
//! and 11.

mod across;
mod common;

use common::{
    audit, data, events, examined, first_difference, matches, planted, record, record_attacked,
    replayed, resume, retold, setting, spec_with, trainer, validated_spec, whole,
};
use reenact_core::figure::{Figure, Figures};
use reenact_core::format::{Event, Object};
use reenact_core::in_memory::MemoryRun;
use reenact_core::record::{RecordError, Recorder};
use reenact_core::spec::{Cadence, NamedCadence, Spec};
use reenact_core::trainer::{Metric, Program, Request, StepTrace, Trainer, TrainerError};
use reenact_core::validation::Validation;
use reenact_core::verify::{
    Cause, Departure, FigureCurve, Part, Rehearsal, Search, SegmentOutcome, Stage, Verdict,
    explain, rehearse,
};
use reenact_toy::Toy;

const EVERY_TWO: Cadence = Cadence::Steps(2);

fn spec() -> Spec {
    validated_spec(EVERY_TWO)
}

fn figures(run: &MemoryRun) -> Vec<(u64, Figures)> {
    let step = |(_, event): (usize, Event)| match event {
        Event::Step(trace) => trace.validation.map(|figures| (trace.step, figures)),
        _ => None,
    };
    events(run).into_iter().filter_map(step).collect()
}

/// Edits the recorded figures of a step, and recomputes every digest.
fn with_figures(
    run: &MemoryRun,
    at: u64,
    edit: impl Fn(Option<Figures>) -> Option<Figures>,
) -> MemoryRun {
    let edited = |(_, event)| match event {
        Event::Step(trace) if trace.step == at => {
            Event::Step(StepTrace { validation: edit(trace.validation), ..trace })
        }
        other => other,
    };
    retold(run, &events(run).into_iter().map(edited).collect::<Vec<_>>())
}

#[test]
fn an_honest_run_matches_and_holds_its_figures() {
    let run = record(&spec());
    let found = figures(&run);
    let steps: Vec<u64> = found.iter().map(|(step, _)| *step).collect();
    assert_eq!(steps, [1, 3, 5, 7, 9, 11]);
    assert!(matches(&audit(&run, None)));
    // They measure something: the model gets better, and on other points than it is trained on.
    let error = |at: usize| f64::from_bits(found[at].1.bits_of("mean_squared_error").unwrap());
    assert!(error(5) < 0.5 * error(0), "{found:?}");
    let recording = whole(&run);
    assert_eq!(recording.history.validated(), steps);
    let curves = FigureCurve::of_history(&recording.history);
    let names: Vec<&str> = curves.iter().map(|curve| curve.name.as_str()).collect();
    assert_eq!(names, ["mean_error", "mean_squared_error"]);
    assert_eq!(curves[1].points[5].value, Some(error(5)));
}

#[test]
fn measuring_changes_nothing_that_is_trained() {
    let (with, without) = (record(&spec()), record(&common::spec()));
    let steps = |run: &MemoryRun| -> Vec<StepTrace> {
        let step = |(_, event)| match event {
            Event::Step(trace) => Some(StepTrace { validation: None, ..trace }),
            _ => None,
        };
        events(run).into_iter().filter_map(step).collect()
    };
    assert_eq!(steps(&with), steps(&without));
    assert!(figures(&without).is_empty());
}

#[test]
fn a_run_is_measured_after_each_epoch() {
    // 64 points, 16 a step: four steps.
    let mut spec = validated_spec(Cadence::Named(NamedCadence::Epoch));
    spec.batch.size = 16;
    spec.steps = 10;
    let run = record(&spec);
    let steps: Vec<u64> = figures(&run).into_iter().map(|(step, _)| step).collect();
    assert_eq!(steps, [3, 7, 9]);
    assert!(matches(&audit(&run, None)));
}

#[test]
fn a_killed_and_resumed_recording_holds_the_same_figures() {
    let spec = spec();
    let honest = record(&spec);
    for (end, _) in events(&honest).split_off(5) {
        let mut run = honest.clone();
        run.objects.remove(&Object::Commitment);
        run.objects.get_mut(&Object::Journal).unwrap().truncate(end);
        resume(&mut run, &spec);
        let recording = whole(&run);
        let measured = |step| recording.history.step(step).unwrap().unwrap().validation;
        for (step, expected) in figures(&honest) {
            assert_eq!(measured(step), Some(expected));
        }
        assert_eq!(recording.history.validated(), [1, 3, 5, 7, 9, 11]);
        assert!(matches(&audit(&run, None)));
    }
}

#[test]
fn edited_figures_are_found_placed_and_explained() {
    let (planted, run) = planted("figures-edit@5", &record(&spec()));
    assert_eq!((planted.changes[0].step, &planted.segments[..]), (5, &[1][..]));
    let recording = whole(&run);
    let replay = replayed(&recording, 1);
    first_difference(&replay, 5, Stage::Validation);
    let divergence = replay.divergence.as_ref().unwrap();
    assert!(divergence.closing.is_empty());
    let step = divergence.step.as_ref().unwrap();
    let [plain, mean] = &step.figures[..] else { panic!("{step:?}") };
    assert_eq!((plain.name.as_str(), mean.name.as_str()), ("mean_error", "mean_squared_error"));
    let value = |value: &Option<reenact_core::verify::FigureValue>| value.as_ref()?.value;
    assert_eq!(value(&mean.recorded), value(&mean.replayed).map(|honest| honest * 0.9));
    let words = divergence.explain();
    assert!(words.starts_with("step 5, validation: the state after the step agrees"), "{words}");
    assert!(
        words.contains("figures were edited") && words.contains("`mean_squared_error`: recorded"),
        "{words}"
    );
    for (segment, diverges) in [(0, false), (1, true), (2, false)] {
        let report = audit(&run, Some(&[segment]));
        assert_eq!(report.verdict == Verdict::Divergent, diverges, "{:?}", report.reasons);
        assert_eq!(matches(&report), !diverges);
    }
}

#[test]
fn edited_figures_are_the_cause_and_what_is_trained_beside_them_is_another() {
    let explained = |run: &MemoryRun, step| {
        let recording = examined(run).recording.unwrap();
        let mut trainer = trainer(&recording.spec, None);
        let (segment, data) = (recording.segment(1), data(&recording.spec));
        let search = Search::full();
        explain(&recording, trainer.as_mut(), data, segment, step, &search, &mut |_| ()).unwrap()
    };
    let (_, edited) = planted("figures-edit@5*0.5", &record(&spec()));
    let found = explained(&edited, 5);
    assert_eq!(found.causes[0].cause, Cause::FiguresEdited);
    assert!(found.whole && found.causes.len() == 1 && found.trials == 0, "{}", found.words);
    assert_eq!(found.attack.as_deref(), Some("figures-edit"));
    // Another rate in step 4, and figures in step 5 that look better than what it left.
    let attacked = record_attacked(&spec(), Some("lr-tamper@4*2".parse().unwrap()));
    let (_, both) = planted("figures-edit@5*0.5", &attacked);
    let found = explained(&both, 4);
    let causes: Vec<&str> = found.causes.iter().map(|found| found.cause.attack()).collect();
    assert_eq!(causes, ["lr-tamper", "figures-edit"], "{}", found.words);
    assert!(found.whole);
    // Both in one step: the training's own cause is named, and figures hinder no search.
    let attacked = record_attacked(&spec(), Some("lr-tamper@5*2".parse().unwrap()));
    let (_, both) = planted("figures-edit@5*0.5", &attacked);
    assert_eq!(explained(&both, 5).causes[0].cause.attack(), "lr-tamper");
}

#[test]
fn one_bit_of_a_figure_is_seen() {
    let honest = record(&spec());
    let flip = |figures: Option<Figures>| {
        let mut all = figures.unwrap().all().to_vec();
        all[0].value_bits ^= 1;
        Some(Figures::new(all).unwrap())
    };
    let run = with_figures(&honest, 5, flip);
    first_difference(&replayed(&whole(&run), 1), 5, Stage::Validation);
    let renamed = |figures: Option<Figures>| {
        let mut all = figures.unwrap().all().to_vec();
        all[0].name = "a".into();
        Some(Figures::new(all).unwrap())
    };
    let run = with_figures(&honest, 5, renamed);
    first_difference(&replayed(&whole(&run), 1), 5, Stage::Validation);
}

#[test]
fn figures_that_are_missing_or_not_due_are_found_without_a_replay() {
    let honest = record(&spec());
    let of = |run: &MemoryRun| -> Vec<String> {
        let found = examined(run).findings;
        assert!(found.iter().all(|found| found.weight == reenact_core::verify::Weight::Divergent));
        found.iter().map(|found| found.to_string()).collect()
    };
    let run = with_figures(&with_figures(&honest, 5, |_| None), 11, |_| None);
    let [found] = &of(&run)[..] else { panic!() };
    assert!(found.contains("step 5") && found.contains("no figures are recorded"), "{found}");
    assert!(found.contains("1 more step"), "{found}");
    let any = || Figures::new(vec![Figure::new("mean_squared_error", 0.0)]).ok();
    let [found] = &of(&with_figures(&honest, 4, |_| any()))[..] else { panic!() };
    assert!(
        found.contains("step 4") && found.contains("does not have the model measured"),
        "{found}"
    );
    let without = record(&common::spec());
    let [found] = &of(&with_figures(&without, 4, |_| any()))[..] else { panic!() };
    assert!(found.contains("step 4"), "{found}");
}

#[test]
fn what_is_no_number_is_recorded_and_compared() {
    // A rate at which the plane is lost: the loss, and what is measured, become infinite.
    let mut spec = spec();
    spec.learning_rate = reenact_core::spec::LearningRate::Constant { value: 1e30 };
    let run = record(&spec);
    let last = figures(&run).pop().unwrap().1;
    assert!(last.all().iter().all(|figure| !figure.value().is_finite()), "{last}");
    assert!(replayed(&examined(&run).recording.unwrap(), 3).agrees());
}

#[test]
fn held_out_data_is_compared_with_its_declaration() {
    let refused = |change: fn(&mut Spec)| {
        let spec = {
            let mut spec = spec();
            change(&mut spec);
            spec
        };
        let setting = setting();
        let data = Toy.data(&spec, &setting).unwrap();
        let Err(error) = Toy.start(&spec, data, &setting) else { panic!("it was taken") };
        error.to_string()
    };
    let said = refused(|spec| spec.validation.as_mut().unwrap().data.samples = 23);
    assert!(said.contains("24 samples") && said.contains("declares 23"), "{said}");
    let said = refused(|spec| spec.validation.as_mut().unwrap().data.digest = spec.data.digest);
    assert!(said.contains("the digest of what is held out is"), "{said}");
    let said = refused(|spec| spec.validation.as_mut().unwrap().data.name = "toy-points".into());
    assert!(said.contains("`toy-points`") && said.contains("only `toy-held-out`"), "{said}");
}

/// Leaves out its figures, or gives some where none are due.
struct Forgetful {
    inner: Box<dyn Trainer>,
    at: u64,
    gives: Option<Figures>,
}

impl reenact_core::wrapper::Wrapper for Forgetful {
    fn inner(&self) -> &dyn Trainer {
        self.inner.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn Trainer {
        self.inner.as_mut()
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        let mut trace = self.inner.step(step, request)?;
        if step == self.at {
            trace.validation = self.gives.clone();
        }
        Ok(trace)
    }
}

#[test]
fn a_recorder_refuses_what_an_audit_would_hold_against_it() {
    for (at, gives) in [(3, None), (4, Figures::new(vec![Figure::new("a", 1.0)]).ok())] {
        let spec = spec();
        let trainer = Forgetful { inner: trainer(&spec, None), at, gives };
        let mut run = MemoryRun::default();
        let environment = common::environment();
        let recorder = Recorder::start(&mut run, spec, Box::new(trainer), environment);
        let mut recorder = recorder.unwrap();
        let error = loop {
            if let Err(error) = recorder.advance() {
                break error;
            }
        };
        let RecordError::Trainer(TrainerError::Program { during, .. }) = &error else {
            panic!("{error}")
        };
        assert_eq!(during, &format!("after the update of step {at}"));
    }
}

#[test]
fn a_program_that_measures_nothing_refuses_a_spec_with_validation() {
    struct Other;
    impl Program for Other {
        fn name(&self) -> &str {
            "other"
        }
        fn describe(&self) -> String {
            String::new()
        }
        fn data(
            &self,
            spec: &Spec,
            setting: &reenact_core::trainer::Setting,
        ) -> Result<std::sync::Arc<dyn reenact_core::data::DataSet>, TrainerError> {
            Toy.data(spec, setting)
        }
        fn start(
            &self,
            _: &Spec,
            _: std::sync::Arc<dyn reenact_core::data::DataSet>,
            _: &reenact_core::trainer::Setting,
        ) -> Result<Box<dyn Trainer>, TrainerError> {
            unreachable!("it is not started")
        }
        fn platform(&self) -> &dyn reenact_core::trainer::Platform {
            Toy.platform()
        }
    }
    let said = Validation::open(&Other, &spec(), &setting()).unwrap_err().to_string();
    assert!(said.contains("`toy-held-out`") && said.contains("measures nothing"), "{said}");
    assert!(Validation::open(&Other, &spec_with(|_| ()), &setting()).unwrap().is_none());
}

/// Measures something else each time.
struct Fickle {
    inner: Box<dyn Trainer>,
    value: f64,
}

impl reenact_core::wrapper::Wrapper for Fickle {
    fn inner(&self) -> &dyn Trainer {
        self.inner.as_ref()
    }

    fn inner_mut(&mut self) -> &mut dyn Trainer {
        self.inner.as_mut()
    }

    fn step(&mut self, step: u64, request: &Request) -> Result<StepTrace, TrainerError> {
        let mut trace = self.inner.step(step, request)?;
        if trace.validation.is_some() {
            let measured = vec![Metric { name: "clock".into(), value: self.value }];
            trace.validation = Some(Validation::figures(step, measured)?);
        }
        Ok(trace)
    }
}

#[test]
fn a_rehearsal_sees_that_a_validation_does_not_repeat_also_from_another_process() {
    let rehearsed = |value| {
        let spec = spec();
        let mut start = |_: &[_]| {
            Ok(Box::new(Fickle { inner: trainer(&spec, None), value }) as Box<dyn Trainer>)
        };
        let rehearsal = rehearse(&mut start, &[], 3, None, &mut |_| ()).unwrap();
        let text = serde_json::to_string(&rehearsal).unwrap();
        serde_json::from_str::<Rehearsal>(&text).unwrap()
    };
    assert_eq!(Departure::between(&rehearsed(1.0), &rehearsed(1.0)), None);
    let found = Departure::between(&rehearsed(1.0), &rehearsed(2.0)).unwrap();
    assert_eq!((found.step, found.part), (1, Part::Validation));
    assert_eq!(found.to_string(), "step 1, validation: `clock`");
}

#[test]
fn another_class_of_device_compares_which_figures_there_are_and_not_their_bits() {
    let honest = record(&spec());
    let replayed = |run: &MemoryRun| {
        let recording = whole(run);
        let found = across::replays(&recording, &[1]).remove(0).outcome;
        let SegmentOutcome::Replayed { replay } = found else { panic!("{found:?}") };
        replay
    };
    assert_eq!(replayed(&honest).divergence, None);
    let (_, edited) = planted("figures-edit@5", &honest);
    assert_eq!(replayed(&edited).divergence, None);
    let renamed = with_figures(&honest, 5, |_| Figures::new(vec![Figure::new("a", 1.0)]).ok());
    first_difference(&replayed(&renamed), 5, Stage::Validation);
}
