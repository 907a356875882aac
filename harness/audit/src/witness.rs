//! What vouches for the segments of an audit.

use reenact_core::format::Environment;
use reenact_core::sanitize::plain;
use reenact_core::trainer::Engine;
use reenact_core::verify::Witness;

/// Names the device that replays on this machine. None of it decides anything: it is for
/// finding again what a device vouched for, should it turn out to be a bad one.
pub fn witness(auditor: &Environment, device: &str) -> Witness {
    let Engine { class, notes } = &auditor.engine;
    Witness {
        host: host(),
        device: plain(device),
        device_serial: notes.get(Engine::SERIAL).map(|text| plain(text)),
        driver: class.get(Engine::DRIVER).map(|text| plain(text)),
        binary: auditor.binary,
    }
}

/// Returns the name of this machine.
#[cfg(unix)]
pub fn host() -> String {
    plain(&rustix::system::uname().nodename().to_string_lossy())
}

#[cfg(not(unix))]
pub fn host() -> String {
    std::env::var("COMPUTERNAME").map_or_else(|_| "unknown".into(), |name| plain(&name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::this_process::environment_of;

    #[test]
    fn the_engine_says_which_card_it_is() {
        let pair = |name: &str, text: &str| [(name.to_owned(), text.to_owned())].into();
        let bare = Engine { class: Default::default(), notes: Default::default() };
        let found = witness(&environment_of(bare).unwrap(), "cpu");
        assert_eq!(
            (found.device.as_str(), &found.device_serial, &found.driver),
            ("cpu", &None, &None)
        );
        assert!(!found.host.is_empty() && found.id() == format!("{}:cpu", found.host));
        let notes = pair(Engine::SERIAL, "GPU-5f1c");
        let card = Engine { class: pair(Engine::DRIVER, "580.12"), notes };
        let found = witness(&environment_of(card).unwrap(), "cuda:0");
        assert_eq!((found.id().as_str(), found.driver.as_deref()), ("GPU-5f1c", Some("580.12")));
    }
}
