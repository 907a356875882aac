//! Running a training program's own code, which may panic.
//!
//! A panic there is the program's mistake, not one of reenact: it comes back as a
//! message. Whoever installs a panic hook asks [`is_guarding`] first.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
    static PLACE: RefCell<Option<String>> = const { RefCell::new(None) };
}

/// Runs a program's own code; the error is what it panicked with, and where.
///
/// What the code was changing is left halfway: whoever calls must not go on with it.
pub fn guard<R>(work: impl FnOnce() -> R) -> Result<R, String> {
    let _ = PLACE.take();
    DEPTH.set(DEPTH.get() + 1);
    let result = catch_unwind(AssertUnwindSafe(work));
    DEPTH.set(DEPTH.get() - 1);
    result.map_err(|panic| {
        let place = PLACE.take().map(|place| format!(" ({place})")).unwrap_or_default();
        format!("{}{place}", words(panic.as_ref()))
    })
}

/// Says whether this thread runs a program's own code, so that a panic is caught.
pub fn is_guarding() -> bool {
    DEPTH.get() > 0
}

/// Keeps where a panic happened, for the message of the guard around it.
pub fn note_place(place: String) {
    PLACE.replace(Some(place));
}

fn words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    text.unwrap_or("it panicked without a message").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_comes_back_as_what_it_said() {
        assert!(!is_guarding());
        let inside = guard(|| {
            let inner = guard(|| panic!("the batch has no `{}`", "lables"));
            (is_guarding(), inner)
        });
        assert_eq!(inside, Ok((true, Err("the batch has no `lables`".into()))));
        assert!(!is_guarding());
        let placed = guard(|| {
            note_place("src/main.rs:3".into());
            panic!("no");
        });
        assert_eq!(placed, Err::<(), _>("no (src/main.rs:3)".into()));
        let other = guard(|| std::panic::panic_any(7));
        assert_eq!(other, Err::<(), _>("it panicked without a message".into()));
    }
}
