//! How each parameter is trained.

use std::sync::Arc;

use burn::optim::DynOptimizer;
use reenact_core::spec::{Clipping, Spec};

use crate::inventory::Inventory;
use crate::rule::Rule;

/// Trains some parameters alike.
#[derive(Clone)]
pub(crate) struct Group {
    pub(crate) rule: Rule,
    /// What the scheduled learning rate is multiplied by.
    pub(crate) learning_rate_factor: f64,
    pub(crate) clipping: Option<Clipping>,
    /// The step from which on it is trained.
    pub(crate) frozen_until: u64,
}

/// Holds the groups of a spec, and last the one of everything else.
pub(crate) struct Groups {
    all: Vec<Group>,
    /// Number of the group of each item of a model.
    of_item: Vec<usize>,
}

impl Groups {
    /// Sorts the items of a model into the groups of a spec; the first that holds an item
    /// takes it. `own` are the optimizers that the program's code names.
    ///
    /// # Errors
    /// An optimizer that nobody knows, or a group that holds nothing that is trained.
    pub(crate) fn new(
        spec: &Spec,
        inventory: &Inventory,
        own: &[(&str, Arc<dyn DynOptimizer>)],
    ) -> Result<Self, String> {
        let mut all = Vec::new();
        for group in &spec.groups {
            let optimizer = group.optimizer.as_ref().unwrap_or(&spec.optimizer);
            let rule = match group.weight_decay {
                Some(decay) => Rule::new(&Rule::decayed(optimizer, decay)?, own)?,
                None => Rule::new(optimizer, own)?,
            };
            all.push(Group {
                rule,
                learning_rate_factor: group.learning_rate_factor,
                clipping: group.clipping.or(spec.clipping),
                frozen_until: group.frozen_until,
            });
        }
        all.push(Group {
            rule: Rule::new(&spec.optimizer, own)?,
            learning_rate_factor: 1.0,
            clipping: spec.clipping,
            frozen_until: 0,
        });
        let of = |path: &str| spec.groups.iter().position(|group| group.holds(path));
        let of_item = inventory.items.iter().map(|item| of(&item.path).unwrap_or(all.len() - 1));
        let of_item: Vec<usize> = of_item.collect();
        let trained = |number: usize| {
            let mut items = inventory.items.iter().zip(&of_item);
            items.any(|(item, group)| item.trainable && *group == number)
        };
        if let Some(number) = (0..spec.groups.len()).find(|number| !trained(*number)) {
            return Err(format!(
                "`groups.match = {:?}`: it holds no parameter that is trained and that no group \
                 before it holds; {}",
                spec.groups[number].pattern,
                paths(inventory)
            ));
        }
        Ok(Self { all, of_item })
    }

    /// Returns the group of an item.
    pub(crate) fn of(&self, item: usize) -> &Group {
        &self.all[self.of_item[item]]
    }

    /// Returns the number of an item's group.
    pub(crate) fn number(&self, item: usize) -> usize {
        self.of_item[item]
    }

    /// Returns how many there are.
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// Returns a group by its number.
    pub(crate) fn group(&self, number: usize) -> &Group {
        &self.all[number]
    }

    /// Says whether any group needs the norm of gradients.
    pub(crate) fn need_norms(&self) -> bool {
        let norm = |clipping| {
            matches!(clipping, Some(Clipping::GlobalNorm { .. } | Clipping::TensorNorm { .. }))
        };
        self.all.iter().any(|group| norm(group.clipping))
    }
}

/// Names some parameters of a model, as a pattern has to fit them.
fn paths(inventory: &Inventory) -> String {
    const SHOWN: usize = 6;
    let trained = || inventory.items.iter().filter(|item| item.trainable);
    let shown: Vec<_> = trained().take(SHOWN).map(|item| format!("`{}`", item.path)).collect();
    let more = trained().count().saturating_sub(SHOWN);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("the parameters are {}{more}", shown.join(", "))
}
