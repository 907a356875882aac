//! The registers, constants and labels of a kernel, by name.

use std::collections::BTreeMap;

use super::code::{FIXED, Op, Place, SCRATCH, SPECIAL};
use super::lex::Cursor;
use super::space::{Space, Symbol, Variables};
use super::types::{Type, number};

/// Targets of all tables of a kernel, at most, once for each use.
const TABLE_TARGETS_MAX: usize = 1 << 16;

/// Holds the registers that are declared between two braces.
#[derive(Default)]
struct Scope {
    /// By their name, or by the name before their number, with how many there are.
    declared: BTreeMap<String, (Type, Option<u64>)>,
    places: BTreeMap<String, Place>,
}

/// Gives every register, constant and label of a kernel a place.
pub(super) struct Names {
    pub(super) variables: Variables,
    scopes: Vec<Scope>,
    constants: BTreeMap<u64, Place>,
    /// Where the start of dynamic shared memory stands, which is known at the end.
    dynamic: Option<Place>,
    /// A frame before its thread runs.
    frame: Vec<u64>,
    labels: BTreeMap<String, u32>,
    /// By label, the instruction that it stands before.
    positions: Vec<Option<u32>>,
    tables: BTreeMap<String, Vec<String>>,
    /// Targets of all `brx.idx` so far, each of which has its table for itself.
    table_targets: usize,
}

impl Names {
    pub(super) fn new(variables: Variables) -> Self {
        Self {
            variables,
            scopes: vec![Scope::default()],
            constants: BTreeMap::new(),
            dynamic: None,
            frame: vec![0; FIXED],
            labels: BTreeMap::new(),
            positions: Vec::new(),
            tables: BTreeMap::new(),
            table_targets: 0,
        }
    }

