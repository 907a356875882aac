//! Telling a device that failed from a program that is wrong.
//!
//! burn says both by a panic. Which it was decides what to do: a device that failed says nothing
//! about a training, and the same work may go well again, or elsewhere.

use std::sync::{Mutex, Once, PoisonError};
use std::{panic, thread};

/// How CubeCL names the threads that call a device's driver, and those before them that fuse.
const SERVERS: [&str; 2] = ["DSD-", "DSU-"];

/// What such a thread panicked with last.
static SAID: Mutex<Option<String>> = Mutex::new(None);

/// What CubeCL's errors of a device hold, and no mistake of a program does.
const SIGNS: [&str; 10] = [
    "device is poisoned",
    "device was poisoned",
    "failed with status",
    "out of device memory",
    "can't allocate buffer",
    "DriverError(",
    "An IO error happened",
    "A launch error happened",
    "An error happened during execution",
    "panicked on device runner thread",
];

/// Characters of a failure that are kept.
const CHARS_MAX: usize = 400;

fn is_of_device(said: &str) -> bool {
    SIGNS.iter().any(|sign| said.contains(sign))
}

fn told(said: &str) -> String {
    let cause = cause(said).unwrap_or_else(|| whole(said));
    format!("it failed: {}. {}", cause.trim_end_matches('.'), advice(said))
}

/// Finds what the driver said, in what became of it on the way here.
fn cause(said: &str) -> Option<String> {
    if let Some((before, after)) = said.split_once(" failed with status ") {
        let call = before.split_whitespace().next_back()?;
        let status: String = after.chars().take_while(char::is_ascii_digit).collect();
        return Some(format!("{call} gave error {status}{}", meaning(&status)));
    }
    if let Some((_, error)) = said.split_once("DriverError(") {
        return Some(format!("the driver gave {}", error.split_once(", ")?.0));
    }
    let (_, full) = said.split_once("out of device memory allocating ")?;
    Some(format!("no memory for {} bytes", full.split_whitespace().next()?))
}

/// Says what the most frequent errors of CUDA's driver are.
fn meaning(status: &str) -> &'static str {
    match status {
        "2" => ", out of memory",
        "700" => ", an illegal memory access",
        "719" => ", a kernel that failed",
        "999" => ", unknown",
        _ => "",
    }
}

/// Writes all of it on one line, without CubeCL's places in its own code.
fn whole(said: &str) -> String {
    let lines = said.lines().map(str::trim);
    let lines = lines.take_while(|line| !line.starts_with("Backtrace") && !line.starts_with("0:"));
    let told: Vec<&str> = lines.filter(|line| !line.is_empty()).collect();
    told.join(" ").chars().take(CHARS_MAX).collect()
}

/// Keeps what threads that serve a device panic with. Their panics come to whoever waits for the
/// device, and are no bugs. A hook that is set before this one has all others.
pub(crate) fn watch() {
    static WATCHED: Once = Once::new();
    WATCHED.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |panic| {
            let said = panic.payload_as_str().unwrap_or("it panicked without a message");
            let [calls, fuses] = SERVERS.map(|server| {
                thread::current().name().is_some_and(|name| name.starts_with(server))
            });
            // A mistake in what is fused is none of the device.
            if !(calls || fuses && is_of_device(said)) {
                return usual(panic);
            }
            *SAID.lock().unwrap_or_else(PoisonError::into_inner) = Some(said.into());
        }));
    });
}

/// Returns what failed on a device, on one line with what to do, if a panic that said this came
/// of one. Where a thread that calls the driver said more, that is told.
pub(crate) fn of_device(said: &str) -> Option<String> {
    if !is_of_device(said) {
        return None;
    }
    let server = SAID.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let more = server.filter(|server| cause(said).is_none() && cause(server).is_some());
    Some(told(more.as_deref().unwrap_or(said)))
}

fn advice(said: &str) -> &'static str {
    let is_full = ["out of device memory", "can't allocate buffer", "OUT_OF_MEMORY", "status 2"];
    if is_full.iter().any(|sign| said.contains(sign)) {
        return "Its memory does not suffice: stop what else uses it, or take a device with more";
    }
    "That says nothing about the training. Try again; if it fails again, see `nvidia-smi` and the \
     kernel's log"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_is_one_line_with_what_to_do() {
        let said = "a download failed: The device is poisoned\nCaused by:\n  cuEventSynchronize \
                    failed with status 700\nBacktrace:\n   0: core::panic\n";
        let told = of_device(said).unwrap();
        assert!(
            told.contains("cuEventSynchronize gave error 700, an illegal memory access. "),
            "{told}"
        );
        assert!(!told.contains('\n') && !told.contains("core::panic"), "{told}");
        let lost = of_device("called `unwrap()`: DriverError(CUDA_ERROR_UNKNOWN, \"no\")").unwrap();
        assert!(lost.contains("the driver gave CUDA_ERROR_UNKNOWN. "), "{lost}");
        let full = of_device("out of device memory allocating 4096 bytes\n   0: x").unwrap();
        assert!(full.contains("memory does not suffice"), "{full}");
    }

    #[test]
    fn a_mistake_of_a_program_is_none() {
        assert_eq!(of_device("the shapes [3] and [4] do not fit"), None);
    }
}
