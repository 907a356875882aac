//! What this build is.

use std::collections::BTreeSet;

use reenact_audit::Programs;
use reenact_core::trainer::Setting;

/// The commit that the scripts of a release build from; none where somebody built by hand.
const COMMIT: Option<&str> = option_env!("REENACT_COMMIT");

/// The fact of a class that names the engine.
const ENGINE: &str = "engine";

const FEATURES: [(&str, bool); 6] = [
    ("models", cfg!(feature = "models")),
    ("vectors", cfg!(feature = "vectors")),
    ("portable", cfg!(feature = "portable")),
    ("cuda", cfg!(feature = "cuda")),
    ("cubecl-cpu", cfg!(feature = "cubecl-cpu")),
    ("s3", cfg!(feature = "s3")),
];

/// Returns version, engines, features and commit, a line each.
pub(crate) fn told(programs: &Programs) -> String {
    let setting = Setting::new("cpu", 1);
    let engines = programs.all().filter_map(|program| program.platform().engine(&setting).ok());
    let engines: BTreeSet<String> =
        engines.filter_map(|engine| engine.class.get(ENGINE).cloned()).collect();
    let engines: Vec<String> = engines.into_iter().collect();
    let features: Vec<&str> =
        FEATURES.iter().filter(|(_, on)| *on).map(|(name, _)| *name).collect();
    let or_none = |list: String| if list.is_empty() { "none".into() } else { list };
    format!(
        "reenact {}\nengines: {}\nfeatures: {}\ncommit: {}",
        env!("CARGO_PKG_VERSION"),
        or_none(engines.join(", ")),
        or_none(features.join(", ")),
        COMMIT.unwrap_or("unknown (only the scripts of a release name it)")
    )
}
