//! Covered segments that another device or another build should see once more.

use reenact_core::digest::Digest;

use super::row::{integer, natural};
use super::{Ledger, LedgerError};

impl Ledger {
    /// Returns segments of the run at a place that are covered, but neither on this machine nor
    /// by this build; those that were looked at for longest first.
    pub fn covered_elsewhere(
        &self,
        place: &str,
        host: &str,
        binary: Digest,
        count_max: usize,
    ) -> Result<Vec<u64>, LedgerError> {
        let query = "
            SELECT segment FROM covered JOIN audit ON audit.key = covered.audit
            WHERE audit.place = ?1 AND disowned_at_seconds IS NULL
            GROUP BY segment HAVING SUM(host = ?2 AND binary = ?3) = 0
            ORDER BY MAX(at_seconds), segment LIMIT ?4";
        let parameters = (place, host, binary.to_string(), integer(count_max as u64));
        self.read(query, parameters, |row| natural(row, "segment"))
    }
}
