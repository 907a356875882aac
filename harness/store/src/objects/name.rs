//! Names of objects: relative paths that lead nowhere else.

use super::ObjectsError;

/// Limits a name, in bytes; S3 takes 1024.
pub const NAME_BYTES_MAX: usize = 512;

/// Checks a name. Each part is made of letters, digits, `.`, `-` and `_`, and does not begin
/// with a dot, so that no part is `..` and no name is one of a file that is being written.
pub fn check(name: &str) -> Result<(), ObjectsError> {
    let refuse = |problem| Err(ObjectsError::Name { name: name.into(), problem });
    if name.is_empty() || name.len() > NAME_BYTES_MAX {
        return refuse("it is empty or too long");
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    let is_part =
        |part: &str| !part.is_empty() && !part.starts_with('.') && part.chars().all(is_plain);
    match name.split('/').all(is_part) {
        true => Ok(()),
        false => refuse("its parts are made of letters, digits, `.`, `-` and `_`"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_nowhere_else() {
        for name in ["a", "plan/000001-af.json", "checkpoints/0a/0000", "spec.toml"] {
            check(name).unwrap();
        }
        let long = "a/".repeat(NAME_BYTES_MAX) + "a";
        let hostile = ["", "/etc/passwd", "a/../b", "..", "a//b", "a/", ".a", "a\\b", "a\nb", "ä"];
        for name in hostile.into_iter().chain([long.as_str()]) {
            assert!(matches!(check(name), Err(ObjectsError::Name { .. })), "{name:?}");
        }
    }
}
