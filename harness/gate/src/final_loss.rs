//! The loss of the last accepted step, for people; never compared.

use std::fmt;

use serde::{Deserialize, Deserializer};

/// Holds a loss. One that is no number has no payload here: it is read by people.
#[derive(Clone, Copy, Debug)]
pub struct FinalLoss(f32);

impl FinalLoss {
    /// Takes a loss.
    pub fn new(loss: f32) -> Self {
        Self(if loss.is_nan() { f32::NAN } else { loss })
    }

    /// Returns it.
    pub fn get(self) -> f32 {
        self.0
    }
}

impl PartialEq for FinalLoss {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for FinalLoss {}

impl fmt::Display for FinalLoss {
    /// Writes the shortest decimal that reads back as the same `f32`, as TOML has it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        match self.0 {
            loss if loss.is_nan() => f.write_str("nan"),
            loss if loss.is_infinite() || text.contains('.') => f.write_str(&text),
            _ => write!(f, "{text}.0"),
        }
    }
}

impl<'de> Deserialize<'de> for FinalLoss {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let read = f64::deserialize(deserializer)?;
        // By way of its decimal, as rounding twice may round otherwise.
        let loss = read.to_string().parse().unwrap_or(f32::NAN);
        Ok(Self::new(loss))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[derive(Deserialize)]
    struct Written {
        loss: FinalLoss,
    }

    fn read(text: &str) -> FinalLoss {
        toml::from_str::<Written>(&format!("loss = {text}")).unwrap().loss
    }

    #[test]
    fn golden_texts() {
        let losses = [0.418_737_23, 1.0, -0.0, 1e-7, f32::NAN, f32::INFINITY, f32::NEG_INFINITY];
        let texts = losses.map(|loss| FinalLoss::new(loss).to_string());
        assert_eq!(texts, ["0.41873723", "1.0", "-0.0", "0.0000001", "nan", "inf", "-inf"]);
    }

    proptest! {
        #[test]
        fn every_loss_is_read_back(bits in any::<u32>()) {
            let loss = FinalLoss::new(f32::from_bits(bits));
            prop_assert_eq!(read(&loss.to_string()), loss);
        }
    }
}
