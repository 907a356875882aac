//! The audits of a night, for whoever does them elsewhere: a plan for many machines.

use std::path::Path;

use reenact_audit::Request;

use super::audits::selection;
use super::bench::Bench;
use super::{Night, NightError};
use crate::found::look;

impl Night<'_> {
    /// Returns what tonight would audit, as the plan has it. Nothing is written.
    pub fn requests(&self) -> Result<Vec<Request>, NightError> {
        let found = look(self.config);
        let units = self.plan_of(found.clone())?.units;
        let bench = self.bench(&found)?;
        let requests = units.iter().filter_map(|unit| {
            let group = *bench.places.get(&unit.run)?;
            let request = self.request(Path::new(&unit.run), group, &bench);
            Some(Request { selection: selection(unit), ..request })
        });
        Ok(requests.collect())
    }

    /// Returns by what a run is judged: signers, order, builds and ledger of the config. None if
    /// it names no such run.
    pub fn request_of(&self, run: &str) -> Result<Option<Request>, NightError> {
        let bench = self.bench(&look(self.config))?;
        let group = bench.places.get(run);
        Ok(group.map(|&group| self.request(Path::new(run), group, &bench)))
    }

    fn bench(&self, found: &[crate::found::Found]) -> Result<Bench, NightError> {
        let places = found.iter().map(|run| (super::place_of(run), run.group)).collect();
        let (groups, trusted) = (self.groups()?, self.trusted()?);
        Ok(Bench { groups, trusted, places, begun: (self.clock)() })
    }
}
