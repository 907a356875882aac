//! Which segments are drawn, by what nonce, and how likely a tampered one escapes.

pub(in crate::verify) mod batch_draw;
pub(in crate::verify) mod challenge;
pub(in crate::verify) mod draw_rule;
pub(in crate::verify) mod nonce_source;
pub(in crate::verify) mod power;
pub(in crate::verify) mod sampled_by;
pub(in crate::verify) mod segment_set;
