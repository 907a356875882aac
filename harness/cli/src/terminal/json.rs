//! JSON whose texts are plain once they are read, and as they stand in the file.

use std::io::{self, Write};

use reenact_core::sanitize::spell;
use serde::Serialize;
use serde_json::ser::{CharEscape, Formatter, PrettyFormatter, Serializer};

/// Writes a value in lines.
pub(crate) fn json_text(value: &impl Serialize) -> String {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Plain(PrettyFormatter::new()));
    value.serialize(&mut serializer).expect("reports have only text keys");
    String::from_utf8(text).expect("JSON is text")
}

/// Spells out in texts what [`spell`] does, and line breaks.
struct Plain(PrettyFormatter<'static>);

type Done = io::Result<()>;

impl Formatter for Plain {
    fn write_string_fragment<W: ?Sized + Write>(&mut self, out: &mut W, text: &str) -> Done {
        // What has a meaning in JSON, a backslash too, is not in here but below.
        out.write_all(spell(text).replace('\\', r"\\").as_bytes())
    }

    fn write_char_escape<W: ?Sized + Write>(&mut self, out: &mut W, found: CharEscape) -> Done {
        let spelled: &[u8] = match found {
            CharEscape::Quote => br#"\""#,
            CharEscape::ReverseSolidus => br"\\",
            CharEscape::Solidus => b"/",
            CharEscape::LineFeed => br"\\n",
            CharEscape::CarriageReturn => br"\\r",
            CharEscape::Tab => br"\\t",
            CharEscape::Backspace => br"\\u{8}",
            CharEscape::FormFeed => br"\\u{c}",
            CharEscape::AsciiControl(0) => br"\\0",
            CharEscape::AsciiControl(byte) => return write!(out, r"\\u{{{byte:x}}}"),
        };
        out.write_all(spelled)
    }

    fn begin_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.begin_array(out)
    }

    fn end_array<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.end_array(out)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Done {
        self.0.begin_array_value(out, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.end_array_value(out)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.begin_object(out)
    }

    fn end_object<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.end_object(out)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, out: &mut W, first: bool) -> Done {
        self.0.begin_object_key(out, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.begin_object_value(out)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, out: &mut W) -> Done {
        self.0.end_object_value(out)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use reenact_core::sanitize::plain;

    use super::*;

    #[test]
    fn what_is_plain_is_written_as_ever() {
        let value = BTreeMap::from([("a\"\\", vec![Some("\u{e4}/\u{6f22}\\n"), None])]);
        assert_eq!(json_text(&value), serde_json::to_string_pretty(&value).unwrap());
    }

    #[test]
    fn every_letter_is_read_back_as_it_is_spelled_out() {
        for letter in '\0'..=char::MAX {
            let text = json_text(&letter.to_string());
            assert_eq!(plain(&text), text);
            let read: String = serde_json::from_str(&text).unwrap();
            assert_eq!(read, plain(&letter.to_string()));
        }
    }
}
