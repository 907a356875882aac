//! What the environment asks for.

use std::env;
use std::path::PathBuf;

use crate::card::Card;
use crate::fault::Fault;

/// Says whether kernels compute.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Execute {
    /// They do not. All that is downloaded is nought, so that a test sees the same each time,
    /// whatever lay in the memory.
    #[default]
    Nothing,
    /// They do, interpreted. A program that cannot be is refused, so that tuning takes another
    /// one.
    All,
}

impl Execute {
    /// Whether a kernel of this name computes. Those that measure a GPU's speed need not.
    pub fn covers(self, kernel: &str) -> bool {
        let measures = kernel.contains("throughput") || kernel.contains("launch_overhead");
        self == Self::All && !measures
    }
}

/// Holds what the stand-in shall be.
#[derive(Debug, Default)]
pub struct Settings {
    /// The GPUs, by number.
    pub cards: Vec<Card>,
    /// The CUDA version that the driver speaks, as 13000.
    pub version: i32,
    /// Path of the log, without the process's number.
    pub log: Option<PathBuf>,
    /// Path of the counts, likewise.
    pub counts: Option<PathBuf>,
    /// Folder for PTX.
    pub modules: Option<PathBuf>,
    /// What computes.
    pub execute: Execute,
    /// Decides which kernels are fast.
    pub seed: u64,
    /// What goes wrong.
    pub fault: Option<Fault>,
}

impl Settings {
    /// Reads the environment.
    ///
    /// # Errors
    /// The variable that cannot be read, and why.
    pub fn of_environment() -> Result<Self, String> {
        Self::of(|name| env::var(format!("REENACT_DRIVER_{name}")).ok())
    }

    /// Reads variables, by their names without the prefix.
    ///
    /// # Errors
    /// The variable that cannot be read, and why.
    pub fn of(variable: impl Fn(&str) -> Option<String>) -> Result<Self, String> {
        let number = |name: &str, default: u64| match variable(name) {
            Some(text) => text.parse().map_err(|error| format!("{name} is {text:?}: {error}")),
            None => Ok(default),
        };
        let names = variable("DEVICES").unwrap_or_else(|| "h100".into());
        let card = |name: &str| Card::by_name(name).ok_or(format!("DEVICES: no GPU {name:?}"));
        let mut cards: Vec<Card> = match names.as_str() {
            "none" => Vec::new(),
            names => names.split(',').map(card).collect::<Result<_, _>>()?,
        };
        for card in &mut cards {
            card.memory_byte_len = number("MEMORY_BYTES", card.memory_byte_len)?;
        }
        let path = |name: &str| variable(name).map(PathBuf::from);
        Ok(Self {
            cards,
            version: number("VERSION", 13_000)? as i32,
            log: path("LOG"),
            counts: path("COUNTS"),
            modules: path("MODULES"),
            execute: execute(variable("EXECUTE").as_deref())?,
            seed: number("SEED", 0)?,
            fault: variable("FAULT").map(|text| text.parse()).transpose()?,
        })
    }
}

fn execute(text: Option<&str>) -> Result<Execute, String> {
    Ok(match text {
        None => Execute::default(),
        Some("none") => Execute::Nothing,
        Some("all") => Execute::All,
        Some(text) => return Err(format!("EXECUTE is {text:?}, not none or all")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_said_is_an_h100() {
        let settings = Settings::of(|_| None).unwrap();
        assert_eq!(settings.cards, [Card::by_name("h100").unwrap()]);
        assert_eq!((settings.version, settings.execute), (13_000, Execute::Nothing));
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let wrong = |name: &'static str, value: &'static str| {
            Settings::of(|asked| (asked == name).then(|| value.into())).unwrap_err()
        };
        assert!(wrong("DEVICES", "h100,z9").contains("z9"));
        assert!(wrong("VERSION", "new").contains("VERSION"));
        assert!(wrong("EXECUTE", "some").contains("EXECUTE"));
        assert!(wrong("FAULT", "nowhere").contains("nowhere"));
        assert!(
            Settings::of(|name| (name == "DEVICES").then(|| "none".into()))
                .unwrap()
                .cards
                .is_empty()
        );
    }
}
