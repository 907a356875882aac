//! Whether nights happen at all: the check from outside.

use reenact_core::verify::date;
use reenact_store::{Ledger, LedgerError};
use serde::Serialize;

use crate::config::Config;
use crate::incident::{Incident, Kind, incidents};
use crate::night::nights;

/// Says whether nights happen, and what they left open.
#[derive(Clone, Debug, Serialize)]
pub struct Status {
    /// When the last night began, in seconds since 1970; none if there was none.
    pub last_at_seconds: Option<u64>,
    /// When the last one ended that judged everything that it planned.
    pub last_success_at_seconds: Option<u64>,
    /// Whether that is more than two periods ago.
    pub is_stale: bool,
    /// Whether the last night has not ended.
    pub is_unended: bool,
    /// What is open.
    pub incidents: Vec<Incident>,
    /// The answer in a sentence.
    pub sentence: String,
}

impl Status {
    /// Looks at what nights have left.
    pub fn of(config: &Config, ledger: &Ledger, now_seconds: u64) -> Result<Self, LedgerError> {
        let nights = nights(ledger)?;
        let last = nights.last();
        let success = nights.iter().rev().find(|night| night.exit.is_some_and(|exit| exit != 2));
        let last_success_at_seconds = success.and_then(|night| night.ended_at_seconds);
        let two = config.period.seconds.saturating_mul(2);
        let is_stale =
            last_success_at_seconds.is_none_or(|at| now_seconds.saturating_sub(at) > two);
        let mut status = Self {
            last_at_seconds: last.map(|night| night.at_seconds),
            last_success_at_seconds,
            is_stale,
            is_unended: last.is_some_and(|night| night.ended_at_seconds.is_none()),
            incidents: incidents(ledger)?,
            sentence: String::new(),
        };
        status.sentence = status.words();
        Ok(status)
    }

    /// Says whether somebody has to look: nights are missing, or a run is overdue.
    pub fn is_good(&self) -> bool {
        !self.is_stale && !self.incidents.iter().any(|found| found.kind == Kind::Overdue)
    }

    fn words(&self) -> String {
        let success = match self.last_success_at_seconds {
            Some(at_seconds) => {
                format!("the last night that judged all it planned was on {}", date(at_seconds))
            }
            None => "no night has judged all it planned yet".to_owned(),
        };
        let stale = if self.is_stale { "Stale: " } else { "Fresh: " };
        let overdue = self.incidents.iter().filter(|of| of.kind == Kind::Overdue).count();
        let overdue = match overdue {
            0 => String::new(),
            1 => "; 1 run is overdue".into(),
            more => format!("; {more} runs are overdue"),
        };
        let unended = if self.is_unended { "; the last one has not ended" } else { "" };
        format!("{stale}{success}{overdue}{unended}.")
    }
}
