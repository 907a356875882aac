//! What a gate does with what it finds.

use crate::Date;

/// Says whether other bits than accepted stop a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Enforce {
    /// They do.
    Block,
    /// They are only told, for a while.
    Inform {
        /// The last day on which they do not.
        until: Date,
        /// Why.
        reason: String,
    },
}

impl Enforce {
    /// Says whether they do on this day: what was put off forever would be forgotten.
    pub fn blocks(&self, today: Date) -> bool {
        match self {
            Self::Block => true,
            Self::Inform { until, .. } => today > *until,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_put_off_ends() {
        let date = |text: &str| text.parse::<Date>().unwrap();
        let inform = Enforce::Inform { until: date("2026-12-01"), reason: "new burn".into() };
        let blocks = ["2026-11-30", "2026-12-01", "2026-12-02"].map(|day| inform.blocks(date(day)));
        assert_eq!(blocks, [false, false, true]);
        assert!(Enforce::Block.blocks(date("2026-11-30")));
    }
}
