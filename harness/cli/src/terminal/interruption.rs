//! What is said when the user stops a command.

use std::sync::{Mutex, PoisonError};

use crate::exit;
use crate::terminal::output;

static WORDS: Mutex<Option<String>> = Mutex::new(None);

/// From here on, an interrupt or a termination says this and ends the process.
pub(crate) fn tell(words: String) {
    *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = Some(words);
    // Where another handler is set, it says what that command has to say.
    let _ = ctrlc::set_handler(|| {
        let words = WORDS.lock().unwrap_or_else(PoisonError::into_inner).take();
        words.iter().for_each(output::note);
        std::process::exit(i32::from(exit::INCONCLUSIVE));
    });
}

/// From here on, nothing is said.
pub(crate) fn forget() {
    *WORDS.lock().unwrap_or_else(PoisonError::into_inner) = None;
}
