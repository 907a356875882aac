//! Address spaces, and the variables that lie in them.
//!
//! A global address is a pointer of the host. The other spaces start at zero, and are seen
//! by generic addresses through windows where no host has memory.

use std::collections::BTreeMap;

use super::lex::Cursor;
use super::types::{Type, number};

/// Names an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Space {
    /// Any: the address says which.
    Generic,
    /// The memory of the device, with the module's own variables.
    Global,
    /// The memory that the threads of a block share.
    Shared,
    /// The memory of one thread.
    Local,
    /// The kernel's parameters.
    Param,
}

const SHARED_WINDOW: u64 = 0x8000_0001_0000_0000;
const LOCAL_WINDOW: u64 = 0x8000_0002_0000_0000;
const PARAM_WINDOW: u64 = 0x8000_0003_0000_0000;
/// Where a module's own variables lie; their addresses are both global and generic.
const MODULE_WINDOW: u64 = 0x8000_0004_0000_0000;

/// Bytes of shared memory of a block, at most; also of those that a launch adds.
pub(super) const SHARED_BYTES_MAX: u64 = 1 << 20;
const LOCAL_BYTES_MAX: u64 = 1 << 16;
const PARAM_BYTES_MAX: u64 = 1 << 15;
const MODULE_BYTES_MAX: u64 = 1 << 24;

impl Space {
    pub(super) fn of(name: &str) -> Option<Self> {
        Some(match name {
            "global" | "const" => Self::Global,
            "shared" | "shared::cta" => Self::Shared,
            "local" => Self::Local,
            "param" | "param::entry" => Self::Param,
            _ => return None,
        })
    }

    /// What a generic address has more than one in this space.
    pub(super) fn window(self) -> u64 {
        match self {
            Self::Generic | Self::Global => 0,
            Self::Shared => SHARED_WINDOW,
            Self::Local => LOCAL_WINDOW,
            Self::Param => PARAM_WINDOW,
        }
    }

    /// Returns the space of a generic address, and the address there.
    pub(super) fn resolve(self, address: u64) -> (Self, u64) {
        let found = match (self, address & !0xffff_ffff) {
            (Self::Generic, SHARED_WINDOW) => Self::Shared,
            (Self::Generic, LOCAL_WINDOW) => Self::Local,
            (Self::Generic, PARAM_WINDOW) => Self::Param,
            (Self::Generic, _) => return (Self::Global, address),
            _ => return (self, address),
        };
        (found, address & 0xffff_ffff)
    }

    fn bytes_max(self) -> u64 {
        match self {
            Self::Generic | Self::Global => MODULE_BYTES_MAX,
            Self::Shared => SHARED_BYTES_MAX,
            Self::Local => LOCAL_BYTES_MAX,
            Self::Param => PARAM_BYTES_MAX,
        }
    }
}

/// Returns the place of a global address among the module's own variables, if it is there.
pub(super) fn in_module(address: u64) -> Option<u64> {
    (address & !0xffff_ffff == MODULE_WINDOW).then_some(address & 0xffff_ffff)
}

/// Says where a variable is.
#[derive(Clone, Copy, Debug)]
pub(super) enum Symbol {
    At(u64),
    /// After all shared variables whose length is known.
    Dynamic,
}

/// Lays out the variables of a module, or of a kernel with those of its module.
#[derive(Clone, Debug, Default)]
pub(super) struct Variables {
    symbols: BTreeMap<String, Symbol>,
    pub(super) shared_byte_len: u64,
    pub(super) local_byte_len: u64,
    pub(super) param_byte_len: u64,
    /// Of the module's own variables.
    pub(super) data: Vec<u8>,
    /// What the shared variables without a length are aligned to.
    dynamic_align: u64,
}

/// Holds what a declaration says of a variable.
pub(super) struct Declared<'t> {
    pub(super) name: &'t str,
    of: Type,
    align: u64,
    /// None if the brackets are empty.
    byte_len: Option<u64>,
}

impl<'t> Declared<'t> {
    /// Reads a declaration from its type on, up to its initial value.
    pub(super) fn read(cursor: &mut Cursor<'t>) -> Result<Self, String> {
        let (mut of, mut align, mut pointer) = (None, None, false);
        while cursor.peek().starts_with('.') {
            let word = cursor.word()?;
            match word {
                ".align" => {
                    let given = number(cursor.word()?).filter(|align| align.is_power_of_two());
                    let given = given.filter(|align| *align <= 1 << 12);
                    let given = given.ok_or_else(|| cursor.error("no alignment before this"))?;
                    // After `.ptr` it is that of what the pointer points to.
                    align = if pointer { align } else { Some(given) };
                }
                ".ptr" => pointer = true,
                _ if pointer && Space::of(&word[1..]).is_some() => {}
                _ => {
                    let found = Type::of(&word[1..]).filter(|of| of.bits > 1);
                    of =
                        Some(found.ok_or_else(|| cursor.error(&format!("`{word}` is not known")))?);
                }
            }
        }
        let of = of.ok_or_else(|| cursor.error("expected a type"))?;
        let name = cursor.word()?;
        let byte_len = dimensions(cursor, of.byte_len() as u64)?;
        Ok(Self { name, of, align: align.unwrap_or(of.byte_len() as u64), byte_len })
    }
}

