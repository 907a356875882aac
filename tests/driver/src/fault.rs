//! What goes wrong, and when.
//!
//! A fault is written `CALL[(KERNEL)]:N=WHAT`: at the `N`th call of the driver's function `CALL`
//! (or of its launches of kernels whose name holds `KERNEL`), `WHAT` happens: an error by its
//! number in `cuda.h`, `vanish` (the device falls off the bus: this call and all later ones
//! fail), or `hang` (the call never returns).

use std::str::FromStr;

use crate::status::Status;

/// Says what happens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// The call fails.
    Fail(Status),
    /// The call never returns.
    Hang,
}

/// Describes what goes wrong, and counts until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    call: String,
    kernel: String,
    left: u64,
    harm: Harm,
}

impl Fault {
    /// Tells the fault of a call; returns what happens now.
    pub fn strike(&mut self, call: &str, kernel: &str) -> Option<Harm> {
        if self.left == 0 || call != self.call || !kernel.contains(&self.kernel) {
            return None;
        }
        self.left -= 1;
        (self.left == 0).then_some(self.harm)
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("FAULT is {text:?}, not as in cuLaunchKernel(block_sums):3=700");
        let (place, what) = text.split_once('=').ok_or_else(wrong)?;
        let (call, count) = place.rsplit_once(':').ok_or_else(wrong)?;
        let (call, kernel) = match call.split_once('(') {
            Some((call, kernel)) => (call, kernel.strip_suffix(')').ok_or_else(wrong)?),
            None => (call, ""),
        };
        let left = count.parse().ok().filter(|&count| count > 0).ok_or_else(wrong)?;
        let harm = match what {
            "hang" => Harm::Hang,
            "vanish" => Harm::Fail(Status::UNKNOWN),
            number => Harm::Fail(Status(number.parse().map_err(|_| wrong())?)),
        };
        Ok(Self { call: call.into(), kernel: kernel.into(), left, harm })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strikes_at_the_nth_call_once() {
        let mut fault: Fault = "cuLaunchKernel(sums):2=700".parse().unwrap();
        let mut strike = |call, kernel| fault.strike(call, kernel);
        assert_eq!(strike("cuLaunchKernel", "block_sums"), None);
        assert_eq!(strike("cuLaunchKernel", "matmul"), None);
        assert_eq!(strike("cuMemFree", ""), None);
        assert_eq!(strike("cuLaunchKernel", "block_sums"), Some(Harm::Fail(Status(700))));
        assert_eq!(strike("cuLaunchKernel", "block_sums"), None);
    }

    #[test]
    fn every_kind_is_written_somehow() {
        let harm = |text: &str| text.parse::<Fault>().map(|fault| fault.harm);
        assert_eq!(harm("cuInit:1=hang"), Ok(Harm::Hang));
        assert_eq!(harm("cuInit:1=vanish"), Ok(Harm::Fail(Status(999))));
        for wrong in ["", "cuInit", "cuInit:1", "cuInit:0=1", "cuInit(x:1=1", "cuInit:1=soon"] {
            assert!(harm(wrong).is_err(), "{wrong}");
        }
    }
}