    pub(super) fn open(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Closes the innermost scope; says whether another is left.
    pub(super) fn close(&mut self) -> bool {
        self.scopes.pop();
        !self.scopes.is_empty()
    }

    /// Reads a declaration of registers after `.reg`, up to its `;`.
    pub(super) fn declare_registers(&mut self, cursor: &mut Cursor<'_>) -> Result<(), String> {
        let word = cursor.word()?;
        let of = word.strip_prefix('.').and_then(Type::of);
        let of = of.ok_or_else(|| cursor.error(&format!("`{word}` is not known")))?;
        loop {
            let name = cursor.word()?;
            let mut count = None;
            if cursor.pass("<") {
                count = number(cursor.word()?);
                cursor.expect(">")?;
            }
            let scope = self.scopes.last_mut().expect("a body has a scope");
            scope.declared.insert(name.to_owned(), (of, count));
            if !cursor.pass(",") {
                return cursor.expect(";");
            }
        }
    }

    /// Returns the place and the type of a register.
    pub(super) fn register(&mut self, name: &str) -> Option<(Place, Type)> {
        let Self { scopes, frame, .. } = self;
        let scope = scopes.iter_mut().rev().find_map(|scope| {
            let of = declared(scope, name)?;
            Some((scope, of))
        });
        let (scope, of) = scope?;
        let place = *scope.places.entry(name.to_owned()).or_insert_with(|| push(frame, 0));
        Some((place, of))
    }

    /// Returns where an instruction puts its result.
    pub(super) fn target(&mut self, name: &str) -> Result<(Place, Type), String> {
        if name == "_" {
            return Ok((SCRATCH, Type::of("b64").expect("a known type")));
        }
        self.register(name).ok_or_else(|| format!("`{name}` is no register"))
    }

    /// Returns where a register, a number or the address of a variable stands.
    pub(super) fn source(&mut self, name: &str) -> Result<Place, String> {
        if let Some(place) = SPECIAL.iter().position(|special| *special == name) {
            return Ok(place as Place);
        }
        if let Some((place, _)) = self.register(name) {
            return Ok(place);
        }
        match self.variables.symbol(name) {
            Some(Symbol::At(address)) => Ok(self.constant(address)),
            Some(Symbol::Dynamic) => {
                let frame = &mut self.frame;
                Ok(*self.dynamic.get_or_insert_with(|| push(frame, 0)))
            }
            None => match number(name) {
                Some(word) => Ok(self.constant(word)),
                None => Err(format!("`{name}` is not known")),
            },
        }
    }

    /// Whether an operand is surely no wider than so many bits.
    pub(super) fn fits(&mut self, name: &str, bits: u32) -> bool {
        if let Some((_, of)) = self.register(name) {
            return of.bits <= bits;
        }
        let is_special = SPECIAL.contains(&name);
        let word = if is_special { Some(u64::from(u32::MAX)) } else { number(name) };
        word.is_some_and(|word| word.checked_shr(bits).unwrap_or(0) == 0)
    }

    /// Returns where a constant stands.
    pub(super) fn constant(&mut self, word: u64) -> Place {
        let frame = &mut self.frame;
        *self.constants.entry(word).or_insert_with(|| push(frame, word))
    }

    /// Returns the number of a label, which need not be there yet.
    pub(super) fn label(&mut self, name: &str) -> u32 {
        match self.labels.get(name) {
            Some(label) => *label,
            None => {
                let label = self.new_label();
                self.labels.insert(name.to_owned(), label);
                label
            }
        }
    }

    /// Returns a label without a name.
    pub(super) fn new_label(&mut self) -> u32 {
        self.positions.push(None);
        (self.positions.len() - 1) as u32
    }

    /// Puts a label before the instruction at `position`.
    pub(super) fn place_label(&mut self, label: u32, position: usize) -> Result<(), String> {
        match self.positions[label as usize].replace(position as u32) {
            None => Ok(()),
            Some(_) => Err("the label stands in two places".to_owned()),
        }
    }

    /// Remembers the labels that a `brx.idx` chooses from.
    pub(super) fn add_table(&mut self, name: &str, labels: Vec<String>) {
        self.tables.insert(name.to_owned(), labels);
    }

    /// Returns the labels of a table, which stands before its use.
    pub(super) fn table(&mut self, name: &str) -> Result<Box<[u32]>, String> {
        let names = self.tables.get(name).ok_or_else(|| format!("`{name}` is no table"))?;
        self.table_targets += names.len();
        if self.table_targets > TABLE_TARGETS_MAX {
            return Err(format!("there are more than {TABLE_TARGETS_MAX} targets"));
        }
        let names = names.clone();
        Ok(names.iter().map(|name| self.label(name)).collect())
    }

    /// Turns labels into places of instructions, and returns a frame.
    pub(super) fn finish(mut self, code: &mut [Op], lines: &[u32]) -> Result<Vec<u64>, String> {
        for (op, line) in code.iter_mut().zip(lines) {
            for target in op.targets() {
                let position = self.positions[*target as usize];
                *target = position.ok_or_else(|| {
                    let named = self.labels.iter().find(|(_, label)| **label == *target);
                    let name = named.map_or("", |(name, _)| name);
                    format!("line {line}: there is no label `{name}`")
                })?;
            }
        }
        if let Some(place) = self.dynamic {
            self.frame[place as usize] = self.variables.dynamic_start();
        }
        Ok(self.frame)
    }

    /// What to add to an address of a space for a generic one.
    pub(super) fn window(&mut self, space: Space) -> Place {
        self.constant(space.window())
    }
}

fn push(frame: &mut Vec<u64>, word: u64) -> Place {
    frame.push(word);
    (frame.len() - 1) as Place
}

/// Returns the type of a register if it is declared in this scope.
fn declared(scope: &Scope, name: &str) -> Option<Type> {
    if let Some((of, None)) = scope.declared.get(name) {
        return Some(*of);
    }
    let prefix = name.trim_end_matches(|letter: char| letter.is_ascii_digit());
    // A name before a number may end in digits itself, but LLVM gives none such.
    let (of, count) = scope.declared.get(prefix)?;
    let digits = &name[prefix.len()..];
    let plain = digits == "0" || !digits.starts_with('0');
    let number = digits.parse::<u64>().ok().filter(|_| plain)?;
    (number < (*count)?).then_some(*of)
}