/// Reads the lengths in brackets after a name, and returns how many bytes that is.
fn dimensions(cursor: &mut Cursor<'_>, element: u64) -> Result<Option<u64>, String> {
    let mut byte_len = Some(element);
    while cursor.pass("[") {
        if cursor.pass("]") {
            byte_len = None;
            continue;
        }
        let count = number(cursor.word()?);
        let count = count.ok_or_else(|| cursor.error("no number before this"))?;
        cursor.expect("]")?;
        // What is too long is too long for every space.
        byte_len = byte_len.map(|len| len.saturating_mul(count));
    }
    Ok(byte_len)
}

impl Variables {
    /// Returns them for a kernel, whose own come to them.
    pub(super) fn of_kernel(&self) -> Self {
        // The module keeps its bytes.
        Self { symbols: self.symbols.clone(), data: Vec::new(), ..*self }
    }

    pub(super) fn symbol(&self, name: &str) -> Option<Symbol> {
        self.symbols.get(name).copied()
    }

    /// Where the part of shared memory begins whose length a launch says.
    pub(super) fn dynamic_start(&self) -> u64 {
        self.shared_byte_len.next_multiple_of(self.dynamic_align.max(16))
    }

    /// Lays out a variable; returns where it begins, and its length.
    pub(super) fn declare(
        &mut self,
        space: Space,
        variable: &Declared<'_>,
    ) -> Result<(u64, u64), String> {
        let name = variable.name;
        let Some(byte_len) = variable.byte_len else {
            return self.declare_dynamic(space, variable);
        };
        let used = self.used(space);
        let start = used.next_multiple_of(variable.align);
        let end = start.saturating_add(byte_len);
        if end > space.bytes_max() {
            return Err(format!("`{name}` does not fit into {} bytes", space.bytes_max()));
        }
        match space {
            Space::Shared => self.shared_byte_len = end,
            Space::Local => self.local_byte_len = end,
            Space::Param => self.param_byte_len = end,
            Space::Global | Space::Generic => self.data.resize(end as usize, 0),
        }
        let window = if space == Space::Global { MODULE_WINDOW } else { 0 };
        self.name(name, Symbol::At(window + start))?;
        Ok((start, byte_len))
    }

    fn used(&self, space: Space) -> u64 {
        match space {
            Space::Shared => self.shared_byte_len,
            Space::Local => self.local_byte_len,
            Space::Param => self.param_byte_len,
            Space::Global | Space::Generic => self.data.len() as u64,
        }
    }

    fn declare_dynamic(
        &mut self,
        space: Space,
        variable: &Declared<'_>,
    ) -> Result<(u64, u64), String> {
        if space != Space::Shared {
            return Err(format!("`{}` has no length", variable.name));
        }
        self.dynamic_align = self.dynamic_align.max(variable.align);
        self.name(variable.name, Symbol::Dynamic)?;
        Ok((0, 0))
    }

    fn name(&mut self, name: &str, symbol: Symbol) -> Result<(), String> {
        match self.symbols.insert(name.to_owned(), symbol) {
            None => Ok(()),
            Some(_) => Err(format!("`{name}` is declared twice")),
        }
    }

    /// Reads the initial value after a declaration, if there is one.
    pub(super) fn initialize(
        &mut self,
        cursor: &mut Cursor<'_>,
        variable: &Declared<'_>,
        start: u64,
        byte_len: u64,
    ) -> Result<(), String> {
        if !cursor.pass("=") {
            return Ok(());
        }
        let element = variable.of.byte_len();
        let place = start as usize..(start + byte_len) as usize;
        let mut room = self.data[place].chunks_exact_mut(element);
        let listed = cursor.pass("{");
        loop {
            let negative = cursor.pass("-");
            let word = number(cursor.word()?);
            let word = word.ok_or_else(|| cursor.error("no number before this"))?;
            let word = if negative { word.wrapping_neg() } else { word };
            let bytes = room.next().ok_or_else(|| cursor.error("too many numbers"))?;
            bytes.copy_from_slice(&word.to_le_bytes()[..element]);
            if !listed || !cursor.pass(",") {
                break;
            }
        }
        if listed { cursor.expect("}") } else { Ok(()) }
    }
}
