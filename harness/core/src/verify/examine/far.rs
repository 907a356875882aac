//! Checking a recording that lies on other machines, where reading all of it is dear.

use std::collections::BTreeSet;

use crate::format::Object;
use crate::verify::boundary::check_checkpoints;
use crate::verify::finding::{Finding, Place};
use crate::verify::recording::{Recording, Segment};

/// Checks the checkpoints of a recording that is far away: those that these segments begin and end
/// with. Of one that lies here, [`examine`](crate::verify::examine) has checked all of them.
pub fn examine_far(
    recording: &Recording<'_>,
    segments: &[Segment],
    progress: &mut dyn FnMut(u64, u64),
) -> Vec<Finding> {
    if !recording.run.is_far() {
        return Vec::new();
    }
    let ends = segments.iter().flat_map(|segment| [segment.step_start, segment.step_end]);
    let ends: BTreeSet<u64> = ends.collect();
    let mut findings = check_checkpoints(recording, &|step| ends.contains(&step), progress);
    let all = recording.history.checkpoints.len();
    let unread = recording.history.checkpoints.keys().filter(|step| !ends.contains(step)).count();
    if unread > 0 {
        let problem = format!(
            "{unread} of {all} checkpoints were not read: no segment that is replayed begins or \
             ends with them, and the recording lies in a bucket"
        );
        findings.push(Finding::note(Place::object(Object::Journal), problem));
    }
    findings
}
