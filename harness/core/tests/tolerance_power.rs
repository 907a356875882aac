//! Measures the tolerance audit: how often it accuses honest runs, and which
//! steady push it finds. Prints the table that stands in the docs.
//!
//! ```sh
//! cargo test --release -p reenact-core --test tolerance_power -- --ignored --nocapture
//! ```

mod across;
mod common;

#[test]
#[ignore = "some minutes of statistics"]
fn peek() {
    for segments in [6u64, 40] {
        let c = across::calibration(1000..1040, segments, 1.0);
        println!("{:#?}", (&c.tensor, &c.drift));
        let mut seg = 0;
        let mut drift = 0;
        let mut ratios = vec![];
        for seed in 0..400 {
            let run = common::record(&across::spec(seed, segments));
            let r = across::audit(&run, &c, None);
            let t = r.tolerance.as_ref().unwrap();
            let worst = t
                .tensors
                .iter()
                .map(|b| {
                    (b.relative_l2_found / b.relative_l2_allowed).max(b.ulp_found / b.ulp_allowed)
                })
                .fold(0.0, f64::max);
            let a = t.accumulated.as_ref().unwrap();
            ratios.push((worst, a.drift / a.drift_allowed));
            seg += usize::from(worst > 1.0);
            drift += usize::from(a.drift > a.drift_allowed);
        }
        let mut w: Vec<f64> = ratios.iter().map(|r| r.0).collect();
        w.sort_by(f64::total_cmp);
        let mut d: Vec<f64> = ratios.iter().map(|r| r.1).collect();
        d.sort_by(f64::total_cmp);
        println!(
            "segments {segments}: seg alarms {seg}, drift alarms {drift} of 400; worst {:?} drift {:?}",
            (w[200], w[360], w[396], w[399]),
            (d[200], d[360], d[396], d[399])
        );
        for ulps in [0.5, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0] {
            let (mut s, mut d, mut dr) = (0, 0, 0.0);
            for seed in 0..40 {
                let run = across::pushed(&across::spec(seed, segments), ulps);
                let r = across::audit(&run, &c, None);
                let t = r.tolerance.as_ref().unwrap();
                let a = t.accumulated.as_ref().unwrap();
                s += usize::from(r.segments.iter().any(|x| match &x.outcome {
                    reenact_core::verify::SegmentOutcome::Replayed { replay } => {
                        !replay.deviation.as_ref().unwrap().beyond.is_empty()
                    }
                    _ => false,
                }));
                d += usize::from(a.drift > a.drift_allowed);
                dr += a.drift / a.drift_allowed / 40.0;
            }
            println!("push {ulps}: by segment {s}/40, by drift {d}/40, mean drift ratio {dr:.2}");
        }
    }
}
