//! Types of operands, and numbers as they are written.

/// Says how the bits of an operand are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Predicate,
    /// Also the untyped `.b32`: where it matters, no instruction takes these.
    Unsigned,
    Signed,
    Float,
}

/// Names the type of an operand, as `.u32`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Type {
    pub(super) kind: Kind,
    pub(super) bits: u32,
}

impl Type {
    /// Reads the type's name without its point. None if it is none that is known here.
    pub(super) fn of(name: &str) -> Option<Self> {
        let kind = match name {
            "pred" => return Some(Self { kind: Kind::Predicate, bits: 1 }),
            "f32" | "f64" => Kind::Float,
            "s8" | "s16" | "s32" | "s64" => Kind::Signed,
            "u8" | "u16" | "u32" | "u64" | "b8" | "b16" | "b32" | "b64" => Kind::Unsigned,
            _ => return None,
        };
        Some(Self { kind, bits: name[1..].parse().ok()? })
    }

    pub(super) fn is_signed(self) -> bool {
        self.kind == Kind::Signed
    }

    pub(super) fn is_float(self) -> bool {
        self.kind == Kind::Float
    }

    pub(super) fn byte_len(self) -> usize {
        self.bits.div_ceil(8) as usize
    }
}

/// Reads a number as the bits that it stands for. None if it is none.
pub(super) fn number(text: &str) -> Option<u64> {
    let hex =
        |digits: &str, len: usize| (digits.len() == len).then(|| digits_of(digits, 16)).flatten();
    match text.get(..2) {
        Some("0f" | "0F") => return hex(&text[2..], 8),
        Some("0d" | "0D") => return hex(&text[2..], 16),
        _ => {}
    }
    let text = text.strip_suffix('U').unwrap_or(text);
    match text.get(..2) {
        Some("0x" | "0X") => digits_of(&text[2..], 16),
        Some("0b" | "0B") => digits_of(&text[2..], 2),
        Some(_) if text.starts_with('0') => digits_of(&text[1..], 8),
        _ => digits_of(text, 10),
    }
}

/// Unlike `from_str_radix` it takes no sign.
fn digits_of(text: &str, radix: u32) -> Option<u64> {
    let all = text.bytes().all(|byte| byte.is_ascii_alphanumeric());
    all.then(|| u64::from_str_radix(text, radix).ok()).flatten()
}
