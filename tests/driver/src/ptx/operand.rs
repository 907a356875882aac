//! The names of instructions and their operands, as the text has them.

use super::code::{Access, Place};
use super::lex::{Token, is_word};
use super::space::Space;
use super::types::{Type, number};

/// Holds the name of an instruction by its parts.
pub(super) struct Opcode<'t> {
    pub(super) name: &'t str,
    /// What is no type.
    pub(super) modifiers: Vec<&'t str>,
    pub(super) types: Vec<Type>,
}

impl<'t> Opcode<'t> {
    pub(super) fn read(text: &'t str) -> Self {
        let mut parts = text.split('.');
        let name = parts.next().unwrap_or_default();
        let (mut modifiers, mut types) = (Vec::new(), Vec::new());
        for part in parts {
            match Type::of(part) {
                Some(of) => types.push(of),
                None => modifiers.push(part),
            }
        }
        Self { name, modifiers, types }
    }

    /// Returns the name with its modifiers and without its types.
    pub(super) fn key(&self) -> String {
        [&[self.name][..], &self.modifiers].concat().join(".")
    }

    pub(super) fn only_type(&self) -> Option<Type> {
        if let [of] = self.types[..] { Some(of) } else { None }
    }

    pub(super) fn is_plain_fence(&self) -> bool {
        let names = ["acq_rel", "sc", "cta", "cluster", "gpu", "gl", "sys"];
        self.types.is_empty() && self.modifiers.iter().all(|modifier| names.contains(modifier))
    }

    /// Returns the space of a load or a store, and the parts of its vector. None if it has a
    /// modifier that changes what it does.
    pub(super) fn place_of_access(&self) -> Option<(Space, usize)> {
        let (mut space, mut parts) = (Space::Generic, 1);
        for modifier in &self.modifiers {
            match *modifier {
                "v2" => parts = 2,
                "v4" => parts = 4,
                "v8" => parts = 8,
                // Order and caches: one thread runs at a time, and memory has no cache here.
                "weak" | "relaxed" | "acquire" | "release" | "volatile" | "cta" | "cluster"
                | "gpu" | "sys" | "nc" | "ca" | "cg" | "cs" | "lu" | "cv" | "wb" | "wt" => {}
                hint if hint.starts_with("L1::") || hint.starts_with("L2::") => {}
                other => space = Space::of(other)?,
            }
        }
        Some((space, parts))
    }
}

/// Holds what stands after the name of an instruction.
pub(super) enum Operand<'t> {
    Word {
        text: &'t str,
        negative: bool,
    },
    Address {
        base: &'t str,
        offset: i64,
    },
    List(Vec<Operand<'t>>),
    /// Two results, as `%r1|%p1`.
    Pair(&'t str, &'t str),
}

impl<'t> Operand<'t> {
    /// Returns the parts of a vector, or the one word. None if they are not as many.
    pub(super) fn list(&self, parts: usize) -> Option<&[Operand<'t>]> {
        let found = match self {
            Self::List(found) => found,
            one => std::slice::from_ref(one),
        };
        (found.len() == parts).then_some(found)
    }
}

/// Says where one part of a vector is loaded or stored.
pub(super) fn access(
    (space, of): (Space, Type),
    (base, offset): (Place, i64),
    (part, parts): (usize, usize),
) -> Access {
    let byte_len = of.byte_len();
    let align = if part == 0 { byte_len * parts } else { byte_len };
    let offset = offset.wrapping_add((part * byte_len) as i64);
    Access { space, byte_len: byte_len as u8, align: align as u8, base, offset }
}

/// Reads what stands between commas. None if it is no operand that is known here.
pub(super) fn operands<'t>(tokens: &[Token<'t>]) -> Option<Vec<Operand<'t>>> {
    let mut rest = Rest { tokens };
    let mut found = Vec::new();
    while let Some(first) = rest.next() {
        found.push(match first {
            "[" => rest.address()?,
            "{" => rest.list()?,
            first => rest.word(first)?,
        });
        let mut next = rest.next();
        if let (Some("|"), Some(Operand::Word { text, negative: false })) = (next, found.last()) {
            let second = rest.next().filter(|second| is_word(second))?;
            let pair = Operand::Pair(text, second);
            found.pop();
            found.push(pair);
            next = rest.next();
        }
        match next {
            None => return Some(found),
            Some(",") if !rest.tokens.is_empty() => {}
            Some(_) => return None,
        }
    }
    Some(found)
}

/// Holds the tokens that are not read yet.
struct Rest<'a, 't> {
    tokens: &'a [Token<'t>],
}

impl<'t> Rest<'_, 't> {
    fn next(&mut self) -> Option<&'t str> {
        let (first, rest) = self.tokens.split_first()?;
        self.tokens = rest;
        Some(first.text)
    }

    fn word(&mut self, first: &'t str) -> Option<Operand<'t>> {
        let negative = first == "-";
        let text = if negative { self.next().unwrap_or_default() } else { first };
        is_word(text).then_some(Operand::Word { text, negative })
    }

    fn list(&mut self) -> Option<Operand<'t>> {
        let mut found = Vec::new();
        loop {
            let first = self.next().unwrap_or_default();
            found.push(self.word(first)?);
            match self.next() {
                Some("}") => return Some(Operand::List(found)),
                Some(",") => {}
                _ => return None,
            }
        }
    }

    /// Reads `base + offset]`; also `base + -offset]`, as LLVM writes.
    fn address(&mut self) -> Option<Operand<'t>> {
        let base = self.next().unwrap_or_default();
        let mut next = self.next();
        let signed = matches!(next, Some("+" | "-"));
        let mut negative = false;
        while let Some(sign @ ("+" | "-")) = next {
            negative |= sign == "-";
            next = self.next();
        }
        let mut offset = 0;
        if signed {
            let size = number(next.unwrap_or_default());
            let size = size.and_then(|size| i64::try_from(size).ok())?;
            offset = if negative { -size } else { size };
            next = self.next();
        }
        match next {
            Some("]") if is_word(base) => Some(Operand::Address { base, offset }),
            _ => None,
        }
    }
}
