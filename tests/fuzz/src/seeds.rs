//! Inputs to begin with, made by the library itself.

use std::path::Path;

/// Names the variable that holds the folder of the seeds.
const FOLDER: &str = "REENACT_FUZZ_SEEDS";

/// Writes seeds into the folder that the caller wants them in, if any. A target
/// does so before libFuzzer reads that folder.
pub fn write(seeds: impl IntoIterator<Item = Vec<u8>>) {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let folder = Path::new(&folder);
    std::fs::create_dir_all(folder).expect("the folder of the seeds can be made");
    for (number, seed) in seeds.into_iter().enumerate() {
        let path = folder.join(format!("seed-{number:02}"));
        std::fs::write(path, seed).expect("the folder of the seeds can be written");
    }
}
